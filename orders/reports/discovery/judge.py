"""Judge: which of the pairs that were counted are more than chance, and in which order they are shown."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from orders.reports.discovery.asked import PairSort
from orders.reports.discovery.chance import Share, at_least, guarded, holds
from orders.reports.discovery.lines import Flags, Whole
from orders.reports.discovery.pairs import Tally

LISTED_MAX = 10_000
"""How many pairs an answer has at most, on all its pages."""


class Found(NamedTuple):
    """Pairs in the order in which they are shown: columns, and what was counted on the way to them."""

    key: Whole
    anchor: Whole
    attach: Whole
    whole: Whole
    anchors: Whole
    attaches: Whole
    both: Whole
    open_anchors: Whole
    chance: Share
    guarded: Share
    tests: int
    number: int
    """Of pairs that reach what was asked for, those beyond LISTED_MAX too."""
    worth: int
    """Of those, the ones that hold against the guard."""
    left_out: int
    """Orders or customers with too many things."""


class Table(NamedTuple):
    """Pairs as columns: where the anchor and the attach are among the things of all keys, and the four counts."""

    anchor: Whole
    attach: Whole
    whole: Whole
    anchors: Whole
    attaches: Whole
    both: Whole

    def only(self, kept: Whole | Flags) -> "Table":
        """Some of them, or all in another order."""
        return Table(*(column[kept] for column in self))


def judge(tally: Tally, *, followed: bool, support: int, lift: Decimal, sort: PairSort) -> Found:
    """Test every pair of things that each come `support` times, and keep those with that many of both and that lift.

    A thing that comes less often cannot be in a pair that is shown; how often two things met does not decide whether
    they are tested, for then only those that met by chance would be.
    """
    table, tests = _of_customers(tally, support) if followed else _of_orders(tally, support)
    chances = at_least(table.both, table.anchors, table.attaches, table.whole)
    guards = guarded(chances, tests)
    if not followed:
        other_way = table._replace(anchor=table.attach, attach=table.anchor, anchors=table.attaches,
                                   attaches=table.anchors)  # fmt: skip
        table = Table(*(np.concatenate(both) for both in zip(table, other_way, strict=True)))
        chances, guards = np.tile(chances, 2), np.tile(guards, 2)
    return _shown(tally, table, chances, guards, tests, _Bounds(support, lift, sort))


def _of_orders(tally: Tally, support: int) -> tuple[Table, int]:
    """The pairs of orders that came together, and how many tests there are: two things are one."""
    keys, things = tally.shape
    pairs, both = tally.both.all()
    a, b = _places(pairs, things)
    often = _is_thing(tally) & (tally.anchors >= support)
    per_key = often.reshape(keys, things).sum(axis=1)
    table = Table(a, b, tally.whole[a // things], tally.anchors[a], tally.anchors[b], both)
    return table.only(often[a] & often[b]), int((per_key * (per_key - 1)).sum()) // 2


def _of_customers(tally: Tally, support: int) -> tuple[Table, int]:
    """The pairs of customers that came together, and how many tests there are: two things are two.

    Who has the anchor is followed from it, everybody else from their first order: so each anchor has its own number of
    those with the attach, and it is another one than that of all only for pairs that somebody had.
    """
    keys, things = tally.shape
    pairs = np.union1d(tally.both.all()[0], tally.firsts.all()[0])
    a, b = _places(pairs, things)
    both = tally.both.of(pairs)
    attaches = tally.attaches[b] - tally.firsts.of(pairs) + both
    table = Table(a, b, tally.whole[a // things], tally.anchors[a], attaches, both)
    often_a = _is_thing(tally) & (tally.anchors >= support)
    often_b = _is_thing(tally) & (tally.attaches >= support)
    is_b = _is_thing(tally)[b] & (attaches >= support)
    a_per_key, b_per_key, same = (
        flags.reshape(keys, things).sum(axis=1) for flags in (often_a, often_b, often_a & often_b)
    )
    otherwise = is_b[often_a[a]].sum() - often_b[b[often_a[a]]].sum()
    return table.only(often_a[a] & is_b & (both > 0)), int((a_per_key * b_per_key - same).sum() + otherwise)


def _places(pairs: Whole, things: int) -> tuple[Whole, Whole]:
    """Where the anchor and the attach of pairs are among the things of all keys."""
    anchor = pairs // things
    return anchor, anchor // things * things + pairs % things


def _is_thing(tally: Tally) -> Flags:
    """What is not sold as anything is no thing."""
    return np.asarray(np.arange(len(tally.anchors)) % tally.shape.things > 0)


class _Bounds(NamedTuple):
    support: int
    lift: Decimal
    sort: PairSort


def _shown(tally: Tally, table: Table, chances: Share, guards: Share, tests: int, bounds: _Bounds) -> Found:
    things = tally.shape.things
    # Whole numbers below 2^53 are exact here, and so are their quotients to the last bit: equal lifts stay equal.
    lifts = table.both * table.whole / (table.anchors * table.attaches)
    order = np.flatnonzero((table.both >= bounds.support) & (lifts >= np.asarray(bounds.lift, dtype="f8")))
    first, second = (lifts, table.both) if bounds.sort is PairSort.LIFT else (table.both, lifts)
    order = order[np.lexsort((table.attach[order], table.anchor[order], -second[order], -first[order]))]
    number, worth, order = len(order), int(holds(guards[order]).sum()), order[:LISTED_MAX]
    listed = table.only(order)
    return Found(
        key=listed.anchor // things, anchor=listed.anchor % things, attach=listed.attach % things, whole=listed.whole,
        anchors=listed.anchors, attaches=listed.attaches, both=listed.both,
        open_anchors=tally.open_anchors[listed.anchor], chance=chances[order], guarded=guards[order], tests=tests,
        number=number, worth=worth, left_out=int(tally.left_out.sum()),
    )  # fmt: skip
