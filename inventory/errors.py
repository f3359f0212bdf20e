"""Inventory's refusals."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from commerce.kernel.refusals import Refusal


class Missing(msgspec.Struct, frozen=True):
    """A sku of which too few are free: how many were wanted, and how many could be had."""

    sku: str
    wanted: int
    free: int


@dataclass(eq=False)
class NotEnoughStock(Refusal):
    """Not everything that was wanted is free, so nothing was taken."""

    code = "not_enough_stock"
    missing: list[Missing]

    @classmethod
    def of(cls, wanted: Mapping[str, int], free: Mapping[str, int]) -> "NotEnoughStock":
        """What is missing of what was wanted, given the free units of each sku; none where it is not named."""
        short = [Missing(sku, units, free.get(sku, 0)) for sku, units in sorted(wanted.items())]
        return cls([missing for missing in short if missing.free < missing.wanted])

    def __str__(self) -> str:
        return "; ".join(f"{m.wanted} of {m.sku} wanted, {m.free} free" for m in self.missing) + "."


@dataclass(eq=False)
class StockIsHeld(Refusal):
    """Units that are promised to somebody cannot be corrected away."""

    code = "stock_is_held"
    sku: str
    location: str
    supply: int
    held: int

    def __str__(self) -> str:
        return f"Of {self.supply} {self.sku} at {self.location}, {self.held} are held. Count them, if they are gone."


@dataclass(eq=False)
class TooMuchStock(Refusal):
    """No place holds that many units of one sku; somebody mistyped."""

    status = 422
    code = "too_much_stock"
    sku: str
    location: str
    most: int

    def __str__(self) -> str:
        return f"That would be more than {self.most} units of {self.sku} at {self.location}."


@dataclass(eq=False)
class HoldTimeNotAllowed(Refusal):
    """A basket may be held from now on, and not for long."""

    status = 422
    code = "hold_time_not_allowed"
    field: str
    minutes_max: int

    def __str__(self) -> str:
        return f"A basket is held until some time in the next {self.minutes_max} minutes."
