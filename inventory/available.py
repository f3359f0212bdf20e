"""Available: what is on hand, held and free."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from inventory.locking import Place


class Available(NamedTuple):
    """What is there of a sku at a location."""

    supply: int
    held: int

    @property
    def free(self) -> int:
        """Units that may be promised; an overdrawn pool has none."""
        return max(0, self.supply - self.held)


_AVAILABLE = text("""
    SELECT location, sku, supply, held FROM stock_pools
     WHERE sku = ANY(CAST(:skus AS text[])) AND location = ANY(CAST(:locations AS text[])) AND purpose = 'general'
""")


async def availability(tx: ReadSession, skus: Collection[str], locations: Collection[str]) -> dict[Place, Available]:
    """What is there of each sku at each location, by (location, sku), in one statement however many.

    Every pair has an answer; where nothing ever was, there is nothing. A reading, not a promise: it may be over when
    it arrives.
    """
    rows = await tx.execute(_AVAILABLE, {"skus": sorted(set(skus)), "locations": sorted(set(locations))})
    found = {(row[0], row[1]): Available(row[2], row[3]) for row in rows}
    nothing = Available(0, 0)
    return {(location, sku): found.get((location, sku), nothing) for location in locations for sku in skus}
