"""What the catalog's requests and answers are made of."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from catalog.rules import ChannelKind, LocationKind, TaxClass, VariantStatus
from commerce.kernel.bodies import NO_NUL, At, Body, CodeText, CurrencyText, LongText, ShortText
from commerce.kernel.countries import CountryText

VARIANTS_MAX = 100
SELECTORS_MAX = 50

Countries = Annotated[list[CountryText], Meta(min_length=1, max_length=100, examples=[["DE", "AT"]])]
ZoneText = Annotated[
    str, Meta(min_length=1, max_length=64, description="An IANA time zone.", examples=["Europe/Berlin"])
]
Degrees = Annotated[Decimal, Meta(description="Degrees as a decimal text.", examples=["52.5200"])]
Sku = Annotated[CodeText, Meta(description="The variant's code.", examples=["TERN3-SLATE-128"])]
CategoryCode = Annotated[CodeText, Meta(examples=["phones"])]
MarketCode = Annotated[CodeText, Meta(examples=["de"])]
ChannelCode = Annotated[CodeText, Meta(examples=["de-web"])]
Title = Annotated[ShortText, Meta(examples=["Tern 3"])]
GtinText = Annotated[str, Meta(max_length=14, description="GTIN-8, -12, -13 or -14.", examples=["4006381333931"])]
Warranty = Annotated[int, Meta(ge=0, le=240, description="Months, the same in every channel.", examples=[24])]
SelectorText = Annotated[
    str,
    NO_NUL,
    Meta(
        min_length=1,
        max_length=1_200,
        description="Which variants: `sku:…`, `product:…`, `category:…` with all below, `brand:…` or"
        " `attribute:name=value`.",
        examples=["category:phones"],
    ),
]
Selectors = Annotated[
    list[SelectorText], Meta(min_length=1, max_length=SELECTORS_MAX, description="All that any of them means.")
]
# What is stored is shown as it is: an import may have brought what no request could, and it must be readable.
SkuShown = Annotated[str, Meta(description="The variant's code.", examples=["TERN3-SLATE-128"])]
CategoryShown = Annotated[str, Meta(examples=["phones"])]
MarketShown = Annotated[str, Meta(examples=["de"])]
ChannelShown = Annotated[str, Meta(examples=["de-web"])]
CountriesShown = Annotated[list[str], Meta(description="Of ISO 3166-1 alpha-2.", examples=[["DE", "AT"]])]
CurrencyShown = Annotated[str, Meta(description="An ISO 4217 code.", examples=["EUR"])]
ZoneShown = Annotated[str, Meta(description="An IANA time zone.", examples=["Europe/Berlin"])]
GtinShown = Annotated[str, Meta(description="GTIN-8, -12, -13 or -14.", examples=["4006381333931"])]
AttributeName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=50,
        pattern=r"^[^\x00-\x1f\x7f:]+(?!\n)$",
        description="A name without a colon.",
        extra={"words": "A name without a colon and without control characters."},
    ),
]
AttributeValue = ShortText | Annotated[int, Meta(ge=-(10**12), le=10**12)] | bool
Attributes = Annotated[
    dict[AttributeName, AttributeValue],
    Meta(max_length=50, description="Options such as colour and memory.", examples=[{"color": "Black", "memory": 128}]),
]


class MarketBody(Body, frozen=True, kw_only=True):
    """A market to open. Its currency and its way with tax are for good."""

    code: MarketCode
    currency: CurrencyText
    countries: Countries
    prices_include_tax: Annotated[bool, Meta(description="Whether shown prices have tax in them.", examples=[True])]
    time_zone: ZoneText


class MarketPatch(Body, frozen=True, kw_only=True):
    """What may change about a market."""

    countries: Countries | UnsetType = UNSET
    time_zone: ZoneText | UnsetType = UNSET


class MarketView(msgspec.Struct, frozen=True):
    """A market."""

    code: MarketShown
    currency: CurrencyShown
    countries: CountriesShown
    prices_include_tax: bool
    time_zone: ZoneShown


class ChannelBody(Body, frozen=True, kw_only=True):
    """A channel to open in a market."""

    code: ChannelCode
    kind: Annotated[ChannelKind, Meta(examples=["online"])]
    market: MarketCode
    name: Annotated[ShortText, Meta(examples=["Web shop Germany"])]


FirstDay = Annotated[date, Meta(description="The first day open, in the market's calendar.", examples=["2026-03-01"])]
LastDay = Annotated[date, Meta(description="The last day open, in the market's calendar.")]


class ChannelPatch(Body, frozen=True, kw_only=True):
    """What may change about a channel."""

    name: Annotated[ShortText, Meta(examples=["Web shop Germany"])] | UnsetType = UNSET


class ChannelView(msgspec.Struct, frozen=True):
    """A way to sell in one market."""

    code: ChannelShown
    kind: Annotated[ChannelKind, Meta(examples=["online"])]
    market: MarketShown
    name: Annotated[str, Meta(examples=["Web shop Germany"])]


class LocationBody(Body, frozen=True, kw_only=True):
    """A warehouse or a store to open."""

    code: Annotated[CodeText, Meta(examples=["berlin-mitte"])]
    kind: Annotated[LocationKind, Meta(examples=["store"])]
    name: Annotated[ShortText, Meta(examples=["Berlin Mitte"])]
    market: MarketCode
    country: CountryText
    city: Annotated[ShortText, Meta(examples=["Berlin"])] | None = None
    latitude: Degrees | None = None
    longitude: Degrees | None = None
    opened_on: FirstDay | None = None
    closed_on: LastDay | None = None


class LocationPatch(Body, frozen=True, kw_only=True):
    """What may change about a location."""

    name: ShortText | UnsetType = UNSET
    city: ShortText | UnsetType | None = UNSET
    latitude: Degrees | UnsetType | None = UNSET
    longitude: Degrees | UnsetType | None = UNSET
    opened_on: FirstDay | UnsetType | None = UNSET
    closed_on: LastDay | UnsetType | None = UNSET


class LocationView(msgspec.Struct, frozen=True):
    """A place that holds stock."""

    code: Annotated[str, Meta(examples=["berlin-mitte"])]
    kind: Annotated[LocationKind, Meta(examples=["store"])]
    name: Annotated[str, Meta(examples=["Berlin Mitte"])]
    market: MarketShown
    country: Annotated[str, Meta(description="Of ISO 3166-1 alpha-2.", examples=["DE"])]
    city: Annotated[str, Meta(examples=["Berlin"])] | None
    latitude: Degrees | None
    longitude: Degrees | None
    opened_on: date | None
    closed_on: Annotated[date, Meta(description="The last day open.")] | None


class CategoryBody(Body, frozen=True, kw_only=True):
    """A category to hang below another, or a root."""

    code: CategoryCode
    parent: CategoryCode | None = None
    name: Annotated[ShortText, Meta(examples=["Phones"])]


class CategoryPatch(Body, frozen=True, kw_only=True):
    """What may change about a category; a parent of null makes it a root."""

    parent: CategoryCode | UnsetType | None = UNSET
    name: ShortText | UnsetType = UNSET


class CategoryView(msgspec.Struct, frozen=True):
    """A branch of the tree, and how one gets there from its root."""

    code: CategoryShown
    parent: CategoryShown | None
    name: Annotated[str, Meta(examples=["Phones"])]
    path: Annotated[list[str], Meta(description="Codes from the root to this one.", examples=[["devices", "phones"]])]


class VariantBody(Body, frozen=True, kw_only=True):
    """A variant to add, as a draft."""

    sku: Sku
    name: Annotated[ShortText, Meta(examples=["Tern 3, 128 GB, black"])]
    category: CategoryCode
    brand: Annotated[ShortText, Meta(examples=["Skerrin"])] | None = None
    gtin: GtinText | None = None
    tax_class: Annotated[TaxClass, Meta(examples=["standard"])] = TaxClass.STANDARD
    attributes: Attributes | None = None
    serial_numbered: Annotated[
        bool, Meta(description="Whether each unit's IMEI or serial number is noted at hand-over.", examples=[True])
    ] = False


class VariantPatch(Body, frozen=True, kw_only=True):
    """What may change about a variant; its sku means the same thing for ever."""

    name: ShortText | UnsetType = UNSET
    category: CategoryCode | UnsetType = UNSET
    brand: ShortText | UnsetType | None = UNSET
    gtin: GtinText | UnsetType | None = UNSET
    tax_class: Annotated[TaxClass, Meta(examples=["standard"])] | UnsetType = UNSET
    attributes: Attributes | UnsetType | None = UNSET
    serial_numbered: Annotated[bool, Meta(description="Whether units are numbered.")] | UnsetType = UNSET


class ProductBody(Body, frozen=True, kw_only=True):
    """A product to create with its variants, all of them drafts."""

    code: Annotated[CodeText, Meta(examples=["tern-3"])]
    title: Title
    description: LongText = ""
    warranty_months: Warranty = 24
    warranty_terms: LongText = ""
    variants: Annotated[list[VariantBody], Meta(min_length=1, max_length=VARIANTS_MAX, description="All as drafts.")]


class ProductPatch(Body, frozen=True, kw_only=True):
    """What may change about a product."""

    title: Title | UnsetType = UNSET
    description: LongText | UnsetType = UNSET
    warranty_months: Warranty | UnsetType = UNSET
    warranty_terms: LongText | UnsetType = UNSET


class SkusBody(Body, frozen=True, kw_only=True):
    """Which of the product's variants are meant; all that can move, if it is left out."""

    skus: Annotated[list[Sku], Meta(min_length=1, max_length=VARIANTS_MAX, description="Of this product.")] | None = (
        None
    )


class ListingBody(Body, frozen=True, kw_only=True):
    """When a channel shows a variant, and from when it may be sold there.

    Without `certified_from` it is shown but not sold: nobody has certified it for this market.
    """

    visible_from: At
    visible_to: At | None = None
    certified_from: At | None = None


class ListingView(msgspec.Struct, frozen=True):
    """When a channel shows a variant, and from when it may be sold there."""

    channel: ChannelShown
    sku: SkuShown
    visible_from: At
    visible_to: At | None
    certified_from: At | None


class ListedIn(msgspec.Struct, frozen=True):
    """A variant's listing in one channel."""

    channel: ChannelShown
    visible_from: datetime
    visible_to: datetime | None
    certified_from: datetime | None


class VariantView(msgspec.Struct, frozen=True):
    """A variant, and where it is listed."""

    sku: SkuShown
    name: Annotated[str, Meta(examples=["Tern 3, 128 GB, black"])]
    category: CategoryShown
    brand: Annotated[str, Meta(examples=["Skerrin"])] | None
    gtin: GtinShown | None
    tax_class: Annotated[TaxClass, Meta(examples=["standard"])]
    attributes: Annotated[dict[str, Any], Meta(examples=[{"color": "Black", "memory": 128}])] | None
    serial_numbered: bool
    status: Annotated[VariantStatus, Meta(examples=["active"])]
    listings: list[ListedIn]


class ProductView(msgspec.Struct, frozen=True):
    """A product with every variant, whatever its status, and every listing."""

    code: Annotated[str, Meta(examples=["tern-3"])]
    title: Annotated[str, Meta(examples=["Tern 3"])]
    description: str
    warranty_months: Annotated[int, Meta(description="The same in every channel.", examples=[24])]
    warranty_terms: str
    variants: list[VariantView]


class PairingBody(Body, frozen=True, kw_only=True):
    """What goes with what. No variant may be in both sets."""

    anchor: Annotated[Selectors, Meta(examples=[["category:phones"]])]
    attach: Annotated[Selectors, Meta(examples=[["category:cases"]])]
    note: ShortText | None = None


class PairingView(msgspec.Struct, frozen=True):
    """What goes with what."""

    code: Annotated[str, Meta(examples=["phones-cases"])]
    anchor: Annotated[list[str], Meta(examples=[["category:phones"]])]
    attach: Annotated[list[str], Meta(examples=[["category:cases"]])]
    note: str | None
    created_at: datetime
