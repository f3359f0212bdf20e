"""Layers: what was laid over a series one after the other, and what it says without those that count no more; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import NamedTuple, Self

from pricing.rules.series import Laid, Priced, beside, cleared

TICK = timedelta(microseconds=1)


class Remembered(NamedTuple):
    """A row of a series: which change wrote it when, and what became of it."""

    priced: Priced
    recorded_at: datetime | None
    superseded_at: datetime | None
    recorded_by: str | None
    superseded_by: str | None


class Counter(NamedTuple):
    """A change that lays nothing of its own, but takes another one back from an instant on."""

    id: str
    since: datetime


class Undone(NamedTuple):
    """What does not count: a withdrawn change never did, another one until a counter-change that counts begins."""

    withdrawn: frozenset[str] = frozenset()
    countered: Mapping[str, Counter] = {}
    """Those that are taken back, and by what."""
    counters: frozenset[str] = frozenset()
    """The changes that take others back."""

    def counts(self, change: str | None, at: datetime) -> bool:
        """Whether what a change says holds at an instant. What no change wrote always does."""
        if change is None or change in self.withdrawn:
            return change is None
        counter = self.countered.get(change)
        return counter is None or counter.since > at or not self.counts(counter.id, at)

    def lays(self, change: str | None) -> bool:
        """Whether there are layers of a change's own."""
        return change not in self.counters and change not in self.withdrawn

    def turns_of(self, change: str | None) -> Iterator[datetime]:
        """The instants at which a change may cease to count, and count again."""
        counter = self.countered.get(change or "")
        while counter is not None:
            yield counter.since
            counter = self.countered.get(counter.id)

    def and_withdrawn(self, change: str) -> Self:
        """The same, and this change is withdrawn as well."""
        return self._replace(withdrawn=self.withdrawn | {change})

    def and_countered(self, change: str, by: str, since: datetime) -> Self:
        """The same, and from an instant on this change is taken back by another one."""
        return self._replace(countered={**self.countered, change: Counter(by, since)}, counters=self.counters | {by})


class Plan(NamedTuple):
    """An instant at which somebody wants another price to begin, or a price to end."""

    at: datetime
    amount: int | None
    """None: from then on there is no price."""


class TakenBack(NamedTuple):
    """A series as it is once something counts no more, and from when on that makes a difference."""

    since: datetime
    prices: list[Priced]


def layers_of(rows: Iterable[Remembered], undone: Undone) -> list[Laid]:
    """What was laid over a series, prices and gaps, in the order in which it was, read from what became of its rows.

    A change lays what it lays in one go; when it writes again, it is taken back. A counter-change lays nothing, and
    what a withdrawn one laid is left out. What changes nothing leaves no trace, such as a gap where there was no price.

    Of rows that are left out because they ended before an instant, the layers from that instant on are the same.
    """
    acts: dict[datetime | None, tuple[list[Remembered], list[Remembered]]] = {}
    for row in rows:
        acts.setdefault(row.recorded_at, ([], []))[1].append(row)
        if row.superseded_at is not None:
            acts.setdefault(row.superseded_at, ([], []))[0].append(row)
    done: set[str | None] = set()
    found: list[Laid] = []
    for _, (over, new) in sorted(acts.items(), key=lambda act: (act[0] is not None, act[0])):
        by = next((one for one in (*(r.superseded_by for r in over), *(r.recorded_by for r in new)) if one), None)
        if by not in done and undone.lays(by):
            found += _stretches([row.priced for row in over], [row.priced for row in new], by)
        if by is not None:
            done.add(by)
    return found


def in_the_way(layers: Sequence[Laid], undone: Undone, begins: datetime, ends: datetime | None) -> Plan | None:
    """The first plan that would be overwritten by what is laid from one instant to another.

    Somebody's plan is every instant in between at which a price begins or ends. At the very beginning it is only what
    begins there: where something merely ends, and what was there before goes on, something else may follow.
    """
    was: Laid | None = None
    for at, is_ in _tops(layers, undone):
        if ends is not None and at >= ends:
            break
        follows = at == begins and was is not None and was.ends == at and (is_ is None or is_.begins != at)
        if begins <= at and not follows:
            return Plan(at, None if is_ is None else is_.amount)
        was = is_
    return None


def beneath(layers: Sequence[Laid], undone: Undone, change: str, at: datetime) -> int | None:
    """What a series would say at an instant if this change had laid nothing; None where there would be no price."""
    for one in reversed(layers):
        holds = one.begins <= at and not _is_over(one.ends, at)
        if holds and one.change_id != change and undone.counts(one.change_id, at):
            return one.amount
    return None


def without(rows: Sequence[Remembered], undone: Undone, more: Undone, since: datetime) -> TakenBack | None:
    """What is believed of a series from an instant on, once more is undone than was; None where that changes nothing.

    Whatever was laid last and counts holds; where it comes up again it is what it was, and says where it comes from.
    Before anything changes, the series is left as it is. A price that was split and comes together is one again.
    """
    layers = layers_of(rows, undone)
    old, new = (list(_since(_painted(layers, each), since)) for each in (undone, more))
    first = next((begins for begins, _, was, is_ in beside(old, new) if _said(was) != _said(is_)), None)
    if first is None:
        return None
    now = [row.priced for row in rows if row.superseded_at is None]
    stored = {one._replace(id=None): one for one in now}
    prices = _joined([*cleared(now, first, None), *_since(new, first)])
    return TakenBack(first, [stored.get(one, one) for one in prices])


def _tops(layers: Sequence[Laid], undone: Undone) -> Iterator[tuple[datetime, Laid | None]]:
    """From when on which layer has the say: the one that was laid last of those that hold and count. In one sweep."""
    found = ((*span, place) for place, one in enumerate(layers) for span in _counting(one, undone))
    spans = sorted(found, key=lambda span: span[0])
    turns = sorted({edge for span in spans for edge in span[:2] if edge is not None})
    held: list[tuple[int, int]] = []
    came, last = 0, None
    for at in turns:
        while came < len(spans) and spans[came][0] <= at:
            heappush(held, (-spans[came][2], came))
            came += 1
        while held and _is_over(spans[held[0][1]][1], at):
            heappop(held)
        top = layers[-held[0][0]] if held else None
        if top is not last:
            yield at, top
        last = top


def _counting(one: Laid, undone: Undone) -> Iterator[tuple[datetime, datetime | None]]:
    """From when until when a layer holds and counts."""
    inside = {at for at in undone.turns_of(one.change_id) if one.begins < at and not _is_over(one.ends, at)}
    turns = [one.begins, *sorted(inside)]
    for begins, ends in zip(turns, [*turns[1:], one.ends], strict=True):
        if undone.counts(one.change_id, begins):
            yield begins, ends


def _is_over(ends: datetime | None, at: datetime) -> bool:
    return ends is not None and ends <= at


def _painted(layers: Sequence[Laid], undone: Undone) -> list[Priced]:
    """What a series says when its layers lie one over the other."""
    tops = list(_tops(layers, undone))
    return _joined(
        Priced(at, until, top.amount, top.change_id, top.exception_id)
        for (at, top), (until, _) in zip(tops, [*tops[1:], (None, None)], strict=False)
        if top is not None and top.amount is not None
    )


def _stretches(over: Sequence[Priced], new: Sequence[Priced], by: str | None) -> Iterator[Laid]:
    """Where prices that came differ from those that went, and what they say there."""
    last: Laid | None = None
    for begins, ends, was, is_ in beside(over, new):
        if _said(was) == _said(is_):
            continue
        laid = Laid(begins, ends, *(_said(is_) or (None, by, None)))
        if last is not None and last.ends == begins and last[2:] == laid[2:]:
            last = last._replace(ends=ends)
            continue
        if last is not None:
            yield last
        last = laid
    if last is not None:
        yield last


def _said(price: Priced | None) -> tuple[int, str | None, str | None] | None:
    """How much, by which change, on which exception."""
    return None if price is None else price[2:5]


def _since(prices: Iterable[Priced], since: datetime) -> Iterator[Priced]:
    """Prices without what lies before an instant."""
    for one in prices:
        if one.valid_to is None or one.valid_to > since:
            yield one._replace(valid_from=max(one.valid_from, since))


def _joined(prices: Iterable[Priced]) -> list[Priced]:
    """Prices by beginning, with neighbours that say the same put together, unless both are stored."""
    whole: list[Priced] = []
    for one in sorted(prices, key=lambda price: price.valid_from):
        last = whole[-1] if whole else None
        same = last is not None and last.valid_to == one.valid_from and last[2:5] == one[2:5]
        if last is not None and same and None in {last.id, one.id}:
            whole[-1] = last._replace(valid_to=one.valid_to, id=None)
        else:
            whole.append(one)
    return whole
