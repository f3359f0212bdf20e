"""Move a price change on: the one place where its state changes, and its diary is written."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, text

from commerce.kernel.db import ReadSession, Session
from commerce.kernel.refusals import NotFound, move
from pricing.changes.rules import MOVES, Origin, PriceChangeState

WHAT = "price change"

_COLUMNS = """
    id, market, name, origin, counter_of, state, starts_at, ends_at, created_by, submitted_by, approved_by, approved_at,
    (SELECT count(*) FROM price_change_items i WHERE i.change_id = price_changes.id)
"""
# The columns are this module's own.
_LOCK = text(f"SELECT {_COLUMNS} FROM price_changes WHERE id = :id FOR UPDATE")  # noqa: S608 - see above
_READ = text(f"SELECT {_COLUMNS} FROM price_changes WHERE id = :id")  # noqa: S608 - see above
_MARKET = text("SELECT market FROM price_changes WHERE id = :id")
_MOVE = text("UPDATE price_changes SET state = :state WHERE id = :id")
_STEP = text("""
    INSERT INTO price_change_steps (change_id, place, state, actor, note, moved_at)
    SELECT :id, count(*), :state, :actor, :note, :at FROM price_change_steps WHERE change_id = :id
""")


class Change(NamedTuple):
    """A price change, as whoever moves it needs to know it."""

    id: str
    market: str
    name: str
    origin: Origin
    counter_of: str | None
    state: PriceChangeState
    starts_at: datetime | None
    ends_at: datetime | None
    created_by: str
    submitted_by: str | None
    approved_by: str | None
    approved_at: datetime | None
    items: int


async def market_of(tx: ReadSession, change_id: str) -> str:
    """The market whose prices a change is about; it never becomes another one's. Raises NotFound."""
    market: str | None = (await tx.execute(_MARKET, {"id": change_id})).scalar_one_or_none()
    if market is None:
        raise NotFound(WHAT, change_id)
    return market


async def lock_change(tx: Session, change_id: str) -> Change:
    """Be the only one who moves this change until the transaction ends. Raises NotFound.

    Whoever takes the market's lock too takes that one first.
    """
    return _read((await tx.execute(_LOCK, {"id": change_id})).one_or_none(), change_id)


async def read_change(tx: ReadSession, change_id: str) -> Change:
    """A change as it is stored; nobody is kept from moving it. Raises NotFound."""
    return _read((await tx.execute(_READ, {"id": change_id})).one_or_none(), change_id)


def _read(row: Row[Any] | None, change_id: str) -> Change:
    if row is None:
        raise NotFound(WHAT, change_id)
    found = Change._make(row)
    return found._replace(state=PriceChangeState(found.state), origin=Origin(found.origin))


def may_become(change: Change, to: PriceChangeState) -> None:
    """Go on only if the table of moves lets it go there. Raises MoveNotAllowed."""
    move(WHAT, MOVES, change.state, to)


async def move_change(
    tx: Session, change: Change, to: PriceChangeState, actor: str, at: datetime, note: str | None = None
) -> Change:
    """Move a change that is locked, and write down who did and what they said to it. Raises MoveNotAllowed."""
    may_become(change, to)
    await tx.execute(_MOVE, {"id": change.id, "state": to})
    await note_step(tx, change.id, to, actor, at, note)
    return change._replace(state=to)


async def note_step(
    tx: Session, change_id: str, state: PriceChangeState, actor: str, at: datetime, note: str | None = None
) -> None:
    """Write down a change's state, and who brought it there."""
    facts = {"id": change_id, "state": state, "actor": actor, "note": note, "at": at}
    await tx.execute(_STEP, facts)
