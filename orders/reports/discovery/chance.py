"""Chance: how likely as many would be if nothing but numbers were at work, and what is left when many are looked at."""

from decimal import Decimal

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln
from scipy.stats import false_discovery_control

Whole = npt.NDArray[np.int64]
Share = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_LEAST = np.asarray(Decimal("1e-300"), dtype="f8")
"""Nothing is told apart below: there the machine's numbers end."""
_SHARE_OF_CHANCE = np.asarray(Decimal("0.05"), dtype="f8")
"""Of all that holds, no more than this is expected to be chance."""


def at_least(hits: Whole, marked: Whole, drawn: Whole, whole: Whole) -> Share:
    """How likely at least so many hits are, when `drawn` of `whole` are drawn blindly and `marked` of them are marked.

    The upper tail of the hypergeometric distribution, which is Fisher's exact test against more than chance; exact to
    about eight digits. (scipy's own takes up to a third of a millisecond for each, and there may be a million.)
    """
    found = np.ones(hits.shape)
    above = (hits * whole > marked * drawn) & (hits <= np.minimum(marked, drawn))
    found[above] = _tail(hits[above], marked[above], drawn[above], whole[above])
    # Below the expected number the other tail is the short one: marked that are missed among those not drawn.
    missed = marked - hits + 1
    below = (hits * whole <= marked * drawn) & (missed <= whole - drawn) & (hits > 0)
    found[below] = 1 - _tail(missed[below], marked[below], (whole - drawn)[below], whole[below])
    found[hits > np.minimum(marked, drawn)] = 0
    return np.asarray(np.clip(found, _LEAST, 1), dtype="f8")


def either_way(hits: Whole, marked: Whole, drawn: Whole, whole: Whole) -> Share:
    """How likely so many or more, or so few or fewer, would be: twice the rarer of the two."""
    more = at_least(hits, marked, drawn, whole)
    fewer = at_least(marked - hits, marked, whole - drawn, whole)
    return np.asarray(np.minimum(2 * np.minimum(more, fewer), 1), dtype="f8")


def guarded(chances: Share, tests: int) -> Share:
    """What each chance is worth when so many tests were made, of which those that are not given had a chance of 1.

    Benjamini and Hochberg (1995): of all that are taken for real up to a value, no greater share is expected to be
    chance. Given are some of the tests; scaling what is found for them alone is the same as finding it for all.
    """
    if not len(chances):
        return chances
    alone = false_discovery_control(chances, method="bh")
    return np.asarray(np.minimum(alone * tests / len(chances), 1), dtype="f8")


def holds(guards: Share) -> Flags:
    """Which of what was guarded is taken for more than chance."""
    return np.asarray(guards <= _SHARE_OF_CHANCE)


def said(chance: np.float64) -> str:
    """A chance as it is answered."""
    return f"{chance:.2e}"


def _tail(hits: Whole, marked: Whole, drawn: Whole, whole: Whole) -> Share:
    """The chance of this many hits and of each number above, which must lie above the expected one.

    From there each further chance is the one before times a ratio that only falls, so the sum may stop as soon as
    nothing is added.
    """
    first = _ways(marked, hits) + _ways(whole - marked, drawn - hits) - _ways(whole, drawn)
    total, term = np.ones(hits.shape), np.ones(hits.shape)
    alive, number = np.arange(len(hits)), hits.copy()
    while len(alive):
        a, b, n, k = marked[alive], drawn[alive], whole[alive], number[alive]
        term[alive] *= (a - k) * (b - k) / ((k + 1) * (n - a - b + k + 1))
        total[alive] += term[alive]
        number[alive] += 1
        alive = alive[term[alive] > total[alive] * np.finfo("f8").eps]
    return np.asarray(np.exp(first + np.log(total)), dtype="f8")


def _ways(things: Whole, chosen: Whole) -> Share:
    """The logarithm of how many ways there are to choose some of these things."""
    return np.asarray(gammaln(things + 1) - gammaln(chosen + 1) - gammaln(things - chosen + 1), dtype="f8")
