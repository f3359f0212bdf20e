"""Open a market: a country group with one currency, a way with tax, and a time zone."""

from catalog.models import Market
from catalog.rules import check_countries, check_currency, check_time_zone
from catalog.schemas import MarketBody, MarketView
from catalog.writes import fields_of, insert_new
from commerce.kernel.db import Session


async def open_market(tx: Session, wanted: MarketBody) -> MarketView:
    """Open a market. Its tax rates are pricing's business: whoever opens a market has them seeded there.

    Raises InvalidInput for a currency, a country or a time zone that does not exist, and AlreadyExists.
    """
    check_currency(wanted.currency)
    check_countries(wanted.countries)
    check_time_zone(wanted.time_zone)
    fields = fields_of(wanted)
    await insert_new(tx, Market.code, {"code": fields})
    return MarketView(**fields)
