"""End a recommended price: from an instant on the sku is not sold in a market."""

from datetime import datetime

from sqlalchemy import text

from catalog.rules import check_instant
from commerce.kernel.bodies import Amount
from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from pricing.errors import NoPriceInForce, PriceInThePast
from pricing.events import RecommendedPriceEnded
from pricing.locking import lock_history
from pricing.queries import currency_of, must_know_sku, prices_since
from pricing.rules import span_at
from pricing.schemas import EndPriceBody, PriceView

_CUT = text("""
    UPDATE recommended_prices SET valid_to = :at
     WHERE sku = :sku AND market = :market AND valid_from = :valid_from
""")
_TAKE_BACK = text("""
    DELETE FROM recommended_prices WHERE sku = :sku AND market = :market AND valid_from = :valid_from
""")


async def end_price(tx: Session, wanted: EndPriceBody, now: datetime) -> PriceView:
    """End the price that is in force at an instant, and tell. The next one that is scheduled begins all the same.

    A price that would only begin at that instant is taken back: it never held, so nothing of it is kept.
    Raises PriceInThePast, NoPriceInForce, UnknownReference, InvalidInput.
    """
    at = wanted.at or now
    check_instant("at", at)
    if at < now:
        raise PriceInThePast("at", at, now)
    await must_know_sku(tx, wanted.sku)
    currency = await currency_of(tx, wanted.market)
    await lock_history(tx, "recommended_prices", wanted.market, wanted.sku)
    price = span_at(await prices_since(tx, wanted.market, wanted.sku, at), at)
    if price is None:
        raise NoPriceInForce(wanted.sku, wanted.market, at)
    facts = {"sku": wanted.sku, "market": wanted.market, "valid_from": price.valid_from}
    await (tx.execute(_TAKE_BACK, facts) if price.valid_from == at else tx.execute(_CUT, {**facts, "at": at}))
    await tell(tx, RecommendedPriceEnded(wanted.sku, wanted.market, at), now)
    return PriceView(wanted.sku, wanted.market, Amount(price.value, currency), price.valid_from, at)
