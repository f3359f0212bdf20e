"""End a recommended price: from an instant on the sku is not sold in a market; or take back one that never began."""

from datetime import datetime

from sqlalchemy import text

from catalog.rules import check_instant
from commerce.kernel.bodies import Amount
from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from pricing.errors import NoPriceInForce, PriceInThePast
from pricing.events import RecommendedPriceEnded, RecommendedPriceSet
from pricing.locking import lock_history
from pricing.queries import currency_of, must_know_sku, prices_since
from pricing.rules import Span, span_at
from pricing.schemas import EndPriceBody, PriceView

_CUT = text("""
    UPDATE recommended_prices SET valid_to = :at
     WHERE sku = :sku AND market = :market AND valid_from = :valid_from
""")
_TAKE_BACK = text("""
    DELETE FROM recommended_prices WHERE sku = :sku AND market = :market AND valid_from = :valid_from
""")
_GO_ON = text("""
    UPDATE recommended_prices SET valid_to = :ends WHERE sku = :sku AND market = :market AND valid_to = :at
 RETURNING amount
""")

# What was planned for a while had split one price in two.
_TAKE_REST = text("""
    DELETE FROM recommended_prices
     WHERE sku = :sku AND market = :market AND valid_from = :ends AND amount = :amount
 RETURNING valid_to
""")


async def end_price(tx: Session, wanted: EndPriceBody, now: datetime) -> PriceView:
    """End the price that is in force at an instant, and tell. The next one that is scheduled begins all the same.

    A price that would only begin at that instant is taken back: it never held, so nothing of it is kept, and the price
    that was to end there goes on until where it would have ended, and on where it was to come back. One that begins now
    is ended, not taken back. Raises PriceInThePast, NoPriceInForce, UnknownReference, InvalidInput.
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
    going_on: int | None = None
    if price.valid_from < at:
        await tx.execute(_CUT, {**facts, "at": at})
    else:
        await tx.execute(_TAKE_BACK, facts)
        going_on = await _go_on(tx, wanted, at, price) if at > now else None
    if going_on is None:
        await tell(tx, RecommendedPriceEnded(wanted.sku, wanted.market, at), now)
    else:
        told = RecommendedPriceSet(wanted.sku, wanted.market, going_on, currency, at, price.valid_to)
        await tell(tx, told, now)
    return PriceView(wanted.sku, wanted.market, Amount(price.value, currency), price.valid_from, at)


async def _go_on(tx: Session, wanted: EndPriceBody, at: datetime, taken_back: Span) -> int | None:
    """Let the price that ends at an instant go on in place of one that was taken back; its amount, if there is one."""
    facts = {"sku": wanted.sku, "market": wanted.market, "at": at, "ends": taken_back.valid_to}
    amount: int | None = (await tx.execute(_GO_ON, facts)).scalar_one_or_none()
    if amount is None or taken_back.valid_to is None:
        return amount
    rest = (await tx.execute(_TAKE_REST, {**facts, "amount": amount})).one_or_none()
    if rest is not None:
        await tx.execute(_GO_ON, {**facts, "at": taken_back.valid_to, "ends": rest.valid_to})
    return amount
