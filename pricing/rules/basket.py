"""What somebody wants to buy, and what is known of them."""

from typing import Annotated

import msgspec
from msgspec import Meta


class BasketLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units of a sku. The key names the line; the order in which lines come means nothing.

    Ties between lines (of two that cost the same the cheapest, of two like remainders the cent that is left over) go by
    their skus, in the order of code points, then to the larger quantity. The key decides only between lines that are
    alike in both: other names for the lines change no amount.
    """

    key: Annotated[str, Meta(pattern=r"^[!-~]{1,100}$")]
    """Of visible ASCII characters."""
    sku: str
    quantity: Annotated[int, Meta(ge=1, le=10_000)]


class Customer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is known of whoever buys. Nobody in particular is the default."""

    groups: list[str] = []
    first_purchase: bool = False
    """Known, and never bought before."""
    unlocked: list[str] = []
    """Promotions with unique codes, of which one that opens them was shown."""
    used_up: list[str] = []
    """Promotions whose uses are gone, for everybody or for this customer."""
    asks_who: list[str] = []
    """Promotions that count each person's uses, where nobody in particular buys."""


class Basket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A basket in a channel, and in a store where it is a till's."""

    channel: str
    store: str | None = None
    lines: Annotated[list[BasketLine], Meta(min_length=1, max_length=1_000)]
    codes: Annotated[list[str], Meta(max_length=100)] = []
    """As they were typed."""
    shipping: Annotated[int, Meta(ge=0, le=10**12)] = 0
    """What bringing it costs, in minor units, before any promotion."""
    customer: Customer = Customer()
