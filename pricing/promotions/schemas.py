"""What is asked of promotions, and what they answer. Amounts are minor units of the market's currency."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from commerce.kernel.bodies import At, Body, CodeText, Minor, Reason
from pricing.books.schemas import TerminalBehindView
from pricing.promotions.rules import GivingBack, PromotionState, Uses
from pricing.rules.promotion import Benefit, Conditions, Floor

CODES_MAX = 1_000
"""Codes that are written by hand."""
UNIQUE_MAX = 1_000_000
"""Unique codes that are made in one go."""

PromotionId = Annotated[str, Meta(examples=["prm_019aa5c83d2f7b3c9d4e5f60718293a4"])]


class LimitsBody(Body, frozen=True):
    """How often it may be used; left out, as often as one likes."""

    total: Uses | None = None
    per_person: Uses | None = None
    """Web and stores together. Then it is for known customers only."""
    per_code: Uses | None = None
    """Of unique codes; 1 if left out."""
    codes: Uses | None = None
    """How many unique codes there may be, however many goes they are made in; 1000 if left out."""
    on_cancel: GivingBack = GivingBack.GIVE_BACK
    on_return: GivingBack = GivingBack.KEEP
    """`give_back`: when all units that it touched have come back."""


class PromotionBody(Body, frozen=True):
    """A promotion as it is drafted. Amounts are minor units of the market's currency, shares are basis points."""

    market: CodeText
    name: Reason
    benefit: Benefit
    starts_at: At | None = None
    """Left out: as soon as it is scheduled."""
    ends_at: At | None = None
    lane: Annotated[int, Meta(ge=0, le=9)] = 0
    """Lanes run in order; inside a lane whatever is best for the customer wins."""
    priority: Annotated[int, Meta(ge=0, le=1000)] = 0
    exclusive: bool = False
    """Lines on which it lands take nothing from later lanes."""
    conditions: Conditions = Conditions()
    cap: Annotated[int, Meta(ge=1, le=10**12, examples=[5000])] | None = None
    """At most so much in one order."""
    floor: Floor = Floor()
    limits: LimitsBody = LimitsBody()
    codes: Annotated[list[str], Meta(max_length=CODES_MAX, examples=[["WELCOME10"]])] = []
    """Codes that anybody may type. The book knows them by their hashes only."""


class SubmitBody(Body, frozen=True):
    """Hand it to somebody else to decide."""

    note: Reason | None = None


class ApproveBody(Body, frozen=True):
    """Say yes to what somebody else wrote."""

    note: Reason | None = None


class RejectBody(Body, frozen=True):
    """Say no, and why."""

    note: Reason


class ScheduleBody(Body, frozen=True):
    """Put it into the market's book."""

    starts_at: At | None = None
    """Where it was approved without a start; left out, it is as soon as every shop window can know of it."""


class WithdrawBody(Body, frozen=True):
    """Take it back before it begins."""

    note: Reason | None = None


class StopBody(Body, frozen=True):
    """End it before its time."""

    note: Reason


class CopyBody(Body, frozen=True):
    """Draft the same again."""

    name: Reason | None = None


class MakeCodesBody(Body, frozen=True):
    """Make unique codes."""

    count: Annotated[int, Meta(ge=1, le=UNIQUE_MAX, examples=[1000])]
    prefix: Annotated[
        str,
        Meta(
            max_length=20,
            pattern=r"^([A-Z0-9][A-Z0-9-]*)?(?!\n)$",
            description="A code begins with a capital letter or a digit; hyphens may follow.",
            extra={"words": "Capital letters, digits and hyphens, and no hyphen first."},
            examples=["XMAS-"],
        ),
    ] = ""
    length: Annotated[int, Meta(ge=6, le=20)] = 10
    """Random characters behind the prefix."""


class LimitsView(msgspec.Struct, frozen=True):
    """How often it may be used."""

    total: int | None
    per_person: int | None
    per_code: int | None
    codes: int | None
    on_cancel: GivingBack
    on_return: GivingBack


class PromotionView(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion as it stands."""

    id: PromotionId
    market: str
    name: str
    state: Annotated[
        PromotionState, Meta(description="At this instant: `live` from its start on, `ended` from its end on.")
    ]
    starts_at: datetime | None
    ends_at: datetime | None
    version: int
    lane: int
    priority: int
    exclusive: bool
    conditions: Conditions
    benefit: Benefit
    cap: int | None
    floor: Floor
    limits: LimitsView
    limited: bool
    """Its uses are counted."""
    uses: int
    """Those that were not given back; of a promotion without limits nobody counts them."""
    copy_of: str | None
    created_by: str
    created_at: datetime
    submitted_by: str | None
    approved_by: str | None


class StepView(msgspec.Struct, frozen=True):
    """Something that was done to a promotion."""

    step: Annotated[str, Meta(description="The state it went to; or `edited`, `stopped` or `codes_made`.")]
    actor: str
    note: str | None
    at: datetime


class PromotionDetailView(msgspec.Struct, frozen=True):
    """A promotion with its codes and its diary."""

    promotion: PromotionView
    codes: list[str]
    """Those that anybody may type."""
    unique_codes: int
    steps: list[StepView]


class CodesMadeView(msgspec.Struct, frozen=True):
    """Codes were made; they are read with `GET /v1/promotions/{id}/codes?batch=`."""

    promotion: PromotionId
    batch: int
    count: int


class CodeView(msgspec.Struct, frozen=True):
    """A code and how often it was used."""

    code: str
    batch: int
    uses: int
    most: int | None


class FlagView(msgspec.Struct, frozen=True):
    """Something a person should know before they say yes."""

    level: Annotated[Literal["never", "warning"], Meta(description="`never`: as it stands it can never apply.")]
    clause: str
    code: str
    reason: str


class ReachView(msgspec.Struct, frozen=True):
    """How many skus it touches in a channel."""

    channel: str
    matching: int
    """Skus that it is about."""
    sold: int
    """Of these, those with a price in the time it runs that are listed there and certified."""


class ExampleView(msgspec.Struct, frozen=True):
    """What a single unit costs without it and with it, in minor units, whoever may have it; other promotions count."""

    channel: str
    sku: str
    before: Minor
    after: Minor


class RivalView(msgspec.Struct, frozen=True):
    """Another promotion that runs at the same time and touches some of the same skus.

    It is of the same lane, or an exclusive one of an earlier lane, which closes what it takes.
    """

    id: str
    name: str
    state: PromotionState
    lane: int
    exclusive: bool
    starts_at: datetime | None
    ends_at: datetime | None
    shared_skus: int


class PriceStepView(msgspec.Struct, frozen=True):
    """A price of something it touches that begins while it runs."""

    sku: str
    channel: Annotated[str | None, Meta(description="Null: the recommended price.")]
    begins: datetime
    amount: Minor
    change: str | None


class ChangeAheadView(msgspec.Struct, frozen=True):
    """A price change of something it touches that is not scheduled yet, and may be while it runs."""

    id: str
    name: str
    state: str
    starts_at: datetime | None
    ends_at: datetime | None
    shared_skus: int


class DryRunView(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen if it were scheduled as it stands."""

    promotion: PromotionId
    currency: Annotated[str, Meta(description="Of every amount here.")]
    starts_at: datetime
    ends_at: datetime | None
    can_apply: bool
    flags: list[FlagView]
    reach: list[ReachView]
    examples: list[ExampleView]
    rivals: list[RivalView]
    prices: list[PriceStepView]
    """The first hundred."""
    changes: list[ChangeAheadView]
    terminals_behind: list[TerminalBehindView]
