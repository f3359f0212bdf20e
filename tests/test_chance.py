"""Chances are the exact ones, from the smallest shop to the largest."""

from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import stats

from orders.reports.discovery.chance import at_least, either_way, guarded, holds, said
from tests import naive_discovery as plain

SMALL = [
    (hits, marked, drawn, whole)
    for whole in range(1, 11)
    for marked, drawn in product(range(whole + 1), repeat=2)
    for hits in range(max(0, marked + drawn - whole), min(marked, drawn) + 1)
]
"""Every way in which up to ten orders can hold two things."""


def columns(tables: list[tuple[int, int, int, int]]) -> list[npt.NDArray[np.int64]]:
    """Tables as columns."""
    return list(np.array(tables, "i8").T)


def furthest(found: npt.NDArray[np.float64], exact: npt.NDArray[np.float64]) -> float:
    """How far the worst is off, as a share of what is right."""
    return float(np.abs(found / exact - 1).max())


def test_every_small_chance_is_the_exact_one() -> None:
    for ours, theirs in ((at_least, plain.at_least), (either_way, plain.either_way)):
        exact = np.array([float(theirs(*table)) for table in SMALL])
        assert furthest(ours(*columns(SMALL)), exact) < 1e-12


def test_more_hits_than_there_can_be_never_come() -> None:
    assert at_least(*columns([(3, 2, 2, 9), (3, 5, 2, 9)])).tolist() == [1e-300, 1e-300]


def test_large_chances_are_those_of_scipy() -> None:
    dice = np.random.default_rng(7)
    for whole, most in ((5_000, 3_000), (90_000, 5_000), (3_000_000, 400_000)):
        marked, drawn = dice.integers(1, most, 200), dice.integers(1, most, 200)
        hits = dice.hypergeometric(marked, whole - marked, drawn) + dice.integers(-30, 60, 200)
        hits = np.clip(hits, np.maximum(0, marked + drawn - whole), np.minimum(marked, drawn))
        theirs = stats.hypergeom.sf(hits - 1, whole, marked, drawn)
        assert furthest(at_least(hits, marked, drawn, np.full(200, whole)), theirs) < 1e-7


def test_beyond_the_smallest_number_there_is_one_that_is_said() -> None:
    assert [said(one) for one in at_least(*columns([(900, 1_000, 1_000, 2_000_000), (1, 1, 1, 4)]))] == [
        "1.00e-300",
        "2.50e-01",
    ]


def test_the_guard_counts_tests_that_it_is_not_shown() -> None:
    dice = np.random.default_rng(11)
    for shown, hidden in ((1, 0), (1, 99), (50, 0), (300, 4_000)):
        chances = np.concatenate([dice.random(shown), dice.random(shown) / 1e5])
        every = np.concatenate([chances, np.ones(hidden)])
        theirs = stats.false_discovery_control(every)[: len(chances)]
        assert furthest(guarded(chances, len(every)), theirs) < 1e-12
    assert guarded(np.zeros(0), 7).tolist() == []


def test_the_guard_is_that_of_its_definition() -> None:
    chances = [Fraction(one, 1000) for one in (1, 8, 8, 9, 30, 200, 210, 999)]
    theirs = [float(plain.guarded(one, chances)) for one in chances]

    assert furthest(guarded(np.array([float(one) for one in chances]), len(chances)), np.array(theirs)) < 1e-12
    assert holds(np.array([0.05, 0.0500001])).tolist() == [True, False]
    assert float(Decimal("0.05")) == 0.05
