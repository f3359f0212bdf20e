"""Take holds: promise units that exist to whoever asked, many askers at once, nobody twice."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from inventory.errors import NotEnoughStock
from inventory.locking import Place, PoolRow, lock_places
from inventory.rules import source_basket


class HoldWanted(NamedTuple):
    """Units of some skus for one reference, whole or not at all, from the first location in rank that fits."""

    reference: str
    units: Mapping[str, int]
    ranked: Sequence[str]
    """Location codes, best first."""
    expires_at: datetime | None
    """None: the hold stands until it is released or the goods leave."""
    owner: str | None = None
    """Who alone may give it back or order it; None where the reference is an order."""


Sourced = dict[Place, int]

_TAKE = text("""
    WITH wanted AS (
        SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:pools AS text[]), CAST(:references AS text[]),
                             CAST(:units AS int[]), CAST(:expiries AS timestamptz[]), CAST(:owners AS text[]))
                      AS w (id, pool_id, reference, units, expires_at, owner)
    ), taken AS (
        UPDATE stock_pools p SET held = p.held + w.units
          FROM (SELECT pool_id, sum(units)::int AS units FROM wanted GROUP BY pool_id) AS w
         WHERE p.id = w.pool_id AND p.held + w.units <= p.supply
     RETURNING p.id
    )
    INSERT INTO holds (id, pool_id, reference, basket, owner, units, taken_at, expires_at)
    SELECT w.id, w.pool_id, w.reference, CASE WHEN w.owner IS NOT NULL THEN w.reference END, w.owner, w.units, :now,
           w.expires_at
      FROM wanted w JOIN taken ON taken.id = w.pool_id
""")


async def take_holds(
    tx: Session, wanted: Sequence[HoldWanted], now: datetime, seen: Mapping[Place, int] | None = None
) -> list[Sourced | NotEnoughStock]:
    """Hold what exists, in the order of asking; whoever cannot be served whole hears what is missing.

    The answer of each is where its units come from, by (location, sku). One lock round for all of them. Who cannot be
    served by what was `seen` free, by a plain read, hears so at once: if that is everybody, nothing is locked.
    """
    verdicts: dict[int, Sourced | NotEnoughStock] = {}
    for n, want in enumerate(wanted):
        hopeless = why_hopeless(want, seen)
        if hopeless is not None:
            verdicts[n] = hopeless
    hopeful = [n for n in range(len(wanted)) if n not in verdicts]
    if hopeful:
        pools = await lock_places(tx, {place for n in hopeful for place in _places(wanted[n])})
        free = {place: pool.free for place, pool in pools.items()}
        verdicts.update({n: _source(wanted[n], free) for n in hopeful})
        await _write(tx, [(wanted[n], verdicts[n]) for n in hopeful], pools, now)
    return [verdicts[n] for n in range(len(wanted))]


def why_hopeless(want: HoldWanted, seen: Mapping[Place, int] | None) -> NotEnoughStock | None:
    """Why nothing was to be had for this want when it was looked at, by a plain read; None if it may be served."""
    if not want.ranked:
        return NotEnoughStock.of(want.units, {})
    if seen is None:
        return None
    best = _best(want, seen)
    return NotEnoughStock.of(want.units, best) if any(best[sku] < units for sku, units in want.units.items()) else None


def _source(want: HoldWanted, free: dict[Place, int]) -> Sourced | NotEnoughStock:
    sourced = source_basket(want.units, want.ranked, free)
    if sourced is None:
        return NotEnoughStock.of(want.units, _best(want, free))
    for place, units in sourced.items():
        free[place] -= units
    return sourced


async def _write(
    tx: Session,
    decided: Sequence[tuple[HoldWanted, Sourced | NotEnoughStock]],
    pools: Mapping[Place, PoolRow],
    now: datetime,
) -> None:
    rows = [
        (pools[place].id, want.reference, units, want.expires_at, want.owner)
        for want, verdict in decided
        if isinstance(verdict, dict)
        for place, units in verdict.items()
    ]
    if not rows:
        return
    facts = {
        "ids": [new_id("hol", now) for _ in rows],
        "pools": [pool_id for pool_id, _, _, _, _ in rows],
        "references": [reference for _, reference, _, _, _ in rows],
        "units": [units for _, _, units, _, _ in rows],
        "expiries": [expires_at for _, _, _, expires_at, _ in rows],
        "owners": [owner for _, _, _, _, owner in rows],
        "now": now,
    }
    written = await tx.execute(_TAKE, facts)
    # The pools are locked and were decided on under the lock, so a row that is missing is a bug, not a sold-out.
    assert getattr(written, "rowcount", None) == len(rows), "a locked pool gave less than it had"


def _places(want: HoldWanted) -> list[Place]:
    return [(location, sku) for location in want.ranked for sku in want.units]


def _best(want: HoldWanted, free: Mapping[Place, int]) -> dict[str, int]:
    return {sku: sum(free.get((location, sku), 0) for location in want.ranked) for sku in want.units}
