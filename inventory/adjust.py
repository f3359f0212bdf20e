"""Adjust stock: a person corrects a quantity and says why."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import InvalidInput
from inventory.diary import Move, write_movements
from inventory.errors import StockIsHeld
from inventory.known import must_be_known
from inventory.locking import ensure_pools, lock_places
from inventory.rules import MovementKind
from inventory.schemas import AdjustmentBody, StockChangeView
from inventory.views import changes_of


async def adjust_stock(tx: Session, adjustment: AdjustmentBody, actor: str, now: datetime) -> StockChangeView:
    """Book a correction. Units that are promised cannot be corrected away: only a count, a fact, may say so.

    Raises InvalidInput for zero units, UnknownReference, StockIsHeld, TooMuchStock.
    """
    if adjustment.units == 0:
        raise InvalidInput("units", "A correction of nothing is none.")
    await must_be_known(tx, {"location": adjustment.location}, {"sku": adjustment.sku})
    place = (adjustment.location, adjustment.sku)
    await ensure_pools(tx, [place])
    pool = (await lock_places(tx, [place]))[place]
    if adjustment.units < 0 and pool.supply + adjustment.units < pool.held:
        raise StockIsHeld(pool.sku, pool.location, pool.supply, pool.held)
    reference = adjustment.reference or new_id("adj", now)
    moves = [Move(pool.id, MovementKind.CORRECTED, adjustment.units, reference, str(adjustment.reason))]
    after = await write_movements(tx, moves, actor, now)
    return StockChangeView(reference, changes_of(moves, after))
