"""The price book: everything that decides what a market's channels charge, and from when, as one value.

Instants are whole microseconds since 1970-01-01T00:00:00Z, intervals are half-open, amounts are whole minor units of
the book's currency, rates and shares are basis points. Lists that have a key are in its order (by code point), so that
a book has one form in bytes; see `pricing/books/canonical.py` for that form.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from pricing.rules.promotion import Promotion

FORMAT = 1
"""Of the book itself. A program refuses a book of a format it does not know."""

Instant = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Rounding = Literal["line", "order"]
NewArrivals = Literal["shorter", "none"]


class Price(NamedTuple):
    """An amount (or a rate in basis points) in force from one instant to another, that one excluded, or for good."""

    begins: int
    ends: int | None
    amount: Annotated[int, Meta(ge=0, le=2**53)]


class ChannelPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a channel charges where it is not the recommended price."""

    channel: str
    prices: list[Price]


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sku: what promotions may ask about it, and its prices, past ones too as far as prior prices need them."""

    sku: str
    product: str
    category: str
    brand: str | None = None
    attributes: list[tuple[str, str]] = []
    """Names and values as text, by name."""
    tax_class: str
    recommended: list[Price] = []
    """By beginning; where there is none, the sku is not sold."""
    channels: list[ChannelPrices] = []
    """By channel."""
    costs: list[Price] = []
    """What a unit costs us, without tax; only where a promotion must not go below it."""


class Category(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A branch of the tree."""

    code: str
    parent: str | None


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to sell in this market."""

    code: str
    kind: Literal["online", "retail"]


class Tax(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rates of a tax class, in basis points."""

    tax_class: str
    rates: list[Price]


class TimeZone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The market's zone, with its offsets spelled out: nobody who reads a book needs a table of zones."""

    name: str
    offsets: Annotated[list[tuple[int, int]], Meta(min_length=1)]
    """(from this instant on, seconds east of UTC), by instant; the first is in force before it, too."""


class PriorRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the prior price of a reduction is found (Directive 98/6/EC, article 6a, and the market's options)."""

    window_days: Annotated[int, Meta(ge=1, le=365)] = 30
    """How far back from the beginning of the reduction the lowest price is looked for."""
    announced_days: Annotated[int, Meta(ge=1, le=365)] = 90
    """A price that has applied for longer is no reduction any more, just the price."""
    progressive: bool = False
    """A reduction that is increased step by step without interruption counts from its first step (6a (5)),
    or from the first that was no longer ago than `announced_days`."""
    new_arrivals: NewArrivals = "shorter"
    """What is on sale for less than the window: its whole time counts (6a (4)), or nothing is announced."""


class BookKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that signs this market's books: now, or from some later book on."""

    id: str
    public: str
    """The raw 32 bytes of an Ed25519 public key, in hex."""


class Book(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All prices, promotions and taxes of a market that are in force or scheduled when it is compiled."""

    format: int = FORMAT
    market: str
    number: int
    """From 1 on, without gaps."""
    compiled_at: Instant
    complete_until: Instant
    """What begins later may not be in it yet. Whoever has no newer one goes on with the prices that are."""
    currency: str
    prices_include_tax: bool
    tax_rounding: Rounding
    """Whether tax is rounded once for each line, or once for each rate of an order and then shared out."""
    time_zone: TimeZone
    prior: PriorRule
    keys: list[BookKey]
    channels: list[Channel]
    categories: list[Category]
    taxes: list[Tax]
    items: list[Item]
    """By sku."""
    promotions: list[Promotion]
    """By id; also those that are over, as far as prior prices need them."""
