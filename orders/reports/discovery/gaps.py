"""Gaps: what sells in one kind of channel far more often than in the other, and whether that is more than chance."""

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from orders.reports.discovery.asked import GapSort
from orders.reports.discovery.chance import Flags, Share, either_way, guarded, holds
from orders.reports.discovery.judge import LISTED_MAX
from orders.reports.discovery.lines import OrderLines, Whole, once
from orders.reports.discovery.pairs import spread

ONLINE, RETAIL = 0, 1
"""The places of the two kinds in every count."""


class Sides(NamedTuple):
    """Of each channel: the number of its market, and the place of its kind."""

    market: Whole
    kind: Whole


class Sold:
    """Units and orders of all slices so far, by market and kind of channel: of everything, and of each thing."""

    def __init__(self, things: int, sides: Sides) -> None:
        """Nothing yet."""
        self._sides = sides
        shape = int(sides.market.max(initial=-1)) + 1, 2
        self.whole_units = np.zeros(shape, "i8")
        self.whole_orders = np.zeros(shape, "i8")
        self.units = np.zeros((*shape, things), "i8")
        self.orders = np.zeros((*shape, things), "i8")

    def add(self, lines: OrderLines) -> None:
        """Add the orders of a slice."""
        things = self.units.shape[2]
        side = self._sides.market[lines.key] * 2 + self._sides.kind[lines.key]
        place = side * things + lines.thing
        np.add.at(self.whole_units.reshape(-1), side, lines.units)
        np.add.at(self.units.reshape(-1), place, lines.units)
        self.whole_orders += spread(side[np.diff(lines.order, prepend=0) > 0], self.whole_orders)
        self.orders += spread(once(lines.order * self.orders.size + place) % self.orders.size, self.orders)


class Within(NamedTuple):
    """How the orders with each thing are shared out in the markets that sell in both kinds of channels, added up."""

    online: Whole
    orders: Whole
    """Online and in stores."""
    expected: Share
    """How many would be online, were they shared out in each market as all orders are."""


def within_markets(sold: Sold) -> Within:
    """Compare each thing in each market with all that was sold there."""
    both = (sold.whole_orders > 0).all(axis=1)
    orders, whole = sold.orders[both], sold.whole_orders[both]
    share = whole[:, ONLINE] / whole.sum(axis=1)
    there = orders.sum(axis=1)
    return Within(orders[:, ONLINE].sum(axis=0), there.sum(axis=0), (there * share[:, None]).sum(axis=0))


def adjusted(sold: Sold, thing: int) -> tuple[Fraction, Fraction]:
    """The share of orders online, and that in stores, as they are compared within markets (Mantel and Haenszel 1959).

    A market counts by how many orders it has of both kinds, so that one with few of either says little.
    """
    online, retail = Fraction(0), Fraction(0)
    for (some, others), (all_online, all_retail) in zip(
        sold.orders[:, :, thing].tolist(), sold.whole_orders.tolist(), strict=True
    ):
        of_all = max(all_online + all_retail, 1)
        online, retail = online + Fraction(some * all_retail, of_all), retail + Fraction(others * all_online, of_all)
    return online, retail


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
    """Test each thing that is wanted and in so many orders for how it is shared out between the two kinds.

    Those that are shared out less unevenly than `ratio` are tests that found nothing, whatever their chance.
    """
    often = sold.orders.sum(axis=(0, 1))
    thing = np.flatnonzero(wanted & (often >= support) & (np.arange(len(wanted)) > 0))
    often = often[thing]
    within = within_markets(sold)
    chances = either_way(within.online[thing], within.orders[thing], within.expected[thing])
    folds = [_fold(*adjusted(sold, one)) for one in thing.tolist()]
    fold, is_large = np.asarray(folds, dtype="f8"), np.asarray([one >= ratio for one in folds], bool)
    guards = guarded(np.where(is_large, chances, 1), len(thing))
    gap = holds(guards) & is_large
    first, second = (fold, often) if sort is GapSort.RATIO else (often, fold)
    order = np.lexsort((thing, -second, -first))[:LISTED_MAX]
    return Gaps(thing[order], chances[order], guards[order], gap[order], len(thing), int(gap.sum()))


def _fold(online: Fraction, retail: Fraction) -> Decimal:
    """How many times the greater is the smaller; of nothing, it is beyond all numbers. Nothing is once nothing."""
    smaller, greater = sorted((online, retail))
    if not smaller:
        return Decimal("Infinity" if greater else 1)
    return Decimal(greater.numerator * smaller.denominator) / (greater.denominator * smaller.numerator)
