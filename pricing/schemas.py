"""What pricing's requests and answers are made of."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from catalog.rules import TaxClass
from commerce.kernel.bodies import Amount, At, Body, CodeText, ShortText

Sku = Annotated[CodeText, Meta(examples=["TERN3-SLATE-128"])]
MarketCode = Annotated[CodeText, Meta(examples=["de"])]
SkuShown = Annotated[str, Meta(examples=["TERN3-SLATE-128"])]
MarketShown = Annotated[str, Meta(examples=["de"])]
RateBp = Annotated[int, Meta(ge=0, le=10_000, description="Basis points: 1900 is 19 %.", examples=[1900])]
Source = Annotated[ShortText, Meta(description="Where the rate is written.", examples=["UStG section 12 (1)"])]
Begins = Annotated[At, Meta(description="From this instant on; as soon as can be, if it is left out.")]


class PriceView(msgspec.Struct, frozen=True):
    """A recommended price and its interval; and from when to when that was believed."""

    sku: SkuShown
    market: MarketShown
    price: Amount
    valid_from: datetime
    valid_to: datetime | None
    recorded_at: datetime | None
    """Null: since before anybody kept count."""
    superseded_at: datetime | None
    """Null: until today."""
    change_id: str | None
    """The price change it comes from; null for what was there before, or came by import."""
    recorded_by: str | None
    """The price change that wrote it down: its own, or one that cut it short, or that put it back."""


class AskedPrice(msgspec.Struct, frozen=True):
    """A sku that was asked for, and its price at that instant; null where it is not sold."""

    sku: SkuShown
    price: Amount | None
    valid_from: datetime | None
    valid_to: datetime | None


class PricesView(msgspec.Struct, frozen=True):
    """The recommended prices of a market at an instant: one entry for each sku that was asked for, in that order."""

    market: MarketShown
    currency: Annotated[str, Meta(examples=["EUR"])]
    at: datetime
    prices: list[AskedPrice]


class PriceHistoryView(msgspec.Struct, frozen=True):
    """Every recommended price a sku had, has or will have in a market, oldest first."""

    sku: SkuShown
    market: MarketShown
    prices: list[PriceView]


class TaxRateBody(Body, frozen=True, kw_only=True):
    """A tax rate to set: it lasts until the next rate that is scheduled begins."""

    market: MarketCode
    tax_class: Annotated[TaxClass, Meta(examples=["standard"])]
    rate_bp: RateBp
    source: Source
    valid_from: Begins | None = None


class TaxRateView(msgspec.Struct, frozen=True):
    """A market's rate for a tax class, while it is in force."""

    market: MarketShown
    tax_class: Annotated[TaxClass, Meta(examples=["standard"])]
    rate_bp: Annotated[int, Meta(description="Basis points: 1900 is 19 %.", examples=[1900])]
    source: Annotated[str, Meta(description="Where the rate is written.")]
    valid_from: datetime
    valid_to: datetime | None


class TaxRatesView(msgspec.Struct, frozen=True):
    """A market's tax rates at an instant."""

    market: MarketShown
    at: datetime
    prices_include_tax: bool
    rates: list[TaxRateView]


PriorDays = Annotated[int, Meta(ge=1, le=365)]


class PolicyBody(Body, frozen=True, kw_only=True):
    """A market's pricing policy, whole: what is left out is as usual."""

    parity: Annotated[
        Literal["equal", "floor", "band"],
        Meta(description="How far a channel may differ: not at all, not below, or within a band."),
    ] = "equal"
    band_bp: Annotated[int, Meta(ge=0, le=10_000, description="Of a `band`: 500 is 5 % up or down.")] | None = None
    tax_rounding: Annotated[
        Literal["line", "order"], Meta(description="Tax is rounded for each line, or once for each rate of an order.")
    ] = "line"
    prior_window_days: PriorDays = 30
    prior_announced_days: PriorDays = 90
    prior_progressive: bool = False
    prior_new_arrivals: Literal["shorter", "none"] = "shorter"
    horizon_days: Annotated[int, Meta(ge=1, le=400, description="Price books know so many whole days, and today.")] = 92
    readiness_minutes: Annotated[
        int, Meta(ge=1, le=1440, description="How long before a start it is told who is not ready.")
    ] = 15


class PolicyView(msgspec.Struct, frozen=True, kw_only=True):
    """A market's pricing policy; `set_by` and `set_at` are null as long as nobody set it."""

    market: MarketShown
    parity: str
    band_bp: int | None
    tax_rounding: str
    prior_window_days: int
    prior_announced_days: int
    prior_progressive: bool
    prior_new_arrivals: str
    horizon_days: int
    readiness_minutes: int
    set_by: str | None
    set_at: datetime | None


class CostBody(Body, frozen=True, kw_only=True):
    """What a unit of a sku costs us, without tax."""

    sku: Sku
    cost: Amount


class CostsBody(Body, frozen=True, kw_only=True):
    """What units cost us in a market from an instant on, until the next cost that begins.

    It is ten seconds from now at the soonest, and that if none is given.
    """

    market: MarketCode
    costs: Annotated[list[CostBody], Meta(min_length=1, max_length=10_000)]
    valid_from: Begins | None = None


class CostView(msgspec.Struct, frozen=True):
    """What a unit of a sku costs us at an instant; null where that is not known."""

    sku: SkuShown
    cost: Amount | None
    valid_from: datetime | None


class CostsView(msgspec.Struct, frozen=True):
    """What units cost us in a market at an instant."""

    market: MarketShown
    at: datetime
    costs: list[CostView]


class ChargeView(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel charges for a sku, as long as both prices behind it stay as they are."""

    sku: SkuShown
    charge: Amount | None
    """Null where it is not sold."""
    counted: Annotated[str | None, Meta(description="Which price counts: `channel` or `recommended`.")]
    recommended: Amount | None
    channel_price: Amount | None
    valid_from: datetime | None
    valid_to: datetime | None
    change_id: str | None
    """The price change that the price which counts comes from."""
    exception_id: str | None


class ChargesView(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel charges at an instant: one entry for each sku that was asked for, in that order."""

    channel: str
    market: MarketShown
    currency: str
    at: datetime
    believed_at: datetime | None
    """As it was believed then; null: as it is believed now."""
    prices: list[ChargeView]


class ChargeHistoryView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a channel charged, charges or will charge for a sku, oldest first."""

    sku: SkuShown
    channel: str
    market: MarketShown
    believed_at: datetime | None
    prices: list[ChargeView]


class PriorRuleView(msgspec.Struct, frozen=True, kw_only=True):
    """How the market finds prior prices: its options within article 6a of Directive 98/6/EC."""

    window_days: Annotated[int, Meta(description="How far back from the reduction the lowest price is looked for.")]
    announced_days: Annotated[int, Meta(description="What has applied for longer is no reduction any more.")]
    progressive: Annotated[bool, Meta(description="A reduction that grows counts from its first step.")]
    new_arrivals: str


class PriorEvidenceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit cost anybody from one instant to another, and what made it cost that."""

    begins: datetime
    ends: datetime
    price: Annotated[Amount | None, Meta(description="Promotions included; null where it was not sold.")]
    store: Annotated[str | None, Meta(description="The store in which it cost that; null: everywhere in the channel.")]
    promotions: Annotated[list[str], Meta(description="The ids of those that reduced it.")]
    charge: Annotated[ChargeView | None, Meta(description="The price before promotions, and where it comes from.")]


class PriorPriceView(msgspec.Struct, frozen=True, kw_only=True):
    """The prior price that is to be announced beside a reduced one, and everything it was found in."""

    channel: str
    market: MarketShown
    sku: SkuShown
    at: datetime
    book: Annotated[int, Meta(description="The number of the price book that says so.")]
    price: Annotated[Amount | None, Meta(description="What anybody pays for one unit; null where it is not sold.")]
    prior: Annotated[Amount | None, Meta(description="The lowest price before it was reduced; null: no reduction.")]
    since: Annotated[datetime | None, Meta(description="When the reduction began.")]
    rule: PriorRuleView
    evidence: Annotated[list[PriorEvidenceView], Meta(description="The days before the reduction, oldest first.")]


class ExceptionView(msgspec.Struct, frozen=True):
    """Why, by whose leave and until when a channel may charge what the policy does not allow."""

    id: str
    reason: str
    approved_by: str
    expires_at: datetime


class DeviationView(msgspec.Struct, frozen=True, kw_only=True):
    """From one instant to another a channel charges something else than what is recommended."""

    sku: SkuShown
    channel: str
    valid_from: datetime
    valid_to: datetime | None
    recommended: Amount
    channel_price: Amount
    standing: Annotated[str, Meta(description="What allows it: `policy` or `exception`; `broken` if nothing does.")]
    exception: ExceptionView | None
    change_id: str | None
    """The price change that the channel's price comes from."""
