"""What pricing says no to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from commerce.kernel.refusals import Refusal
from pricing.rules.layers import Plan


@dataclass(eq=False)
class PriceInThePast(Refusal):
    """What a thing cost yesterday is history, and orders were made by it."""

    status = 422
    code = "price_in_the_past"
    field: str
    instant: datetime
    now: datetime

    def __str__(self) -> str:
        return f"{self.instant.isoformat()} is over; prices change from now ({self.now.isoformat()}) on."


@dataclass(eq=False)
class PriceOverlaps(Refusal):
    """Another price begins or ends while this one would be in force; that is somebody's plan, and not overwritten."""

    code = "price_overlaps"
    field: str
    sku: str
    market: str
    begins: datetime | None
    """When the other price begins, or there is no price any more; None where somebody set it this very moment."""
    channel: str | None = None
    """The channel whose own price it is; None for a recommended price."""
    ends: bool = False
    """Whether what is planned is that from then on there is no price."""

    @classmethod
    def of(cls, field: str, sku: str, market: str, channel: str | None, plan: Plan) -> Self:
        """A plan that is in the way of an item."""
        return cls(field, sku, market, plan.at, channel, plan.amount is None)

    def __str__(self) -> str:
        when = f" from {self.begins.isoformat()}" if self.begins else " since this very moment"
        where = self.channel or self.market
        what = "has no price any more" if self.ends else "has another price"
        return f"{self.sku!r} {what} in {where!r}{when}. End there, or take that one back first."


@dataclass(eq=False)
class TooLateToWithdraw(Refusal):
    """It begins any moment, and some may have been told already: it can only be ended once it has begun."""

    code = "too_late_to_withdraw"
    what: str
    id: str
    starts_at: datetime
    instead: str
    """What can be done."""

    def __str__(self) -> str:
        begins = self.starts_at.isoformat()
        return f"The {self.what} {self.id} begins at {begins}; that cannot be undone any more. {self.instead}"


@dataclass(eq=False)
class OwnChange(Refusal):
    """What is charged takes two people: whoever wrote or submitted it is not the one who approves it."""

    status = 403
    code = "own_change"
    what: str
    id: str
    actor: str

    def __str__(self) -> str:
        return f"{self.id} was written or submitted by {self.actor}; somebody else has to approve this {self.what}."


@dataclass(eq=False)
class StartNotApproved(Refusal):
    """It was approved to begin at an instant, and begins at no other: that is part of what two people have seen."""

    code = "start_not_approved"
    field: str
    what: str
    id: str
    approved: datetime
    instant: datetime

    def __str__(self) -> str:
        return (
            f"{self.id} was approved to begin at {self.approved.isoformat()}, not at {self.instant.isoformat()}. Draft "
            f"another {self.what} for another start."
        )


@dataclass(eq=False)
class StartMissed(Refusal):
    """The start that was approved is over, or so near that not everybody can know of it by then."""

    code = "start_missed"
    field: str
    what: str
    id: str
    approved: datetime
    earliest: datetime
    """As late as it would have to begin by now."""

    def __str__(self) -> str:
        return (
            f"{self.id} is to begin at {self.approved.isoformat()}, and that is too late now. Draft another "
            f"{self.what}, and have it approved."
        )


@dataclass(eq=False)
class BeyondTheBooks(Refusal):
    """No price book says all that the answer depends on: it is too long ago, or too far ahead."""

    status = 422
    code = "beyond_the_books"
    field: str
    instant: datetime
    number: int
    """The book that was asked."""
    known_since: datetime
    complete_until: datetime

    def __str__(self) -> str:
        return (
            f"Book {self.number} knows what is charged from {self.known_since.isoformat()} until "
            f"{self.complete_until.isoformat()}; for {self.instant.isoformat()} more would have to be known."
        )


@dataclass(eq=False)
class MixedCurrency(Refusal):
    """The amount is not in the market's currency."""

    status = 422
    code = "mixed_currency"
    field: str
    currency: str
    wanted: str

    def __str__(self) -> str:
        return f"This market trades in {self.wanted}, not in {self.currency}."


@dataclass(eq=False)
class RateInThePast(Refusal):
    """Tax that was due is due; a rate changes from now on."""

    status = 422
    code = "rate_in_the_past"
    field: str
    instant: datetime
    now: datetime

    def __str__(self) -> str:
        return f"{self.instant.isoformat()} is over; tax rates change from now ({self.now.isoformat()}) on."


@dataclass(eq=False)
class RateOverlaps(Refusal):
    """A rate came into force at this very instant already."""

    code = "rate_overlaps"
    field: str
    market: str
    tax_class: str

    def __str__(self) -> str:
        return f"The {self.tax_class} rate of {self.market!r} was set for this very instant already."
