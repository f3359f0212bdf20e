"""What the books' requests and answers are made of."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from commerce.kernel.bodies import Body

MarketShown = Annotated[str, Meta(examples=["de"])]
Number = Annotated[int, Meta(ge=1, le=2**31 - 1, description="A book's number.", examples=[7])]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256, in lower-case hex.")]


class BookEnvelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price book, signed; or, where an older one is held, what makes this one of it.

    `book` is the book in its canonical form: its bytes, as they stand here, are what is hashed. With `delta` the
    receiver makes them itself. What is signed with Ed25519 is the text `commerce-price-book/1`, a line feed, and the
    hash.
    """

    market: MarketShown
    number: Number
    sha256: Sha256
    key: Annotated[str, Meta(description="The id of the key that signed it.")]
    signature: Annotated[str, Meta(description="Base64.")]
    book: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """See `pricing/rules/book.py`."""
    delta: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """See `pricing/books/delta.py`."""


class BookKeyView(msgspec.Struct, frozen=True):
    """A key that signs books, and how the one before it vouched for it."""

    id: str
    public: Annotated[str, Meta(description="The 32 bytes of an Ed25519 public key, in hex.")]
    state: Annotated[str, Meta(description="`next`, `current` or `retired`.")]
    introduced_by: str | None
    introduction: Annotated[
        str | None,
        Meta(
            description="Base64: what `introduced_by` signed, which is the text `commerce-price-book-key/1`, a line "
            "feed, this key's id, a line feed, and its public bytes in hex."
        ),
    ]
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None


class BookKeysView(msgspec.Struct, frozen=True):
    """The chain of keys, the oldest first."""

    keys: list[BookKeyView]


class KeyMovedView(msgspec.Struct, frozen=True):
    """The key that was made, or that signs now."""

    key: str


class HeldBody(Body, frozen=True, kw_only=True):
    """The book that a holder has, and has verified."""

    number: Number
    sha256: Sha256


class HeldView(msgspec.Struct, frozen=True):
    """What a holder is known to hold, and what the newest is."""

    market: MarketShown
    number: Number
    newest: Number


class HolderView(msgspec.Struct, frozen=True):
    """A terminal, and the book it holds; null where it never said."""

    terminal: Annotated[str, Meta(description="The id of its first key.")]
    name: str
    channel: str
    location: str | None
    number: int | None
    held_at: datetime | None
    ready: bool


class ReadinessView(msgspec.Struct, frozen=True):
    """Who of a market's terminals holds a book, or a later one."""

    market: MarketShown
    number: Number
    ready: bool
    """All of them."""
    terminals: list[HolderView]


class TerminalBehindView(msgspec.Struct, frozen=True):
    """A till that does not hold the market's current book yet, and the one it holds."""

    terminal: str
    name: str
    location: str | None
    number: int | None


class StartView(msgspec.Struct, frozen=True):
    """An instant at which a market's charges change, and who does not hold the book that has all of it.

    What was taken back is told until its instant is over: whoever holds an older book would start it.
    """

    market: MarketShown
    starts_at: datetime
    number: Annotated[
        int, Meta(description="The first book that has all of what changes then, and nothing that was taken back.")
    ]
    ready: bool
    terminals: Annotated[int, Meta(description="How many there are.")]
    not_ready: list[HolderView]


class StartsView(msgspec.Struct, frozen=True):
    """What begins soon, the soonest first."""

    starts: list[StartView]
