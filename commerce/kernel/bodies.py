"""Bodies: what every request and answer is made of. Unknown fields are refused, texts and numbers have limits."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

CodeText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*(?!\n)$",
        description="The shop's own code.",
        extra={"words": "1 to 100 characters, none of them a control character, and no space first."},
    ),
]
NO_NUL = Meta(pattern=r"^[^\x00]*$", extra={"words": "Any characters but NUL."})
"""What the database can hold."""
ShortText = Annotated[str, NO_NUL, Meta(min_length=1, max_length=200, description="1 to 200 characters.")]
LongText = Annotated[str, NO_NUL, Meta(max_length=10_000, description="Up to 10,000 characters.")]
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*[^\s\x00\u200b-\u200f\u2060\ufeff][^\x00]*$",
        description="1 to 200 characters, and not only blank ones.",
        extra={"words": "1 to 200 characters, and not only blank ones."},
    ),
]
"""What a person says for whoever asks later: blank would say nothing."""

Quantity = Annotated[int, Meta(ge=1, le=10_000, description="Whole units, 1 to 10,000.", examples=[1])]
Minor = Annotated[
    int, Meta(ge=0, le=10**12, description="An amount in the currency's smallest unit.", examples=[79900])
]
CurrencyText = Annotated[
    str,
    Meta(
        pattern="^[A-Z]{3}$",
        max_length=3,
        description="An ISO 4217 code.",
        examples=["EUR"],
        extra={"words": "An ISO 4217 code, in capitals."},
    ),
]
At = Annotated[datetime, Meta(tz=True, description="An instant, RFC 3339 with an offset.")]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request's body: nothing in it goes unread.

    What is left at its default counts as not said, so that a field that is new in a release does not make yesterday's
    request another one when it is sent again.
    """


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money on the wire: an integer of the currency's smallest unit, and the currency."""

    amount: Minor
    currency: CurrencyText


class Balance(msgspec.Struct, frozen=True):
    """Money that may lie on either side: below zero it is owed the other way."""

    amount: Annotated[int, Meta(description="In the currency's smallest unit.", examples=[-2000])]
    currency: CurrencyText
