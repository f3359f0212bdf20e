"""What promotions say no to."""

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

from commerce.kernel.refusals import FieldError, Refusal


class Fault(NamedTuple):
    """What is wrong with one clause of a promotion; the clause is named by its path in the request."""

    clause: str
    reason: str


@dataclass(eq=False)
class MalformedPromotion(Refusal):
    """The promotion says something that makes no sense, or speaks of what does not exist: each clause, and why."""

    status = 422
    code = "malformed_promotion"
    field: str
    """The first of the clauses."""
    faults: list[Fault]

    def facts(self) -> dict[str, object]:
        """Every clause that is wrong, and why."""
        return {"field": self.field, "faults": [fault._asdict() for fault in self.faults]}

    def field_errors(self) -> list[FieldError]:
        """Each clause by itself, so that a form can put what is wrong beside it."""
        return [FieldError(fault.clause, fault.reason) for fault in self.faults]

    def __str__(self) -> str:
        return "; ".join(f"{fault.clause}: {fault.reason}" for fault in self.faults)


@dataclass(eq=False)
class LaneIsFull(Refusal):
    """So many that are judged as a whole run in this lane together that no more can be weighed against each other."""

    code = "lane_is_full"
    field: str
    market: str
    lane: int
    most: int

    def __str__(self) -> str:
        return (
            f"{self.most} promotions that are judged as a whole (bundles, gifts, capped ones and the like) run "
            f"in lane {self.lane} of {self.market!r} together in that time already. Take another lane, or another time."
        )


@dataclass(eq=False)
class NotMadeForCodes(Refusal):
    """No unique codes can be made for this promotion, or not now."""

    code = "not_made_for_codes"
    promotion: str
    reason: str

    def __str__(self) -> str:
        return f"{self.promotion}: {self.reason}"


@dataclass(eq=False)
class TooManyCodes(Refusal):
    """It was approved with fewer codes than there would be."""

    code = "too_many_codes"
    field: str
    promotion: str
    most: int
    made: int
    """So many there are already."""

    def __str__(self) -> str:
        return f"{self.promotion} was written for {self.most} codes, and has {self.made}. For more of them copy it."


@dataclass(eq=False)
class CodesTooShort(Refusal):
    """So many codes of that length could be guessed."""

    status = 422
    code = "codes_too_short"
    field: str
    length: int
    least: int

    def __str__(self) -> str:
        return f"Of so many codes with {self.length} random characters one could be guessed; take {self.least} or more."


_TO_BLAME = {"total": "shown_total.amount", "code": "codes"}


@dataclass(eq=False)
class PromotionUsedUp(Refusal):
    """Somebody else had the last use, or the buyer had theirs."""

    code = "promotion_used_up"
    promotion: str
    limit: str
    """`total`, `person`, `code`, `first_purchase`, or `nobody`: per person, and nobody in particular buys."""
    field: str = dataclasses.field(init=False)
    """`codes` for a code that is used up; what was shown, where the last use of all is gone; else the `buyer`."""

    def __post_init__(self) -> None:
        """Blame what the limit is about."""
        self.field = _TO_BLAME.get(self.limit, "buyer")

    def __str__(self) -> str:
        return f"The uses of {self.promotion} are gone ({self.limit})."
