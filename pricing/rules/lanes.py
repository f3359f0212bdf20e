"""Inside a lane whatever is best for the customer wins: of all ways to combine its promotions, the one that saves most.

No line takes more than one promotion of a lane. Promotions that look at each line by itself are compared line by line;
the others take all their lines or none, and are few (their number in a lane is limited when they are scheduled).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pricing.rules.prepared import Runner
from pricing.rules.working import Taking


class Offer(NamedTuple):
    """What a promotion would take off, line by line; every amount is more than nothing."""

    runner: Runner
    takings: Sequence[Taking]
    total: int
    line_by_line: bool


class Landing(NamedTuple):
    """A promotion that takes this off a line, for good."""

    runner: Runner
    taking: Taking


def best_of(offers: Sequence[Offer]) -> list[Landing]:
    """The landings that together save the customer most, at most one on each line."""
    if len(offers) == 1:
        return [Landing(offers[0].runner, taking) for taking in offers[0].takings]
    ranked = sorted(offers, key=_rank)
    alone: dict[str, Landing] = {}
    for offer in ranked:
        if offer.line_by_line:
            for taking in offer.takings:
                known = alone.get(taking.line.key)
                if known is None or taking.amount > known.taking.amount:
                    alone[taking.line.key] = Landing(offer.runner, taking)
    together = [_Gain.of(offer, alone) for offer in ranked if not offer.line_by_line]
    gains = [gain for gain in together if gain.gain > 0]
    chosen = _best_set(gains) if len(gains) > 1 else gains
    taken = frozenset().union(*(gain.lines for gain in chosen))
    for one in together:
        if one.gain == 0 and one.lines.isdisjoint(taken) and _comes_first(one, alone):
            chosen, taken = [*chosen, one], taken | one.lines
    landings = [landing for key, landing in alone.items() if key not in taken]
    return landings + [Landing(gain.offer.runner, taking) for gain in chosen for taking in gain.offer.takings]


def _rank(offer: Offer) -> tuple[int, int]:
    return offer.runner.rank


class _Gain(NamedTuple):
    """An offer that takes its lines together, and what that saves more than the best for each line alone."""

    offer: Offer
    lines: frozenset[str]
    gain: int

    @classmethod
    def of(cls, offer: Offer, alone: dict[str, Landing]) -> "_Gain":
        lines = frozenset(taking.line.key for taking in offer.takings)
        return cls(offer, lines, offer.total - sum(alone[key].taking.amount for key in lines if key in alone))


def _comes_first(one: _Gain, alone: Mapping[str, Landing]) -> bool:
    """Whether an offer that saves as much as the landings in its place has a higher rank than each of them."""
    return all(one.offer.runner.rank < alone[key].runner.rank for key in one.lines if key in alone)


def _best_set(gains: Sequence[_Gain]) -> list[_Gain]:
    """Of the sets in which no two want the same line, the one that gains most; the first found of equals.

    Sets are looked at from the biggest gain on, and no further where what is left could not gain more. What is left
    gains no more than the best of each group of offers that want the same line, since only one of them can have it.
    """
    wanted = Counter(line for one in gains for line in one.lines)
    chosen = [one for one in gains if all(wanted[line] == 1 for line in one.lines)]
    ordered = sorted((one for one in gains if one not in chosen), key=lambda one: (-one.gain, one.offer.runner.rank))
    rest = _most_of_rest(ordered, wanted)
    best: list[_Gain] = []
    most = 0

    def look(begin: int, so_far: list[_Gain], lines: frozenset[str], gained: int) -> None:
        nonlocal best, most
        if gained > most:
            best, most = so_far, gained
        for n in range(begin, len(ordered)):
            if gained + rest[n] <= most:
                return
            one = ordered[n]
            if lines.isdisjoint(one.lines):
                look(n + 1, [*so_far, one], lines | one.lines, gained + one.gain)

    look(0, [], frozenset(), 0)
    return chosen + best


def _most_of_rest(ordered: Sequence[_Gain], wanted: Mapping[str, int]) -> list[int]:
    """For each place, more than which all from there on cannot gain together: one for each most wanted line."""
    rest = [0] * (len(ordered) + 1)
    best_for: dict[str, int] = {}
    for n in range(len(ordered) - 1, -1, -1):
        one = ordered[n]
        line = max(one.lines, key=lambda key: (wanted[key], key))
        rest[n] = rest[n + 1] + one.gain - best_for.get(line, 0)
        best_for[line] = one.gain
    return rest
