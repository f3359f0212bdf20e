"""Lines while promotions land on them."""

from collections.abc import Iterable
from typing import NamedTuple

from pricing.rules.prepared import LineFacts, Runner
from pricing.rules.quoted import PriorPrice, Reduction


class Line:
    """Units of a sku, or the shipping, and what is left of their price. Amounts are for the whole line."""

    __slots__ = ("facts", "gross", "key", "locked", "net", "place", "price", "quantity", "reductions", "sku")

    def __init__(self, key: str, place: int, sku: str, quantity: int, facts: LineFacts) -> None:
        self.key = key
        self.place = place
        """Among the lines of the basket: ties go to the lower one."""
        self.sku = sku
        self.quantity = quantity
        self.facts = facts
        self.price = facts.price
        self.gross = self.net = facts.price * quantity
        self.reductions: list[Reduction] = []
        self.locked = False
        """An exclusive promotion landed here."""

    @property
    def prior(self) -> PriorPrice | None:
        """The prior price, where units of this very line are reduced: who pays no less than before is told of none."""
        return self.facts.prior if self.net < self.facts.reduced_from * self.quantity else None

    def worth(self, units: int) -> int:
        """What so many of its units are worth now, so that all of them together are worth the line."""
        return self.net if units == self.quantity else (2 * units * self.net + self.quantity) // (2 * self.quantity)


class Taking(NamedTuple):
    """What a promotion would take off a line."""

    line: Line
    amount: int


class Units(NamedTuple):
    """Some units of a line."""

    line: Line
    number: int


class Candidate:
    """A promotion that has to do with something in the basket."""

    __slots__ = ("counting", "parts", "runner")

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.counting: list[Line] = []
        """Lines that it is about."""
        self.parts: list[tuple[Line, int]] = []
        """Lines that are part of its benefit: what is got with others, or a bundle's parts by number."""


def dearest_first(lines: Iterable[Line]) -> list[Line]:
    """By the price of a unit before promotions, then by place."""
    return sorted(lines, key=lambda line: (-line.price, line.place))


def cheapest_first(lines: Iterable[Line]) -> list[Line]:
    """By the price of a unit before promotions, then by place."""
    return sorted(lines, key=lambda line: (line.price, line.place))


def first_units(lines: Iterable[Line], wanted: int) -> list[Units]:
    """So many units, from the first lines on."""
    found = []
    for line in lines:
        number = min(wanted, line.quantity)
        if not number:
            break
        found.append(Units(line, number))
        wanted -= number
    return found
