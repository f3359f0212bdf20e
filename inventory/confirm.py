"""Confirm holds: what a basket held becomes an order's, without a moment in which anybody else could take it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session


class Confirmation(NamedTuple):
    """A basket's hold, the order that takes it over, what it must hold, and until when the order may keep it."""

    hold: str
    reference: str
    units: Mapping[str, int]
    expires_at: datetime | None


_LIVE = text("""
    SELECT h.id, h.reference, p.location, p.sku, h.units FROM holds h JOIN stock_pools p ON p.id = h.pool_id
     WHERE h.reference = ANY(CAST(:holds AS text[])) AND h.ended_at IS NULL AND h.expires_at > :now
     ORDER BY h.id FOR UPDATE OF h
""")
_CONFIRM = text("""
    UPDATE holds h SET reference = c.reference, expires_at = c.expires_at
      FROM unnest(CAST(:holds AS text[]), CAST(:references AS text[]), CAST(:expiries AS timestamptz[]))
           AS c (hold, reference, expires_at)
     WHERE h.reference = c.hold AND h.ended_at IS NULL
""")


async def confirm_holds(tx: Session, wanted: Sequence[Confirmation], now: datetime) -> list[bool]:
    """Hand live holds over to orders; False where the hold is over, taken by another, or for other goods.

    Locks hold rows and no pools: what is held stays held.
    """
    if not wanted:
        return []
    live: dict[str, dict[str, int]] = {}
    for _, reference, _, sku, units in await tx.execute(_LIVE, {"holds": [c.hold for c in wanted], "now": now}):
        held = live.setdefault(reference, {})
        held[sku] = held.get(sku, 0) + units
    verdicts = []
    confirmed = []
    for confirmation in wanted:
        fits = live.pop(confirmation.hold, None) == dict(confirmation.units)
        verdicts.append(fits)
        if fits:
            confirmed.append(confirmation)
    await _write(tx, confirmed)
    return verdicts


async def _write(tx: Session, confirmed: Sequence[Confirmation]) -> None:
    if not confirmed:
        return
    facts = {
        "holds": [c.hold for c in confirmed],
        "references": [c.reference for c in confirmed],
        "expiries": [c.expires_at for c in confirmed],
    }
    await tx.execute(_CONFIRM, facts)
