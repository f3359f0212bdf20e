"""What books say no to: to whoever publishes too late, asks for what there is not, or holds a book nobody signed."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from commerce.kernel.refusals import Busy, Refusal


@dataclass(eq=False)
class TooSoon(Refusal):
    """It would begin before everybody can know of it."""

    status = 422
    code = "too_soon"
    field: str
    instant: datetime
    earliest: datetime

    def __str__(self) -> str:
        return f"{self.instant.isoformat()} is too soon for everybody to know; {self.earliest.isoformat()} would do."


@dataclass(eq=False)
class ChangesTooSoon(Refusal):
    """The new book would charge otherwise than the last one before everybody can hold it. Nothing was published."""

    status = 422
    code = "too_soon"
    field: str
    what: str
    instant: datetime
    earliest: datetime

    def __str__(self) -> str:
        return (
            f"{self.what} would change at {self.instant.isoformat()}, before everybody can hold the new book "
            f"({self.earliest.isoformat()})."
        )


@dataclass(eq=False)
class MarketsLocked(Busy):
    """Somebody else held these markets for too long, an import perhaps. All the others were published."""

    code = "markets_locked"
    markets: list[str]

    def __str__(self) -> str:
        return f"The books of {', '.join(self.markets)} are not published yet. The worker tries again within a minute."


@dataclass(eq=False)
class UnknownBook(Refusal):
    """The market has no book with this number."""

    status = 422
    code = "unknown_book"
    field: str
    market: str
    number: int
    newest: int

    def __str__(self) -> str:
        return f"{self.market!r} has no price book {self.number}; the newest is {self.newest}."


@dataclass(eq=False)
class DeltaBackwards(Refusal):
    """A book is brought forward, never back."""

    status = 422
    code = "delta_backwards"
    field: str
    number: int
    since: int

    def __str__(self) -> str:
        return f"Book {self.number} is older than {self.since}; books only go forward."


@dataclass(eq=False)
class NotThatBook(Refusal):
    """What the holder has under this number is another book than the one that was published."""

    code = "not_that_book"
    field: str
    market: str
    number: int
    sha256: str

    def __str__(self) -> str:
        return f"Book {self.number} of {self.market!r} has the hash {self.sha256}. Fetch it anew."


@dataclass(eq=False)
class KeyRotationOpen(Refusal):
    """There is a next key already; it becomes the current one before another is made."""

    code = "key_rotation_open"
    key: str

    def __str__(self) -> str:
        return f"{self.key} waits to become the current key. Activate it first."


@dataclass(eq=False)
class NoNextKey(Refusal):
    """There is no key that could become the current one."""

    code = "no_next_key"

    def __str__(self) -> str:
        return "No next key waits. Rotate first, and let the tills hear of it."


class BookRefused(Refusal):
    """A book or a delta that must not be used. Whoever holds it fetches it anew, or calls somebody."""

    status = 422
    code: ClassVar[str] = "book_refused"


@dataclass(eq=False)
class BookMalformed(BookRefused):
    """It is not a book in its one form: cut off, not JSON, unsorted, or with something in it that does not belong."""

    code = "book_malformed"
    reason: str

    def __str__(self) -> str:
        return f"This is not a price book: {self.reason}"


@dataclass(eq=False)
class BookFormatUnknown(BookRefused):
    """It is of a format that this program does not know."""

    code = "book_format_unknown"
    format: int
    known: int

    def __str__(self) -> str:
        return f"This price book is of format {self.format}; {self.known} is known here."


@dataclass(eq=False)
class BookTampered(BookRefused):
    """Its bytes are not those that were hashed."""

    code = "book_tampered"
    said: str
    found: str

    def __str__(self) -> str:
        return f"The book's SHA-256 is {self.found}, and should be {self.said}."


@dataclass(eq=False)
class BookKeyUnknown(BookRefused):
    """It is signed with another key than those that are trusted here. Whether it is well signed nobody looked."""

    code = "book_key_unknown"
    key: str

    def __str__(self) -> str:
        return f"The book is signed with {self.key}, which is not a key that is trusted here."


@dataclass(eq=False)
class NotAKey(BookRefused):
    """What is to be trusted, or is named as a key, is none."""

    code = "not_a_key"
    said: str

    def __str__(self) -> str:
        return f"{self.said!r} is no public key: those are 64 hexadecimal digits."


@dataclass(eq=False)
class BookWronglySigned(BookRefused):
    """The signature is not that key's, or not for these bytes."""

    code = "book_wrongly_signed"
    key: str

    def __str__(self) -> str:
        return f"The signature is not one of {self.key} for this book."


@dataclass(eq=False)
class BookOfAnotherMarket(BookRefused):
    """It is a good book, of somewhere else."""

    code = "book_of_another_market"
    market: str
    wanted: str

    def __str__(self) -> str:
        return f"This is a price book of {self.market!r}, not of {self.wanted!r}."


@dataclass(eq=False)
class BookTooOld(BookRefused):
    """A newer book is held already: an older one, however well signed, would bring prices back that are over."""

    code = "book_too_old"
    number: int
    held: int

    def __str__(self) -> str:
        return f"This is book {self.number}; {self.held} is held already."


@dataclass(eq=False)
class ChainBroken(BookRefused):
    """A key of the chain is not introduced by the one that it names."""

    code = "chain_broken"
    key: str

    def __str__(self) -> str:
        return f"The introduction of {self.key} is not signed by the key that it names."


@dataclass(eq=False)
class ChainMalformed(BookRefused):
    """It is no chain of keys."""

    code = "chain_malformed"
    reason: str

    def __str__(self) -> str:
        return f"This is not a chain of keys: {self.reason}"
