"""Roll back: draft and submit the change that puts back what another one changed."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import text

from catalog.rules import check_instant
from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed
from pricing.changes.come_due import catch_up
from pricing.changes.draft import NewChange, NewItem, store_draft
from pricing.changes.errors import AlreadyCountered, NothingToRollBack, ParityBroken
from pricing.changes.in_time import lead_for, must_be_in_time
from pricing.changes.move import WHAT, Change, lock_change, market_of
from pricing.changes.overlay import Planned
from pricing.changes.put_back import put_back
from pricing.changes.rules import Origin, PriceChangeState
from pricing.changes.schemas import RollBackBody
from pricing.changes.submit import submit_change
from pricing.locking import lock_market
from pricing.series import Histories, histories

NAME_MAX = 200

_COUNTER = text("""
    SELECT id FROM price_changes WHERE counter_of = :id AND state NOT IN ('rejected', 'withdrawn')
""")


async def roll_back_change(tx: Session, change_id: str, wanted: RollBackBody, actor: str, now: datetime) -> str:
    """Submit the counter-change of a live one; its id. Somebody else approves it, and it is scheduled like any other.

    For each price that is still in force through the change, or still to come, it puts back what lay beneath; what
    other changes have written over it since is left as it is.
    Raises NotFound, MoveNotAllowed, AlreadyCountered, NothingToRollBack, TooSoon, ParityBroken.
    """
    check_instant("starts_at", wanted.starts_at)
    await lock_market(tx, await market_of(tx, change_id))
    change = await catch_up(tx, await lock_change(tx, change_id), now)
    await _must_be_live(tx, change)
    begins = wanted.starts_at or now + lead_for(change.items)
    must_be_in_time("starts_at", begins, change.items, now)
    plan = await put_back(tx, change.market, change.id, begins)
    if not plan:
        raise NothingToRollBack(change.id)
    known = await histories(tx, change.market, {one.sku for one in plan}, begins)
    counter = NewChange(
        change.market,
        f"Roll back: {change.name}"[:NAME_MAX],
        wanted.reason,
        Origin.COUNTER,
        wanted.starts_at,
        None,
        counter_of=change.id,
    )
    items = [_item(one, begins, known[one.sku]) for one in plan]
    counter_id = await store_draft(tx, counter, items, actor, now)
    try:
        await submit_change(tx, counter_id, actor, now)
    except ParityBroken as broken:
        raise replace(broken, field="change_id") from None
    return counter_id


async def _must_be_live(tx: Session, change: Change) -> None:
    """Go on only if the change is live, and nobody else is rolling it back. Raises MoveNotAllowed, AlreadyCountered."""
    if change.state is not PriceChangeState.LIVE:
        raise MoveNotAllowed(WHAT, change.state, PriceChangeState.ROLLED_BACK)
    other: str | None = (await tx.execute(_COUNTER, {"id": change.id})).scalar_one_or_none()
    if other is not None:
        raise AlreadyCountered(change.id, other)


def _item(one: Planned, begins: datetime, history: Histories) -> NewItem:
    return NewItem(
        one.sku,
        one.channel,
        one.amount,
        starts_at=one.begins if one.begins > begins else None,
        ends_at=one.ends,
        old_amount=history.charged(one.channel, one.begins),
        exception_id=one.exception_id,
    )
