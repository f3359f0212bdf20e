"""Set a recommended price from an instant on."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from catalog.rules import check_instant
from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import InvalidInput
from pricing.errors import MixedCurrency, PriceInThePast, PriceOverlaps
from pricing.events import RecommendedPriceSet
from pricing.locking import EXCLUDED, lock_history
from pricing.queries import currency_of, must_know_sku, prices_since
from pricing.rules import Span, first_beginning, resumed, span_at
from pricing.schemas import PriceBody, PriceView

_CUT = text("""
    UPDATE recommended_prices SET valid_to = :begins
     WHERE sku = :sku AND market = :market AND valid_from = :valid_from
""")
_STORE = text("""
    INSERT INTO recommended_prices (sku, market, valid_from, valid_to, amount)
    VALUES (:sku, :market, :valid_from, :valid_to, :amount)
""")


async def set_price(tx: Session, wanted: PriceBody, now: datetime) -> PriceView:
    """Put a price in force from an instant on, and tell.

    Inside its interval the new price holds; outside nothing changes: the price it interrupts ends where it begins,
    and goes on after it if it lasted longer. A price that begins inside the interval is somebody's plan, and is
    refused rather than overwritten: give a `valid_to` to end where that one begins.

    Raises PriceInThePast, PriceOverlaps, MixedCurrency, UnknownReference, InvalidInput.
    """
    new = Span(wanted.valid_from or now, wanted.valid_to, wanted.price.amount)
    _check_interval(new, now)
    await must_know_sku(tx, wanted.sku)
    currency = await currency_of(tx, wanted.market)
    if wanted.price.currency != currency:
        raise MixedCurrency("price.currency", wanted.price.currency, currency)
    await lock_history(tx, "recommended_prices", wanted.market, wanted.sku)
    history = await prices_since(tx, wanted.market, wanted.sku, new.valid_from)
    taken = first_beginning(history, new.valid_from, new.valid_to)
    if taken is not None:
        raise PriceOverlaps(_to_blame(wanted), wanted.sku, wanted.market, taken.valid_from)
    await _store(tx, wanted, new, span_at(history, new.valid_from))
    told = RecommendedPriceSet(wanted.sku, wanted.market, new.value, currency, new.valid_from, new.valid_to)
    await tell(tx, told, now)
    return PriceView(wanted.sku, wanted.market, wanted.price, new.valid_from, new.valid_to)


def _check_interval(new: Span, now: datetime) -> None:
    check_instant("valid_from", new.valid_from)
    check_instant("valid_to", new.valid_to)
    if new.valid_from < now:
        raise PriceInThePast("valid_from", new.valid_from, now)
    if new.valid_to is not None and new.valid_to <= new.valid_from:
        raise InvalidInput("valid_to", "It must be after valid_from.")


def _to_blame(wanted: PriceBody) -> str:
    return "sku" if wanted.valid_from is None else "valid_from"


async def _store(tx: Session, wanted: PriceBody, new: Span, interrupted: Span | None) -> None:
    """Cut what is interrupted and store the new price and the rest. The exclusion constraint has the last word."""
    key = {"sku": wanted.sku, "market": wanted.market}
    spans = [new]
    if interrupted is not None:
        await tx.execute(_CUT, {**key, "valid_from": interrupted.valid_from, "begins": new.valid_from})
        spans += [rest for rest in [resumed(interrupted, new.valid_to)] if rest]
    try:
        for one in spans:
            facts = {"valid_from": one.valid_from, "valid_to": one.valid_to, "amount": one.value}
            await tx.execute(_STORE, {**key, **facts})
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) not in EXCLUDED:
            raise
        raise PriceOverlaps(_to_blame(wanted), wanted.sku, wanted.market, None) from error
