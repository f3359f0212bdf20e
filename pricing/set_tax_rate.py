"""Set a tax rate from an instant on."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from catalog.rules import TaxClass, check_instant
from commerce.kernel.db import Session
from commerce.kernel.refusals import InvalidInput
from pricing.books.lead import LEAD, must_lead
from pricing.books.publish import publish_book
from pricing.errors import RateInThePast, RateOverlaps
from pricing.locking import EXCLUDED, lock_market
from pricing.queries import currency_of, rates_since
from pricing.rules import first_beginning, span_at
from pricing.schemas import TaxRateBody, TaxRateView

_CUT = text("""
    UPDATE tax_rates SET valid_to = :begins
     WHERE market = :market AND tax_class = :tax_class AND valid_from < :begins
       AND (valid_to IS NULL OR valid_to > :begins)
""")
_TAKE_BACK = text("""
    DELETE FROM tax_rates WHERE market = :market AND tax_class = :tax_class AND valid_from = :begins
""")
_STORE = text("""
    INSERT INTO tax_rates (market, tax_class, valid_from, valid_to, rate_bp, source)
    VALUES (:market, :tax_class, :begins, :ends, :rate_bp, :source)
""")


async def set_tax_rate(tx: Session, wanted: TaxRateBody, now: datetime) -> TaxRateView:
    """Put a rate in force from an instant on, until the next one that is scheduled begins: there is always a rate.

    The rate it replaces ends where it begins. One that was scheduled for the same instant and has not begun is
    replaced, so that a slip of the pen can be mended.
    Every till and every process knows it before it begins: it begins LEAD from now at the soonest, and the book that
    says so is published with it.
    Raises RateInThePast, TooSoon, RateOverlaps, UnknownReference, InvalidInput.
    """
    begins = wanted.valid_from or now + LEAD
    check_instant("valid_from", begins)
    if begins < now:
        raise RateInThePast("valid_from", begins, now)
    must_lead("valid_from", begins, now)
    if wanted.tax_class is TaxClass.ZERO and wanted.rate_bp:
        raise InvalidInput("rate_bp", "The zero class is taxed at nought.")
    await currency_of(tx, wanted.market)
    await lock_market(tx, wanted.market)
    history = await rates_since(tx, wanted.market, wanted.tax_class, begins)
    in_force = span_at(history, begins)
    if wanted.valid_from is None and in_force is not None and in_force.valid_from == begins:
        raise RateOverlaps("valid_from", wanted.market, wanted.tax_class)
    later = first_beginning((one for one in history if one.valid_from > begins), begins, None)
    ends = later.valid_from if later else None
    await _store(tx, wanted, begins, ends)
    await publish_book(tx, wanted.market, now)
    return TaxRateView(wanted.market, wanted.tax_class, wanted.rate_bp, wanted.source, begins, ends)


async def _store(tx: Session, wanted: TaxRateBody, begins: datetime, ends: datetime | None) -> None:
    """Make room and store the rate. The exclusion constraint has the last word."""
    key = {"market": wanted.market, "tax_class": wanted.tax_class, "begins": begins}
    await tx.execute(_CUT, key)
    await tx.execute(_TAKE_BACK, key)
    try:
        await tx.execute(_STORE, {**key, "ends": ends, "rate_bp": wanted.rate_bp, "source": wanted.source})
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) not in EXCLUDED:
            raise
        raise RateOverlaps("valid_from", wanted.market, wanted.tax_class) from error
