"""What pricing's requests and answers are made of."""

from datetime import datetime
from typing import Annotated

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
Begins = Annotated[At, Meta(description="From this instant on; now, if it is left out.")]


class PriceView(msgspec.Struct, frozen=True):
    """A recommended price and its interval."""

    sku: SkuShown
    market: MarketShown
    price: Amount
    valid_from: datetime
    valid_to: datetime | None


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
