"""Transfer stock: what nobody has spoken for goes from one location to another."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import InvalidInput
from inventory.diary import Move, write_movements
from inventory.errors import NotEnoughStock
from inventory.known import must_be_known
from inventory.locking import ensure_pools, lock_places
from inventory.rules import MovementKind, merge_wants
from inventory.schemas import StockChangeView, TransferBody
from inventory.views import changes_of


async def transfer_stock(tx: Session, transfer: TransferBody, actor: str, now: datetime) -> StockChangeView:
    """Move free units, all lines or none; both sides are locked at once and share one reference.

    Raises InvalidInput for a transfer to itself, UnknownReference, NotEnoughStock, TooMuchStock.
    """
    source, target = transfer.from_location, transfer.to_location
    if source == target:
        raise InvalidInput("to_location", "Goods cannot be transferred to where they are.")
    skus = {f"lines[{n}].sku": line.sku for n, line in enumerate(transfer.lines)}
    await must_be_known(tx, {"from_location": source, "to_location": target}, skus)
    going = merge_wants((line.sku, line.units) for line in transfer.lines)
    places = [(location, sku) for sku in going for location in (source, target)]
    await ensure_pools(tx, places)
    pools = await lock_places(tx, places)
    missing = NotEnoughStock.of(going, {sku: pools[source, sku].free for sku in going})
    if missing.missing:
        raise missing
    reference = transfer.reference or new_id("trf", now)
    moves = [
        Move(pools[location, sku].id, MovementKind.TRANSFERRED, units, reference)
        for sku, units_going in going.items()
        for location, units in ((source, -units_going), (target, units_going))
    ]
    after = await write_movements(tx, moves, actor, now)
    return StockChangeView(reference, changes_of(moves, after))
