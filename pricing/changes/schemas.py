"""What price changes' requests and answers are made of."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from commerce.kernel.bodies import NO_NUL, Amount, At, Balance, Body, CodeText, Reason, ShortText
from pricing.books.schemas import TerminalBehindView
from pricing.changes.rules import ITEMS_MAX, Origin, PriceChangeState, Way

Sku = Annotated[CodeText, Meta(examples=["TERN3-SLATE-128"])]
SkuShown = Annotated[str, Meta(examples=["TERN3-SLATE-128"])]
ChannelShown = Annotated[str | None, Meta(description="Null: the market's recommended price.", examples=["web-de"])]
MarketCode = Annotated[CodeText, Meta(examples=["de"])]
ChangeIdShown = Annotated[str, Meta(examples=["pch_019a4f6e8a707cc3a7f1d2f0a1b2c3d4"])]
WhoShown = Annotated[str, Meta(description="The principal: a key's family, or who sat at the terminal.")]
Codes = Annotated[list[CodeText], Meta(max_length=1_000)]
CsvText = Annotated[
    str,
    NO_NUL,
    Meta(
        min_length=1,
        max_length=900_000,
        description="CSV (RFC 4180, UTF-8) whose first line is `sku,channel,price`, or that and"
        " `,exception_reason,exception_expires_at`. An empty channel means the recommended price. Prices are in major"
        " units (`12.50`), or `none` to end one.",
        examples=["sku,channel,price\nTERN3-SLATE-128,,749.00\n"],
    ),
]


class ExceptionBody(Body, frozen=True, kw_only=True):
    """Why a channel may charge what the market's policy does not allow, and until when; its price ends then."""

    reason: Reason
    expires_at: At


class ItemBody(Body, frozen=True, kw_only=True):
    """A price to change: the recommended one, or a channel's own. No price ends it.

    Without a recommended price a sku is not sold; without one of its own a channel charges the recommended price.
    """

    sku: Sku
    price: Amount | None
    channel: CodeText | None = None
    exception: ExceptionBody | None = None


class SelectBody(Body, frozen=True, kw_only=True):
    """Which skus: each list that is given must hold, by any of its words."""

    skus: Annotated[Codes, Meta(examples=[["TERN3-SLATE-128"]])] = []
    products: Annotated[Codes, Meta(examples=[["tern-3"]])] = []
    categories: Annotated[Codes, Meta(description="With all below them.", examples=[["cases"]])] = []
    brands: Annotated[list[ShortText], Meta(max_length=1_000, examples=[["Tern"]])] = []


class RoundToBody(Body, frozen=True, kw_only=True):
    """Amounts that end as people like them: 99 in a unit of 100 is ".99", 900 in 1000 is "9.00"."""

    ending: Annotated[int, Meta(ge=0, lt=10**9, description="In the currency's smallest unit.", examples=[99])]
    unit: Annotated[int, Meta(ge=1, le=10**9, description="In the currency's smallest unit.", examples=[100])]
    way: Annotated[Way, Meta(description="Where to look; halfway, `nearest` goes down.")] = Way.NEAREST


class RuleBody(Body, frozen=True, kw_only=True):
    """Make new prices of those that hold when the change begins. A sku that has none gets none.

    Exactly one of `change_bp` and `change_by`. The rule is worked out when it is drafted, so that what is approved
    are prices.
    """

    select: SelectBody
    channel: Annotated[
        CodeText | None, Meta(description="The prices of this channel; without it, the recommended ones.")
    ] = None
    change_bp: (
        Annotated[int, Meta(ge=-10_000, le=100_000, description="Basis points: -1000 is 10 % less.", examples=[-1000])]
        | None
    ) = None
    change_by: Annotated[Balance | None, Meta(description="So much more, or below nought less.")] = None
    round_to: RoundToBody | None = None


class PriceChangeBody(Body, frozen=True, kw_only=True):
    """Prices to change together: exactly one of `items`, `csv` and `rule`."""

    market: MarketCode
    name: Annotated[ShortText, Meta(examples=["Cases for the holidays"])]
    reason: Annotated[Reason, Meta(examples=["As decided in the pricing round of November"])]
    starts_at: Annotated[At | None, Meta(description="When it is to begin; as soon as possible, if left out.")] = None
    ends_at: Annotated[At | None, Meta(description="When it is to end; for good, if left out.")] = None
    items: Annotated[list[ItemBody], Meta(min_length=1, max_length=ITEMS_MAX)] | None = None
    csv: CsvText | None = None
    rule: RuleBody | None = None


class NoteBody(Body, frozen=True, kw_only=True):
    """What an approver says to it, if anything."""

    note: Reason | None = None


class RejectBody(Body, frozen=True, kw_only=True):
    """Why not."""

    note: Reason


class ScheduleBody(Body, frozen=True, kw_only=True):
    """When it begins: as it was approved, and if nobody said when, at this instant or as soon as possible."""

    starts_at: At | None = None


class RollBackBody(Body, frozen=True, kw_only=True):
    """Why what it changed is to be put back, and when."""

    reason: Reason
    starts_at: Annotated[At | None, Meta(description="When; as soon as possible, if left out.")] = None


class PriceChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """A price change, and how far it is."""

    id: ChangeIdShown
    market: str
    name: str
    reason: str
    origin: Origin
    counter_of: Annotated[str | None, Meta(description="The change that this one rolls back.")]
    countered_by: Annotated[str | None, Meta(description="The change that rolls this one back, or is to.")]
    state: PriceChangeState
    starts_at: datetime | None
    ends_at: datetime | None
    items: Annotated[int, Meta(description="How many prices it changes.")]
    created_by: WhoShown
    created_at: datetime
    submitted_by: WhoShown | None
    approved_by: WhoShown | None


class ExceptionView(msgspec.Struct, frozen=True):
    """Why a channel may charge this all the same, and until when."""

    id: Annotated[str | None, Meta(description="Once it is scheduled.")]
    reason: str
    expires_at: datetime


class ItemView(msgspec.Struct, frozen=True, kw_only=True):
    """A price of a change. `old` is what was to be in its place, as things were planned when it was drafted.

    `starts_at` and `ends_at` are null where it begins and ends with the change.
    """

    sku: SkuShown
    channel: ChannelShown
    price: Amount | None
    old: Amount | None
    starts_at: datetime | None
    ends_at: datetime | None
    exception: ExceptionView | None


class StepView(msgspec.Struct, frozen=True):
    """A move of a change: where to, who, when, and what they said to it."""

    state: PriceChangeState
    by: WhoShown
    at: datetime
    note: str | None


class PriceChangeDetailView(msgspec.Struct, frozen=True, kw_only=True):
    """A price change with all of its prices, and who moved it when."""

    change: PriceChangeView
    rule: RuleBody | None
    items: list[ItemView]
    steps: list[StepView]


Caution = Literal[
    "changes_nothing",
    "below_cost",
    "free",
    "drops_by_half",
    "parity_broken",
    "overlaps",
    "no_reduction_to_show",
    "retired",
    "ends_the_price",
]


class MarginView(msgspec.Struct, frozen=True):
    """What is left of a price, without tax, above what a unit costs us."""

    amount: Balance
    share_bp: Annotated[int | None, Meta(description="Of the price without tax, in basis points.")]


class PriorStepView(msgspec.Struct, frozen=True):
    """What a unit cost anybody from one instant to another, promotions included; null where it was not sold."""

    begins: datetime
    ends: datetime
    price: Amount | None


class PriorView(msgspec.Struct, frozen=True):
    """The prior price that must be shown beside a reduced one: the lowest that applied in the days before."""

    price: Amount
    since: Annotated[datetime, Meta(description="When the reduction begins, or began.")]
    reduction_bp: Annotated[int, Meta(description="What may be announced: less than that price by so much.")]
    evidence: Annotated[list[PriorStepView], Meta(description="What it cost in those days.")]


class PaysView(msgspec.Struct, frozen=True):
    """What anybody pays for one unit, with the promotions that anybody has: without the change, and with it."""

    old: Amount | None
    new: Amount | None


class ParityView(msgspec.Struct, frozen=True):
    """Whether a channel's price is as the policy wants it, beside the recommended one, before and after."""

    before: bool
    after: bool
    excepted: Annotated[bool, Meta(description="After: not as the policy wants it, but an exception allows it.")]


class PromotionMetView(msgspec.Struct, frozen=True):
    """A promotion that runs while the change holds, and has to do with something that it is about."""

    id: str
    name: str
    starts_at: datetime
    ends_at: datetime | None


class EffectView(msgspec.Struct, frozen=True, kw_only=True):
    """What a change means for one sku in one channel, from the instant it begins."""

    item: Annotated[int, Meta(description="The first of the change's items that leads to it, from nought on.")]
    sku: SkuShown
    channel: str
    begins: datetime
    old: Amount | None
    new: Amount | None
    difference: Balance | None
    difference_bp: int | None
    parity: ParityView
    cost: Amount | None
    margin: MarginView | None
    pays: PaysView
    prior: PriorView | None
    prior_today: Annotated[Amount | None, Meta(description="The prior price that is to be shown now.")]
    promotions: Annotated[list[str], Meta(description="The ids of the promotions it meets.")]
    warnings: list[Caution]


class DryRunView(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen if the change were scheduled now; nothing is."""

    change: PriceChangeView
    begins: datetime
    refusals: Annotated[list[str], Meta(description="Why it would be refused now; empty where it would not.")]
    affected: Annotated[int, Meta(description="How many prices in channels; `effects` are some of them.")]
    cheaper: int
    dearer: int
    same: int
    warnings: Annotated[dict[str, int], Meta(description="How many prices each warning is about.")]
    promotions: list[PromotionMetView]
    terminals_behind: list[TerminalBehindView]
    relied_on_by: Annotated[
        list[str],
        Meta(
            description="Scheduled changes that would replace another price than was seen beside theirs. For a roll"
            " back that is no reason to wait: they go on all the same, so look at them."
        ),
    ]
    effects: list[EffectView]
    next_cursor: str | None = None
