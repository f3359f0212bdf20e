"""How inventory's rows are shown."""

from collections.abc import Mapping, Sequence

from inventory.diary import Move
from inventory.locking import PoolRow
from inventory.schemas import ChangeView


def changes_of(moves: Sequence[Move], after: Mapping[str, PoolRow]) -> list[ChangeView]:
    """Each move beside what its pool holds now."""
    return [change(after[move.pool_id], move.units) for move in moves]


def change(pool: PoolRow, units: int) -> ChangeView:
    """A pool as it is, and by how many units it changed."""
    return ChangeView(pool.sku, pool.location, units, pool.supply, pool.held, pool.free, pool.overdrawn)
