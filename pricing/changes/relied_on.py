"""Relied on: which scheduled changes would replace another price than was seen, once something counts no more."""

from collections.abc import Collection
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.diaries import undone_in, worked_out
from pricing.rules.layers import Undone
from pricing.rules.series import Priced
from pricing.series import CHANNEL, RECOMMENDED, Histories, Key
from pricing.take_back import beliefs_without

# A counter-change replaces nothing that anybody has chosen: it puts back what lies beneath, whatever that is.
_UPON = text("""
    SELECT c.id, i.sku, i.channel, c.starts_at
      FROM price_changes c JOIN price_change_items i ON i.change_id = c.id
     WHERE c.market = :market AND c.state = 'scheduled' AND c.starts_at > :now AND c.counter_of IS NULL AND c.id <> :id
       AND i.sku = ANY (CAST(:skus AS text[]))
     ORDER BY c.id, i.place
""")


class _Replacing(NamedTuple):
    """A price of a change that is still to begin."""

    sku: str
    channel: str | None
    begins: datetime


async def relying_on(tx: ReadSession, market: str, change_id: str, skus: Collection[str], now: datetime) -> list[str]:
    """The scheduled changes that would replace another price than they do if this one were withdrawn, by id."""
    others: dict[str, list[_Replacing]] = {}
    facts = {"market": market, "id": change_id, "skus": sorted(skus), "now": now}
    for other, *price in await tx.execute(_UPON, facts):
        others.setdefault(other, []).append(_Replacing._make(price))
    undone = await undone_in(tx, market)
    less = undone.and_withdrawn(change_id)
    found = []
    for other, prices in others.items():
        with_it = await _replaced(tx, market, prices, (undone, undone.and_withdrawn(other)), now)
        if with_it != await _replaced(tx, market, prices, (undone, less.and_withdrawn(other)), now):
            found.append(other)
    return found


async def _replaced(
    tx: ReadSession, market: str, prices: list[_Replacing], undone: tuple[Undone, Undone], now: datetime
) -> list[int | None]:
    """What would be charged in the place of each of these prices as they begin, once more is undone than was."""
    known = {one.sku: Histories() for one in prices}
    work = partial(beliefs_without, undone, now)
    for (sku, _), left in (await worked_out(tx, RECOMMENDED, {(sku, market) for sku in known}, now, work)).items():
        known[sku].recommended = left
    own: set[Key] = {(one.sku, one.channel) for one in prices if one.channel is not None}
    of_channels: dict[Key, list[Priced]] = await worked_out(tx, CHANNEL, own, now, work)
    for (sku, channel), left in of_channels.items():
        known[sku].channels[channel] = left
    return [known[one.sku].charged(one.channel, one.begins) for one in prices]
