"""Gaps: what sells in one kind of channel far more often than in the other, and whether that is more than chance."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from orders.reports.discovery.asked import GapSort
from orders.reports.discovery.chance import Flags, Share, either_way, guarded, holds
from orders.reports.discovery.judge import LISTED_MAX
from orders.reports.discovery.lines import OrderLines, Whole, once

ONLINE, RETAIL = 0, 1
"""The places of the two kinds in every count."""


class Sold:
    """Units and orders of all slices so far, by kind of channel: of everything, and of each thing."""

    def __init__(self, things: int, kinds: tuple[int, int]) -> None:
        """Nothing yet. `kinds` are the keys that lines of each kind have."""
        self._kinds = kinds
        self.whole_units = np.zeros(2, "i8")
        self.whole_orders = np.zeros(2, "i8")
        self.units = np.zeros((2, things), "i8")
        self.orders = np.zeros((2, things), "i8")

    def add(self, lines: OrderLines) -> None:
        """Add the orders of a slice."""
        things = self.units.shape[1]
        for kind, key in enumerate(self._kinds):
            sold = lines.only(lines.key == key)
            self.whole_units[kind] += sold.units.sum()
            self.whole_orders[kind] += len(once(sold.order))
            np.add.at(self.units[kind], sold.thing, sold.units)
            self.orders[kind] += np.bincount(once(sold.order * things + sold.thing) % things, minlength=things)


class Gaps(NamedTuple):
    """Things in the order in which they are shown: columns, and what was counted on the way to them."""

    thing: Whole
    chance: Share
    guarded: Share
    gap: Flags
    tests: int
    number: int
    """Of gaps, those beyond LISTED_MAX too."""


def judge_gaps(sold: Sold, wanted: Flags, support: int, ratio: Decimal, sort: GapSort) -> Gaps:
    """Test each thing that is wanted and in so many orders for how it is shared out between the two kinds."""
    (online, retail), (all_online, all_retail) = sold.orders, sold.whole_orders
    thing = np.flatnonzero(wanted & (online + retail >= support) & (np.arange(len(wanted)) > 0))
    online, retail = online[thing], retail[thing]
    chances = either_way(
        online, online + retail, np.full(len(thing), all_online), np.full(len(thing), all_online + all_retail)
    )
    guards = guarded(chances, len(thing))
    fold = _fold(online * all_retail, retail * all_online)
    gap = holds(guards) & (fold >= np.asarray(ratio, dtype="f8"))
    first, second = (fold, online + retail) if sort is GapSort.RATIO else (online + retail, fold)
    order = np.lexsort((thing, -second, -first))[:LISTED_MAX]
    return Gaps(thing[order], chances[order], guards[order], gap[order], len(thing), int(gap.sum()))


def _fold(one: Whole, other: Whole) -> Share:
    """How many times the greater is the smaller; of nothing, it is beyond all numbers."""
    greater, smaller = np.maximum(one, other), np.minimum(one, other)
    return np.asarray(np.where(smaller > 0, greater / np.maximum(smaller, 1), np.inf), dtype="f8")
