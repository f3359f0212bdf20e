"""Confirm holds: what a basket held becomes an order's, without a moment in which anybody else could take it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from inventory.locking import Place


class Confirmation(NamedTuple):
    """A basket's hold, and the order that wants to take it over."""

    hold: str
    owner: str
    """Who orders; nobody but the hold's owner may."""
    reference: str
    units: Mapping[str, int]
    """What the order is for; the hold must be for exactly that."""
    expires_at: datetime | None
    """Until when the order keeps the goods; None until they leave."""
    ranked: Collection[str]
    """Where the order's goods may come from; what is held elsewhere is not for it."""


_LIVE = text("""
    SELECT h.reference, h.owner, p.location, p.sku, h.units FROM holds h JOIN stock_pools p ON p.id = h.pool_id
     WHERE h.reference = ANY(CAST(:holds AS text[])) AND h.owner IS NOT NULL
       AND h.ended_at IS NULL AND h.expires_at > :now
     ORDER BY h.id FOR UPDATE OF h
""")
# An order's hold has no owner, so that nobody can take it over once more.
_CONFIRM = text("""
    UPDATE holds h SET reference = c.reference, expires_at = c.expires_at, owner = NULL
      FROM unnest(CAST(:holds AS text[]), CAST(:references AS text[]), CAST(:expiries AS timestamptz[]))
           AS c (hold, reference, expires_at)
     WHERE h.reference = c.hold AND h.ended_at IS NULL
""")


async def confirm_holds(tx: Session, wanted: Sequence[Confirmation], now: datetime) -> list[bool]:
    """Hand live holds over to orders; False where a hold is over, another's, for other goods, or for other places.

    Who comes first has the hold. Locks hold rows and no pools: what is held stays held.
    """
    if not wanted:
        return []
    live = await _live(tx, wanted, now)
    verdicts = []
    confirmed = []
    for confirmation in wanted:
        fits = _fits(confirmation, live.get((confirmation.hold, confirmation.owner), {}))
        verdicts.append(fits)
        if fits:
            del live[confirmation.hold, confirmation.owner]
            confirmed.append(confirmation)
    await _write(tx, confirmed)
    return verdicts


async def _live(tx: Session, wanted: Sequence[Confirmation], now: datetime) -> dict[tuple[str, str], dict[Place, int]]:
    """What live holds are for, by (hold, owner) and place; locked until the transaction ends."""
    live: dict[tuple[str, str], dict[Place, int]] = {}
    rows = await tx.execute(_LIVE, {"holds": [confirmation.hold for confirmation in wanted], "now": now})
    for hold, owner, location, sku, units in rows:
        held = live.setdefault((hold, owner), {})
        held[location, sku] = held.get((location, sku), 0) + units
    return live


def _fits(confirmation: Confirmation, held: Mapping[Place, int]) -> bool:
    units: dict[str, int] = {}
    for (_, sku), here in held.items():
        units[sku] = units.get(sku, 0) + here
    return units == dict(confirmation.units) and {location for location, _ in held} <= set(confirmation.ranked)


async def _write(tx: Session, confirmed: Sequence[Confirmation]) -> None:
    if not confirmed:
        return
    facts = {
        "holds": [c.hold for c in confirmed],
        "references": [c.reference for c in confirmed],
        "expiries": [c.expires_at for c in confirmed],
    }
    await tx.execute(_CONFIRM, facts)
