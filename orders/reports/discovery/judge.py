"""Judge: which of the pairs that were counted are more than chance, and in which order they are shown."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from orders.reports.discovery.asked import PairSort
from orders.reports.discovery.blind import Blind
from orders.reports.discovery.chance import Share, at_least, guarded, holds
from orders.reports.discovery.lines import Flags, Whole
from orders.reports.discovery.pairs import Tally

LISTED_MAX = 10_000
"""How many pairs an answer has at most, on all its pages."""
DIGITS = 6
_TINY = np.asarray(Decimal("1e-300"), dtype="f8")


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
    expected: Share
    lift: Share
    """Both by what is expected, to the last digit that is shown."""
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
    they are tested, for then only those that met by chance would be. Those that met less than `support` times, or
    have less than that lift, are tests that found nothing, whatever their chance: what surely is a little more than
    chance must not vouch for a few that only look as if they were much more.
    """
    table, tests = _of_customers(tally, support) if followed else _of_orders(tally, support)
    table = table.only(table.both >= support)
    expected = _expected(tally, table, followed=followed)
    # Rounded as it is shown, so that lifts that are the same but for the machine's last digits are equal.
    lifts = np.round(table.both / np.maximum(expected, _TINY), DIGITS)
    high = lifts >= np.asarray(lift, dtype="f8")
    table, expected, lifts = table.only(high), expected[high], lifts[high]
    chances = at_least(table.both, expected)
    judged = _Judged(expected, lifts, chances, guarded(chances, tests), tests)
    if not followed:
        other_way = table._replace(anchor=table.attach, attach=table.anchor, anchors=table.attaches,
                                   attaches=table.anchors)  # fmt: skip
        table = Table(*(np.concatenate(both) for both in zip(table, other_way, strict=True)))
        expected, lifts, chances, guards = (np.tile(column, 2) for column in judged[:-1])
        judged = _Judged(expected, lifts, chances, guards, tests)
    return _shown(tally, table, judged, sort)


class _Judged(NamedTuple):
    expected: Share
    lifts: Share
    chances: Share
    guards: Share
    tests: int


def _expected(tally: Tally, table: Table, *, followed: bool) -> Share:
    """How many of both would be if each channel's orders (or customers' things) were filled blindly."""
    filled, things = tally.filled, tally.shape.things
    found = np.zeros(len(table.both))
    number = np.arange(filled.sizes.shape[1])
    of_orders = number * (number - 1) * filled.sizes
    for channel, key in enumerate(tally.shape.key_of):
        here = np.flatnonzero(table.anchor // things == key)
        anchor, attach = table.anchor[here] % things, table.attach[here] % things
        blind = Blind(filled.held[channel], filled.sizes[channel], (filled.met if followed else of_orders)[channel])
        of_channel = blind.of(anchor, attach)
        if followed:
            fair = np.maximum(filled.fair[channel], _TINY)
            of_channel *= (filled.anchored[channel] / fair)[anchor] * (filled.attached[channel] / fair)[attach]
        found[here] += of_channel
    return found


def _of_orders(tally: Tally, support: int) -> tuple[Table, int]:
    """The pairs of orders that came together, and how many tests there are: two things are one."""
    keys, things = tally.shape.keys, tally.shape.things
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
    keys, things = tally.shape.keys, tally.shape.things
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


def _shown(tally: Tally, table: Table, judged: _Judged, sort: PairSort) -> Found:
    things, lifts = tally.shape.things, judged.lifts
    first, second = (lifts, table.both) if sort is PairSort.LIFT else (table.both, lifts)
    order = np.lexsort((table.attach, table.anchor, -second, -first))
    number, worth, order = len(order), int(holds(judged.guards).sum()), order[:LISTED_MAX]
    listed = table.only(order)
    return Found(
        key=listed.anchor // things, anchor=listed.anchor % things, attach=listed.attach % things, whole=listed.whole,
        anchors=listed.anchors, attaches=listed.attaches, both=listed.both,
        open_anchors=tally.open_anchors[listed.anchor], expected=judged.expected[order], lift=lifts[order],
        chance=judged.chances[order], guarded=judged.guards[order], tests=judged.tests, number=number, worth=worth,
        left_out=int(tally.left_out.sum()),
    )  # fmt: skip
