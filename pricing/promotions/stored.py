"""Stored: a promotion as its row has it, locked for whoever is to change it, and the diary of what was done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, text

from commerce.kernel.db import ReadSession, Session
from commerce.kernel.refusals import NotFound, move
from pricing.promotions.rules import (
    MOVES,
    Definition,
    GivingBack,
    Limits,
    PromotionState,
    state_at,
)
from pricing.promotions.schemas import LimitsBody, PromotionBody

COLUMNS = """
    p.id, p.market, p.name, p.state, p.starts_at, p.ends_at, p.definition, p.version, p.limit_total,
    p.limit_per_person, p.limit_per_code, p.limit_codes, p.on_cancel, p.on_return, p.limited, p.copy_of,
    p.created_by, p.created_at, p.submitted_by, p.approved_by
"""
# The columns are this module's own; no value is in the text.
_ONE = text(f"SELECT {COLUMNS} FROM promotions p WHERE p.id = :id")  # noqa: S608 - see above
# Not FOR UPDATE: whatever refers to the row, as orders do, must not wait while a million codes are made for it.
_LOCKED = text(f"SELECT {COLUMNS} FROM promotions p WHERE p.id = :id FOR NO KEY UPDATE")  # noqa: S608 - see above
_MARKET = text("SELECT market FROM promotions WHERE id = :id")
_NOTE = text("""
    INSERT INTO promotion_steps (promotion_id, step, actor, note, facts, at)
    VALUES (:id, :step, :actor, :note, CAST(:facts AS jsonb), :now)
""")
_MOVE = text("UPDATE promotions SET state = :state WHERE id = :id")
_SHARED = text("SELECT code FROM promotion_codes WHERE promotion_id = :id AND shared ORDER BY code")


class Stored(msgspec.Struct, frozen=True):
    """A promotion's row."""

    id: str
    market: str
    name: str
    state: PromotionState
    starts_at: datetime | None
    ends_at: datetime | None
    definition: Definition
    version: int
    limits: Limits
    limited: bool
    copy_of: str | None
    created_by: str
    created_at: datetime
    submitted_by: str | None
    approved_by: str | None

    def at(self, now: datetime) -> PromotionState:
        """Where it stands at an instant."""
        return state_at(self.state, self.starts_at, self.ends_at, now)

    @classmethod
    def of(cls, row: Row[Any]) -> "Stored":
        """What a row of COLUMNS says."""
        return cls(
            row.id,
            row.market,
            row.name,
            PromotionState(row.state),
            row.starts_at,
            row.ends_at,
            msgspec.convert(row.definition, Definition),
            row.version,
            Limits(
                row.limit_total,
                row.limit_per_person,
                row.limit_per_code,
                row.limit_codes,
                GivingBack(row.on_cancel),
                GivingBack(row.on_return),
            ),
            row.limited,
            row.copy_of,
            row.created_by,
            row.created_at,
            row.submitted_by,
            row.approved_by,
        )


async def promotion_by_id(tx: ReadSession, promotion_id: str) -> Stored:
    """A promotion. Raises NotFound."""
    return _found(promotion_id, (await tx.execute(_ONE, {"id": promotion_id})).one_or_none())


async def lock_promotion(tx: Session, promotion_id: str) -> Stored:
    """A promotion that nobody else changes until the transaction ends; orders go on using it. Raises NotFound."""
    return _found(promotion_id, (await tx.execute(_LOCKED, {"id": promotion_id})).one_or_none())


async def market_of(tx: ReadSession, promotion_id: str) -> str:
    """The market whose lock is to be taken before the promotion's. Raises NotFound."""
    market: str | None = (await tx.execute(_MARKET, {"id": promotion_id})).scalar_one_or_none()
    if market is None:
        raise NotFound("promotion", promotion_id)
    return market


def _found(promotion_id: str, row: Row[Any] | None) -> Stored:
    if row is None:
        raise NotFound("promotion", promotion_id)
    return Stored.of(row)


async def as_written(tx: ReadSession, stored: Stored) -> PromotionBody:
    """A promotion as somebody would write it anew: its hashes are codes again."""
    codes = [str(code) for code in (await tx.execute(_SHARED, {"id": stored.id})).scalars()]
    definition, limits = stored.definition, stored.limits
    return PromotionBody(
        market=stored.market,
        name=stored.name,
        starts_at=stored.starts_at,
        ends_at=stored.ends_at,
        lane=definition.lane,
        priority=definition.priority,
        exclusive=definition.exclusive,
        conditions=msgspec.structs.replace(definition.conditions, code_hashes=[]),
        benefit=definition.benefit,
        cap=definition.cap,
        floor=definition.floor,
        limits=LimitsBody(**limits._asdict()),
        codes=codes,
    )


async def go(tx: Session, stored: Stored, wanted: PromotionState, now: datetime) -> None:
    """Go to a state, from where it stands now. Raises MoveNotAllowed."""
    may_go(stored, wanted, now)
    await tx.execute(_MOVE, {"id": stored.id, "state": str(wanted)})


def may_go(stored: Stored, wanted: PromotionState, now: datetime) -> None:
    """Let it go to a state, from where it stands now. Raises MoveNotAllowed."""
    move("promotion", MOVES, stored.at(now), wanted)


async def note(
    tx: Session,
    promotion_id: str,
    step: str,
    actor: str,
    said: str | None,
    now: datetime,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Write into the diary what was done."""
    written = None if facts is None else msgspec.json.encode(facts).decode()
    row = {"id": promotion_id, "step": step, "actor": actor, "note": said, "facts": written, "now": now}
    await tx.execute(_NOTE, row)
