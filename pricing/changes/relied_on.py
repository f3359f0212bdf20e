"""Relied on: which scheduled changes would no longer replace the price that was seen beside theirs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.changes.overlay import Planned
from pricing.diaries import Diary, undone_in, worked_out
from pricing.rules.layers import Undone, beneath, layers_of
from pricing.rules.series import Laid
from pricing.series import CHANNEL, RECOMMENDED, Key, Series

# A counter-change replaces nothing that anybody has chosen: it puts back what lies beneath, whatever that is.
_UPON = text("""
    SELECT c.id, i.sku, i.channel, greatest(c.starts_at, i.starts_at), i.old_amount
      FROM price_changes c JOIN price_change_items i ON i.change_id = c.id
     WHERE c.market = :market AND c.state = 'scheduled' AND c.starts_at > :now AND c.counter_of IS NULL AND c.id <> :id
       AND i.sku = ANY (CAST(:skus AS text[]))
     ORDER BY c.id, i.place
""")


class WouldBe(NamedTuple):
    """What is asked about: that only what is not `undone` counted, and that a plan were laid over all of it."""

    undone: Undone
    plan: Sequence[Planned] = ()


class _Replacing(NamedTuple):
    """A price of a change that is still to begin."""

    by: str
    sku: str
    channel: str | None
    begins: datetime
    seen: int | None
    """What it was to replace when it was drafted, and approved; None where there was no price."""


class _Replaced(NamedTuple):
    """What is charged where such a price will be, as things are and as they would be; None where nothing is."""

    now: int | None
    then: int | None


class _Asked(NamedTuple):
    """What is asked of one series: what lies beneath these prices, and what would be laid over it."""

    replacing: list[_Replacing]
    laid: list[Laid]


async def relying_on(
    tx: ReadSession, market: str, change_id: str, skus: Collection[str], would_be: WouldBe, now: datetime
) -> list[str]:
    """The scheduled changes, apart from this one, by id, that replace what was seen as things are, and would no longer.

    One that would replace just what was seen relies on nothing, whatever it replaces now.
    """
    facts = {"market": market, "id": change_id, "skus": sorted(skus), "now": now}
    replacing = [_Replacing._make(row) for row in await tx.execute(_UPON, facts)]
    undone = await undone_in(tx, market), would_be.undone
    replaced: dict[_Replacing, _Replaced] = {}
    for series in (RECOMMENDED, CHANNEL):
        asked = _asked(series, market, replacing, would_be.plan)
        found = await worked_out(tx, series, asked, now, partial(_replaced, asked, undone))
        for each in found.values():
            # A channel charges its own price, else the recommended one; and nothing where nothing is recommended.
            replaced |= {one: _over(own, replaced.get(one)) for one, own in each.items()}
    return sorted({one.by for one, amounts in replaced.items() if amounts.now == one.seen != amounts.then})


def _asked(series: Series, market: str, replacing: Iterable[_Replacing], plan: Iterable[Planned]) -> dict[Key, _Asked]:
    """Of the market's series what is beneath every price, of a channel's what is beneath its own ones."""
    asked: dict[Key, _Asked] = {}
    of_market = series is RECOMMENDED
    for one in replacing:
        if of_market or one.channel is not None:
            key = one.sku, market if of_market or one.channel is None else one.channel
            asked.setdefault(key, _Asked([], [])).replacing.append(one)
    for new in plan:
        key = new.sku, new.channel or market
        if (new.channel is None) == of_market and key in asked:
            asked[key].laid.append(Laid(new.begins, new.ends, new.amount))
    return asked


def _replaced(
    asked: Mapping[Key, _Asked], undone: tuple[Undone, Undone], key: Key, diary: Diary
) -> dict[_Replacing, _Replaced]:
    """What one series says where each of these prices will be, without the change that it belongs to."""
    replacing, laid = asked[key]
    now = layers_of(diary, undone[0])
    then = [*now, *laid]
    return {
        one: _Replaced(beneath(now, undone[0], one.by, one.begins), beneath(then, undone[1], one.by, one.begins))
        for one in replacing
    }


def _over(own: _Replaced, basis: _Replaced | None) -> _Replaced:
    if basis is None:
        return own
    return _Replaced(*(b if b is None or o is None else o for o, b in zip(own, basis, strict=True)))
