"""Receive goods: what arrived is on hand at once."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from inventory.diary import Move, write_movements
from inventory.known import must_be_known
from inventory.locking import ensure_pools, lock_places
from inventory.rules import MovementKind, merge_wants
from inventory.schemas import ReceiptBody, StockChangeView
from inventory.views import changes_of


async def receive_goods(tx: Session, receipt: ReceiptBody, actor: str, now: datetime) -> StockChangeView:
    """Put goods on hand. Two lines of one sku are one. Raises UnknownReference, TooMuchStock."""
    skus = {f"lines[{n}].sku": line.sku for n, line in enumerate(receipt.lines)}
    await must_be_known(tx, {"location": receipt.location}, skus)
    arrived = merge_wants((line.sku, line.units) for line in receipt.lines)
    places = [(receipt.location, sku) for sku in arrived]
    await ensure_pools(tx, places)
    pools = await lock_places(tx, places)
    reference = receipt.reference or new_id("rcp", now)
    moves = [
        Move(pools[receipt.location, sku].id, MovementKind.RECEIVED, units, reference) for sku, units in arrived.items()
    ]
    after = await write_movements(tx, moves, actor, now)
    return StockChangeView(reference, changes_of(moves, after))
