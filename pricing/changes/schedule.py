"""Schedule: an approved change is written into the market's prices and its book, and begins by itself."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from catalog.rules import check_instant
from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.outbox import tell
from commerce.kernel.rows import Into, write
from pricing.changes.check import Checked, check_change, to_come
from pricing.changes.events import PriceChangeScheduled
from pricing.changes.in_time import done_in_time, start_to_schedule
from pricing.changes.into_book import into_book
from pricing.changes.move import Change, lock_change, market_of, may_become, move_change
from pricing.changes.overlay import Planned
from pricing.changes.rules import PriceChangeState
from pricing.locking import lock_market
from pricing.take_back import take_back_since
from pricing.write_prices import PriceWrite, write_prices

_STARTS = text("UPDATE price_changes SET starts_at = :begins WHERE id = :id")
_EXCEPTIONS = Into(
    "parity_exceptions",
    {
        "id": "text",
        "channel": "text",
        "sku": "text",
        "reason": "text",
        "approved_by": "text",
        "approved_at": "timestamptz",
        "expires_at": "timestamptz",
        "change_id": "text",
    },
)
_STANDS_ON = text("""
    UPDATE price_change_items i SET exception_id = r.exception_id
      FROM unnest(CAST(:places AS int[]), CAST(:exceptions AS text[])) AS r (place, exception_id)
     WHERE i.change_id = :id AND i.place = r.place
""")


async def schedule_change(tx: Session, change_id: str, starts_at: datetime | None, actor: str, now: datetime) -> None:
    """Write an approved change's prices, from the instant it begins on, and publish the book that says so.

    It begins when it was approved to, and at no other instant. Where nobody said when, it begins at the instant that is
    given here, or as soon as everybody can know of it. All is checked again: since it was approved, others may have
    changed what it meets. Exceptions are recorded with their approver.
    Raises NotFound, MoveNotAllowed, StartNotApproved, StartMissed, TooSoon, and whatever `check_change` raises.
    """
    check_instant("starts_at", starts_at)
    await lock_market(tx, await market_of(tx, change_id))
    change = await lock_change(tx, change_id)
    may_become(change, PriceChangeState.SCHEDULED)
    begins = start_to_schedule(change, starts_at, now)
    await done_in_time(tx, begins, now)
    checked = await check_change(tx, change, begins, now)
    plan = await _with_exceptions(tx, change, checked, now)
    if change.counter_of is None:
        await write_prices(tx, change.market, [_write(one) for one in plan], change.id, now)
    else:
        await take_back_since(tx, change.market, change.counter_of, change.id, begins, now)
    await tx.execute(_STARTS, {"id": change.id, "begins": begins})
    await move_change(tx, change, PriceChangeState.SCHEDULED, actor, now)
    await tell(tx, PriceChangeScheduled(change.id, change.market, begins, change.ends_at, change.counter_of), now)
    await into_book(tx, change.market, now)


def _write(one: Planned) -> PriceWrite:
    return PriceWrite(one.sku, one.channel, one.begins, one.ends, one.amount, one.exception_id)


async def _with_exceptions(tx: Session, change: Change, checked: Checked, now: datetime) -> Sequence[Planned]:
    """Record the exceptions of a change, and have its prices stand on them."""
    ids = {one.place: new_id("pex", now) for one in checked.plan if one.exception_id == to_come(one.place)}
    if not ids:
        return checked.plan
    rows = [
        (
            *(ids[item.place], item.channel, item.sku, item.exception_reason),
            *(change.approved_by, change.approved_at, item.exception_expires_at, change.id),
        )
        for item in checked.items
        if item.place in ids
    ]
    await write(tx, [_EXCEPTIONS.rows(rows)])
    facts = {"id": change.id, "places": list(ids), "exceptions": list(ids.values())}
    await tx.execute(_STANDS_ON, facts)
    return [one._replace(exception_id=ids.get(one.place, one.exception_id)) for one in checked.plan]
