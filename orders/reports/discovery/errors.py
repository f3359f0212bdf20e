"""What discoveries say no to."""

from dataclasses import dataclass
from typing import ClassVar

from commerce.kernel.refusals import Refusal


@dataclass(eq=False)
class TooManyPairs(Refusal):
    """So many different pairs came together that they cannot be looked at at once."""

    status = 422
    code = "too_many_pairs"
    field: ClassVar[str] = "level"
    most: int

    def __str__(self) -> str:
        return f"level: More than {self.most} different pairs came together. Take a coarser level or a shorter period."
