"""Open a market: a country group with one currency, a way with tax, and a time zone."""

from catalog.models import Market
from catalog.rules import is_currency, is_time_zone
from catalog.schemas import MarketBody, MarketView
from catalog.writes import fields_of, insert_new
from commerce.kernel.db import Session
from commerce.kernel.refusals import InvalidInput


async def open_market(tx: Session, wanted: MarketBody) -> MarketView:
    """Open a market. Its tax rates are pricing's business: whoever opens a market has them seeded there.

    Raises InvalidInput for a currency, a country or a time zone that does not exist, and AlreadyExists.
    """
    if not is_currency(wanted.currency):
        raise InvalidInput("currency", f"{wanted.currency!r} is not an ISO 4217 currency with a smallest unit.")
    check_countries(wanted.countries)
    check_time_zone(wanted.time_zone)
    fields = fields_of(wanted)
    await insert_new(tx, Market.code, {"code": fields})
    return MarketView(**fields)


def check_countries(countries: list[str]) -> None:
    """A country belongs to a market once. Raises InvalidInput."""
    if len(set(countries)) < len(countries):
        raise InvalidInput("countries", "A country is named twice.")


def check_time_zone(name: str) -> None:
    """Business days need a zone that exists. Raises InvalidInput."""
    if not is_time_zone(name):
        raise InvalidInput("time_zone", f"{name!r} is not an IANA time zone.")
