"""Count stock: what was found on the shelf is a fact; the diary is made to agree with it."""

from collections.abc import Mapping
from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import InvalidInput
from inventory.diary import Move, write_movements
from inventory.known import must_be_known
from inventory.locking import PoolRow, ensure_pools, lock_places
from inventory.open_overdrafts import Short, open_overdrafts
from inventory.rules import MovementKind
from inventory.schemas import CountBody, StockChangeView
from inventory.views import change


async def count_stock(tx: Session, count: CountBody, actor: str, now: datetime) -> StockChangeView:
    """Set quantities to what was counted; each difference is a movement.

    Fewer than are held is a fact like any other: the pool is overdrawn, and what is newly missing is a case for a
    person. Raises InvalidInput for a sku counted twice, UnknownReference.
    """
    counted = _each_sku_once(count)
    skus = {f"lines[{n}].sku": line.sku for n, line in enumerate(count.lines)}
    await must_be_known(tx, {"location": count.location}, skus)
    places = [(count.location, sku) for sku in counted]
    await ensure_pools(tx, places)
    before = await lock_places(tx, places)
    reference = count.reference or new_id("cnt", now)
    moves = [
        Move(pool.id, MovementKind.COUNTED, counted[sku] - pool.supply, reference)
        for (_, sku), pool in before.items()
        if counted[sku] != pool.supply
    ]
    changed = await write_movements(tx, moves, actor, now)
    after = {place: changed.get(pool.id, pool) for place, pool in before.items()}
    overdrafts = await open_overdrafts(tx, _newly_short(before, after, reference), now)
    changes = [change(after[place], counted[place[1]] - before[place].supply) for place in sorted(places)]
    return StockChangeView(reference, changes, overdrafts)


def _each_sku_once(count: CountBody) -> dict[str, int]:
    counted: dict[str, int] = {}
    for n, line in enumerate(count.lines):
        if line.sku in counted:
            raise InvalidInput(f"lines[{n}].sku", "It is counted twice, and only one of the two can be right.")
        counted[line.sku] = line.counted
    return counted


def _newly_short(
    before: Mapping[tuple[str, str], PoolRow], after: Mapping[tuple[str, str], PoolRow], reference: str
) -> list[Short]:
    missing = {place: after[place].overdrawn - pool.overdrawn for place, pool in before.items()}
    return [Short(after[place], units, reference) for place, units in sorted(missing.items()) if units > 0]
