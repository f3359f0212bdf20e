"""Put back: what lay beneath a change's prices, wherever they are still in force or to come."""

from datetime import datetime

from commerce.kernel.db import ReadSession
from pricing.changes.overlay import Planned, differences
from pricing.diaries import undone_in
from pricing.series import CHANNEL, RECOMMENDED
from pricing.take_back import series_without

COUNTER = "counter"
"""Stands for the counter-change, which may have no id yet."""


async def put_back(tx: ReadSession, market: str, change_id: str, begins: datetime) -> list[Planned]:
    """The prices that there are, from an instant on, once a change counts no more, by sku and channel.

    Only where it is still in force: what came after it stays. Where what it was laid over counts no more either, what
    lay beneath that comes up.
    """
    undone = await undone_in(tx, market)
    both = undone, undone.and_countered(change_id, COUNTER, begins)
    found: list[Planned] = []
    for series in (RECOMMENDED, CHANNEL):
        for (sku, scope), now, left in await series_without(tx, series, COUNTER, both, begins):
            channel = None if series is RECOMMENDED else scope
            found += [
                Planned(0, sku, channel, one.amount, one.begins, one.ends, one.exception_id)
                for one in differences(now, left.prices, begins)
            ]
    ordered = sorted(found, key=lambda one: (one.sku, one.channel or "", one.begins))
    return [one._replace(place=place) for place, one in enumerate(ordered)]
