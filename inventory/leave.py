"""Leave: held goods go out of the door to whom they were held for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from inventory.diary import Move, write_movements
from inventory.locking import PoolRow, lock_pools
from inventory.open_overdrafts import Short, open_overdrafts
from inventory.rules import MovementKind


class _Held(NamedTuple):
    id: str
    pool_id: str
    sku: str
    units: int


class _Part(NamedTuple):
    """How much of one hold leaves."""

    hold: _Held
    units: int


_LOCK_LIVE = text("""
    SELECT h.id, h.pool_id, p.sku, h.units FROM holds h JOIN stock_pools p ON p.id = h.pool_id
     WHERE h.reference = :reference AND p.location = :location AND h.ended_at IS NULL
     ORDER BY h.id FOR UPDATE OF h
""")
_SPLIT = text("""
    WITH parts AS (
        SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:left_ids AS text[]), CAST(:units AS int[]))
                      AS p (id, left_id, units)
    ), whole AS (
        UPDATE holds h SET ended_at = :now, outcome = 'left' FROM parts p WHERE h.id = p.id AND h.units = p.units
     RETURNING h.pool_id, p.units
    ), part AS (
        UPDATE holds h SET units = h.units - p.units FROM parts p WHERE h.id = p.id AND h.units > p.units
     RETURNING p.left_id, h.pool_id, h.reference, p.units, h.taken_at
    ), noted AS (
        INSERT INTO holds (id, pool_id, reference, units, taken_at, ended_at, outcome)
        SELECT left_id, pool_id, reference, units, taken_at, :now, 'left' FROM part
    ), gone AS (
        SELECT pool_id, sum(units)::int AS units
          FROM (SELECT pool_id, units FROM whole UNION ALL SELECT pool_id, units FROM part) AS u GROUP BY pool_id
    )
    UPDATE stock_pools s SET held = s.held - g.units, overdrawn = greatest(0, s.held - g.units - s.supply)
      FROM gone g WHERE s.id = g.pool_id
""")


async def waiting_at(tx: Session, reference: str, location: str) -> dict[str, int]:
    """What is held for this reference at this location, by sku; the holds are locked until the transaction ends."""
    waiting: dict[str, int] = {}
    for held in await _live(tx, reference, location):
        waiting[held.sku] = waiting.get(held.sku, 0) + held.units
    return waiting


async def send_held(
    tx: Session, reference: str, location: str, units: Mapping[str, int], actor: str, now: datetime
) -> None:
    """Take held units out of stock for good; the caller has seen, by `waiting_at`, that they wait here.

    That they left is a fact, even where a count or a sale had said that they are not there: what leaves beyond the
    supply becomes a case for a person.
    """
    parts = _parts(await _live(tx, reference, location), units)
    before = await lock_pools(tx, {part.hold.pool_id for part in parts})
    facts = {
        "ids": [part.hold.id for part in parts],
        "left_ids": [new_id("hol", now) for _ in parts],
        "units": [part.units for part in parts],
        "now": now,
    }
    await tx.execute(_SPLIT, facts)
    moves = [Move(part.hold.pool_id, MovementKind.SOLD, -part.units, reference) for part in parts]
    after = await write_movements(tx, moves, actor, now)
    await open_overdrafts(tx, _newly_below_zero(before, after, reference), now)


async def _live(tx: Session, reference: str, location: str) -> list[_Held]:
    rows = await tx.execute(_LOCK_LIVE, {"reference": reference, "location": location})
    return [_Held(*row) for row in rows]


def _newly_below_zero(before: Mapping[str, PoolRow], after: Mapping[str, PoolRow], reference: str) -> list[Short]:
    missing = {one: max(0, -pool.supply) - max(0, -before[one].supply) for one, pool in after.items()}
    return [Short(after[one], units, reference) for one, units in sorted(missing.items()) if units > 0]


def _parts(holds: Sequence[_Held], units: Mapping[str, int]) -> list[_Part]:
    missing = dict(units)
    parts = []
    for hold in holds:
        leaving = min(hold.units, missing.get(hold.sku, 0))
        if leaving:
            missing[hold.sku] -= leaving
            parts.append(_Part(hold, leaving))
    assert not any(missing.values()), "more leaves than waits here"
    return parts
