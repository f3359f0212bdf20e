"""Inventory's reads."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, text, tuple_

from commerce.kernel.db import ReadSession
from inventory.models import Movement, Overdraft, StockPool
from inventory.rules import MovementKind, hold_state
from inventory.schemas import HeldView, HoldView, MovementView, OverdraftView, StockView

_STOCK = select(
    StockPool.sku, StockPool.location, StockPool.purpose, StockPool.supply, StockPool.held, StockPool.overdrawn
).order_by(StockPool.sku, StockPool.location, StockPool.purpose)
_MOVEMENTS = (
    select(
        Movement.id, StockPool.sku, StockPool.location, Movement.kind, Movement.units, Movement.reference,
        Movement.reason, Movement.actor, Movement.moved_at,
    )
    .join(StockPool, StockPool.id == Movement.pool_id)
    .order_by(Movement.id.desc())
)  # fmt: skip
_OVERDRAFTS = (
    select(
        Overdraft.id, StockPool.sku, StockPool.location, Overdraft.units, Overdraft.reference, Overdraft.opened_at,
        Overdraft.closed_at, Overdraft.closed_by, Overdraft.note,
    )
    .join(StockPool, StockPool.id == Overdraft.pool_id)
    .order_by(Overdraft.id)
)  # fmt: skip
# A hold is seen by its owner only, so that another key learns nothing by guessing.
_HOLD = text("""
    SELECT p.sku, p.location, h.units, h.expires_at, h.outcome
      FROM holds h JOIN stock_pools p ON p.id = h.pool_id
     WHERE h.reference = :reference AND h.owner = :owner
     ORDER BY p.sku, p.location
""")


async def stock_page(
    tx: ReadSession, sku: str | None, location: str | None, after: Sequence[str] | None, limit: int
) -> list[StockView]:
    """Pools in order of sku and location; one more than `limit` if there is more."""
    query = _STOCK.where(*_at(sku, location))
    if after is not None:
        query = query.where(tuple_(StockPool.sku, StockPool.location, StockPool.purpose) > tuple_(*after))
    return [
        StockView(
            row.sku, row.location, row.purpose, row.supply, row.held, max(0, row.supply - row.held), row.overdrawn
        )
        for row in await tx.execute(query.limit(limit + 1))
    ]


async def movement_page(
    tx: ReadSession, sku: str | None, location: str | None, after: Sequence[str] | None, limit: int
) -> list[MovementView]:
    """The diary, newest first; one more than `limit` if there is more."""
    query = _MOVEMENTS.where(*_at(sku, location))
    if after is not None:
        query = query.where(Movement.id < after[0])
    rows = await tx.execute(query.limit(limit + 1))
    return [
        MovementView(id_, at_sku, at, MovementKind(kind), units, reference, reason, actor, moved_at)
        for id_, at_sku, at, kind, units, reference, reason, actor, moved_at in rows
    ]


async def overdraft_page(
    tx: ReadSession, location: str | None, after: Sequence[str] | None, limit: int, *, only_open: bool
) -> list[OverdraftView]:
    """Cases, oldest first; one more than `limit` if there is more."""
    query = _OVERDRAFTS.where(*_at(None, location))
    if only_open:
        query = query.where(Overdraft.closed_at.is_(None))
    if after is not None:
        query = query.where(Overdraft.id > after[0])
    return [OverdraftView(*row) for row in await tx.execute(query.limit(limit + 1))]


async def overdraft(tx: ReadSession, overdraft_id: str) -> OverdraftView | None:
    """One case, if there is such a one."""
    row = (await tx.execute(_OVERDRAFTS.where(Overdraft.id == overdraft_id))).one_or_none()
    return OverdraftView(*row) if row else None


async def hold_view(tx: ReadSession, reference: str, owner: str, now: datetime) -> HoldView | None:
    """A basket's hold as its owner sees it, if there is such a one."""
    rows = (await tx.execute(_HOLD, {"reference": reference, "owner": owner})).all()
    if not rows:
        return None
    state = hold_state([row.outcome for row in rows], rows[0].expires_at, now)
    return HoldView(reference, state, rows[0].expires_at, [HeldView(*row[:3]) for row in rows])


def _at(sku: str | None, location: str | None) -> list[ColumnElement[bool]]:
    wanted = []
    if sku is not None:
        wanted.append(StockPool.sku == sku)
    if location is not None:
        wanted.append(StockPool.location == location)
    return wanted
