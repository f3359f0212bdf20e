"""Put back: what lay beneath a change's prices, wherever they are still in force or to come."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.changes.overlay import Planned, differences
from pricing.rules.taking_back import without
from pricing.series import CHANNEL, RECOMMENDED
from pricing.take_back import touched

_ROLLED_BACK = text("""
    SELECT DISTINCT counter_of FROM price_changes
     WHERE market = :market AND state IN ('scheduled', 'live')
       AND counter_of IS NOT NULL AND counter_of <> :change AND id <> :change
""")


async def put_back(tx: ReadSession, market: str, change_id: str, begins: datetime) -> list[Planned]:
    """The prices that put back, from an instant on, what a change has taken away, by sku and channel.

    Only where the change is still in force: what came after it stays. Where what it took away was rolled back as well,
    what lay beneath that comes up.
    """
    others = await rolled_back(tx, market, change_id)
    found: list[Planned] = []
    for series in (RECOMMENDED, CHANNEL):
        for (sku, scope), rows in (await touched(tx, series, change_id)).items():
            left = without(rows, change_id, others)
            if left is None:
                continue
            now = [row.priced for row in rows if row.superseded_at is None]
            channel = None if series is RECOMMENDED else scope
            found += [
                Planned(0, sku, channel, one.amount, one.begins, one.ends, one.exception_id)
                for one in differences(now, left.prices, begins)
            ]
    ordered = sorted(found, key=lambda one: (one.sku, one.channel or "", one.begins))
    return [one._replace(place=place) for place, one in enumerate(ordered)]


async def rolled_back(tx: ReadSession, market: str, change_id: str) -> set[str]:
    """The changes that are rolled back, or are about to be: nothing of them is to come up when this one goes.

    But what this one itself rolls back does.
    """
    return set((await tx.execute(_ROLLED_BACK, {"market": market, "change": change_id})).scalars())
