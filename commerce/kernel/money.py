"""Exact amounts: integers of a currency's smallest unit, and divisions that always sum back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from iso4217 import Currency

AMOUNT_MAX = 10**15
_AMOUNT = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,9})?", re.ASCII)
"""Few enough digits that no arithmetic on them rounds."""


@cache
def digits_of(currency: str) -> int:
    """How many decimal digits ISO 4217 gives this currency: 2 for EUR, 0 for JPY, 3 for KWD.

    Raises ValueError for a code that is not a currency, and for one without a smallest unit (gold, test codes).
    """
    exponent = Currency(currency).exponent
    if exponent is None:
        raise ValueError(f"{currency} has no smallest unit.")
    return int(exponent)


def half_up(numerator: int, denominator: int) -> int:
    """The nearest whole number to a fraction; halves go away from zero, as receipts do."""
    assert denominator > 0
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def cumulative_part(total: int, of: int, before: int, units: int) -> int:
    """What `units` more are worth after `before` of `of` were already taken out of `total`.

    Every order of taking all units sums to `total` exactly (cumulative rounding).
    """
    assert 0 <= before <= before + units <= of
    return half_up((before + units) * total, of) - half_up(before * total, of)


def share_out(amount: int, weights: Sequence[int], keys: Sequence[str] | Sequence[int]) -> list[int]:
    """Share out an amount by weight, largest remainder first; ties go to the heavier one, then to the lower key.

    The shares sum to the amount exactly and do not depend on the order they are asked in; a weight of nothing gets
    nothing. Raises ValueError where there is no weight to share by, or a negative one.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("Shares need weights that are not negative and not all zero.")
    parts = [amount * weight // total for weight in weights]
    left = amount - sum(parts)
    if left:
        claims = sorted(range(len(parts)), key=lambda n: (-(amount * weights[n] % total), -weights[n], keys[n]))
        for n in claims[:left]:
            parts[n] += 1
    return parts


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in a currency's smallest unit: Money(1999, "EUR") is 19.99 euros."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read a decimal string in major units: ("12.50", "EUR") is Money(1250, "EUR").

        Raises ValueError for anything that is not a plain decimal, has more digits than the currency, or is absurd.
        """
        digits = digits_of(currency)
        if not _AMOUNT.fullmatch(text):
            raise ValueError(f"{text!r} is not an amount.")
        scaled = Decimal(text).scaleb(digits)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{text!r} has more digits than {currency} has ({digits}).")
        if abs(scaled) > AMOUNT_MAX:
            raise ValueError(f"{text!r} is more than this system handles.")
        return cls(int(scaled), currency)

    def __str__(self) -> str:
        return f"{major(self.minor, self.currency)} {self.currency}"

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self} and {other} are different currencies.")
        return other.minor

    def share(self, weights: Mapping[str, int]) -> dict[str, "Money"]:
        """Share out by weight, largest remainder first; ties go to the heavier key, then the lower one.

        The shares sum to the amount exactly, whatever order the keys come in; a weight of nothing gets nothing.
        Raises ValueError where there is no weight to share by, or a negative one.
        """
        parts = share_out(self.minor, list(weights.values()), list(weights))
        return {key: Money(part, self.currency) for key, part in zip(weights, parts, strict=True)}


def major(minor: int, currency: str) -> str:
    """The amount as people and CSV files write it: (1250, "EUR") is "12.50"."""
    digits = digits_of(currency)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"
