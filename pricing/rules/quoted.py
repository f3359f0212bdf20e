"""What a basket costs, line by line, and why."""

from typing import Annotated

import msgspec
from msgspec import Meta

REASONS = {
    "applied": "It took something off.",
    "no_matching_item": "Nothing in the basket is what it is about.",
    "store": "It does not run in this store.",
    "group": "The customer is in none of its groups.",
    "not_first_purchase": "It is for a customer's first purchase.",
    "code": "None of its codes was shown.",
    "used_up": "Its uses are gone.",
    "nobody": "It counts each person's uses, and nobody in particular buys.",
    "hours": "It does not run at this time of the week.",
    "quantity": "There are too few matching units.",
    "subtotal": "The matching units are not worth enough.",
    "no_saving": "It would take nothing off.",
    "floor": "It would take a unit below its floor.",
    "exclusive": "An exclusive promotion of an earlier lane has taken the lines.",
    "better_one": "Another promotion of the same lane is better for the customer.",
    "gift_missing": "Its gift is not in the basket.",
    "no_shipping": "There is no shipping to pay.",
}
"""Why a promotion did or did not apply."""


def told_reasons() -> str:
    """Every reason with what it means, in one text."""
    return " ".join(f"`{word}`: {why}" for word, why in REASONS.items())


Reason = Annotated[str, Meta(description=told_reasons())]


class Reduction(msgspec.Struct, frozen=True):
    """What a promotion takes off, in minor units."""

    promotion: str
    amount: int


class PriorPrice(msgspec.Struct, frozen=True):
    """The lowest price of a unit in the channel before its price was reduced."""

    amount: int
    since: int
    """When the reduction began."""


class QuotedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line, priced. All amounts but the unit prices are for the whole line."""

    key: str
    sku: str
    quantity: int
    recommended: int
    """A unit's recommended price."""
    price: int
    """A unit's price in this channel, before promotions."""
    prior: PriorPrice | None
    """Where units of this line cost less than a unit did before its price was reduced."""
    discounts: list[Reduction]
    """In the order in which they landed."""
    discount: int
    total: int
    """quantity x price - discount"""
    tax_rate_bp: int
    tax: int
    """Inside the total where prices include tax, else on top of it."""


class QuotedShipping(msgspec.Struct, frozen=True, kw_only=True):
    """What bringing it costs."""

    amount: int
    discounts: list[Reduction]
    total: int
    tax_rate_bp: int
    tax: int


class Verdict(msgspec.Struct, frozen=True):
    """What became of a promotion that is running, and why."""

    promotion: str
    applied: bool
    reason: Reason
    amount: int


class OfferedGift(msgspec.Struct, frozen=True):
    """Units that would cost nothing if they were put into the basket."""

    promotion: str
    sku: str
    quantity: int


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A basket, priced at an instant from a book."""

    market: str
    book: int
    """The book's number."""
    instant: int
    currency: str
    prices_include_tax: bool
    lines: list[QuotedLine]
    """By key."""
    shipping: QuotedShipping | None
    """None where none was asked for."""
    subtotal: int
    """Of the lines, before promotions."""
    discount: int
    """Of the lines."""
    tax: int
    """Of everything."""
    total: int
    """What the buyer pays, tax and shipping and all."""
    verdicts: list[Verdict]
    """Every promotion that is running in this channel at this instant, by id."""
    gifts: list[OfferedGift]


class CannotQuote(Exception):  # noqa: N818 - an answer, not an accident
    """The basket has no price: `code` says why, and `line` is the key of the line to blame, if one is."""

    def __init__(self, code: str, line: str | None, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.line = line
