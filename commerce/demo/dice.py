"""Chance that falls the same way everywhere: small draws from one seeded stream."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A seeded stream of draws, the same on every Python.

    Python promises only that `random()` keeps its sequence from version to version; `choice`, `shuffle` and
    their kin may change. So every draw here is made from `random()` alone.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - a story to be told again word for word, nothing secret

    def below(self, limit: int) -> int:
        """Draw a whole number from 0 up to, not including, the limit."""
        return int(self._random.random() * limit)

    def between(self, low: int, high: int) -> int:
        """Draw a whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def happens(self, percent: int) -> bool:
        """Say yes in so many cases of a hundred."""
        return self.below(100) < percent

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of several, each as likely as the other."""
        return options[self.below(len(options))]

    def weigh(self, options: Mapping[T, int]) -> T:
        """Draw one of several, each as likely as its weight says."""
        point = self.below(sum(options.values()))
        for option, weight in options.items():
            point -= weight
            if point < 0:
                return option
        raise AssertionError("a point below the sum of the weights lies in one of them")
