"""Is this book ours? What whoever receives one checks before it uses it. Pure, as a stranger's program would be.

Trust begins with one key that somebody entered by hand. From there it goes two ways: each book names the keys that may
sign the books after it; and who missed some books follows the introductions, by which each key's owner vouched for the
next one, however many rotations ago that was.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from pricing.books.canonical import decoded, read_strictly, sha256_of
from pricing.books.delta import apply, unpack
from pricing.books.errors import (
    BookKeyUnknown,
    BookMalformed,
    BookOfAnotherMarket,
    BookTampered,
    BookTooOld,
    BookWronglySigned,
    ChainBroken,
    ChainMalformed,
)
from pricing.books.sign import is_introduced, is_signed_book, public_in_hex
from pricing.rules.book import Book


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A book on its way, or what makes it of an older one: one of the two."""

    market: str
    number: int
    sha256: str
    key: str
    signature: str
    """Base64, of 64 bytes."""
    book: Raw | msgspec.UnsetType = msgspec.UNSET
    """The canonical bytes themselves."""
    delta: Raw | msgspec.UnsetType = msgspec.UNSET


class Trusted(msgspec.Struct, frozen=True):
    """What a receiver trusts, and what it holds."""

    market: str
    keys: Mapping[str, str]
    """Public bytes in hex, by the key's id."""
    number: int = 0
    """Of the book that it holds; 0 for none."""


class Verified(msgspec.Struct, frozen=True):
    """A book that may be used, and what to trust from here on."""

    book: Book
    body: bytes
    sha256: str
    trusted: Trusted


class Introduction(msgspec.Struct, frozen=True):
    """A key, and how the one before it vouched for it; the first key of all was introduced by nobody."""

    id: str
    public: str
    introduced_by: str | None
    introduction: str | None
    """Base64, of 64 bytes."""


class _Chain(msgspec.Struct, frozen=True):
    keys: list[Introduction]


_ENVELOPE = msgspec.json.Decoder(Envelope, strict=True)
_CHAIN = msgspec.json.Decoder(_Chain, strict=True)


def verify(sent: bytes, trusted: Trusted, held: bytes | None = None) -> Verified:
    """Let a book through that is whole, signed by a trusted key, of the right market, and not older than what is held.

    `held` are the bytes of the book that is held, for an envelope with a delta. Raises BookMalformed, BookTampered,
    BookKeyUnknown, BookWronglySigned, BookOfAnotherMarket, BookTooOld, BookFormatUnknown, DeltaBackwards.
    """
    envelope = decoded(_ENVELOPE, sent)
    body = _body(envelope, held)
    found = sha256_of(body)
    if found != envelope.sha256:
        raise BookTampered(envelope.sha256, found)
    if envelope.key not in trusted.keys:
        raise BookKeyUnknown(envelope.key)
    if not is_signed_book(trusted.keys[envelope.key], found, _from_base64(envelope.signature)):
        raise BookWronglySigned(envelope.key)
    book = read_strictly(body)
    _must_be_the_one(book, envelope, trusted)
    keys = {key.id: key.public for key in book.keys}
    return Verified(book, body, found, Trusted(book.market, keys, book.number))


def verify_file(sent: bytes, market: str | None, public: str | None, chain: Sequence[Introduction] = ()) -> Verified:
    """Check an envelope by itself: with the key that is given and those that it leads to, or with those the book names.

    What id the given key has, the chain says; without one the book does, so that it is known by whom the book claims to
    be signed: by that key, or by another one. Raises NotAKey, and as `verify` and `follow` do.
    """
    envelope = decoded(_ENVELOPE, sent)
    keys = {one.id: one.public for one in chain} or _named(envelope)
    if public is not None:
        given = public_in_hex(public)
        keys = follow({key: each for key, each in keys.items() if each == given}, chain)
    return verify(sent, Trusted(market or envelope.market, keys))


def read_chain(sent: bytes) -> list[Introduction]:
    """The chain of keys, as `GET /v1/price-book-keys` answers it. Raises ChainMalformed."""
    try:
        return decoded(_CHAIN, sent).keys
    except BookMalformed as error:
        raise ChainMalformed(error.reason) from None


def _named(envelope: Envelope) -> dict[str, str]:
    """The keys that a book says may sign; nobody vouches for it yet."""
    if not isinstance(envelope.book, Raw):
        return {}
    return {key.id: key.public for key in read_strictly(bytes(envelope.book)).keys}


def _body(envelope: Envelope, held: bytes | None) -> bytes:
    if isinstance(envelope.book, Raw):
        return bytes(envelope.book)
    if not isinstance(envelope.delta, Raw):
        raise BookMalformed("There is neither a book nor a delta in it.")
    if held is None:
        raise BookMalformed("It is a delta, and no book is held that it could be applied to.")
    return apply(held, unpack(bytes(envelope.delta)))


def _must_be_the_one(book: Book, envelope: Envelope, trusted: Trusted) -> None:
    """The envelope is not signed, so it must say of the book what the book says of itself."""
    if (book.market, book.number) != (envelope.market, envelope.number):
        raise BookMalformed(
            f"The envelope says {envelope.market} {envelope.number}; the book {book.market} {book.number}."
        )
    if book.market != trusted.market:
        raise BookOfAnotherMarket(book.market, trusted.market)
    if book.number < trusted.number:
        raise BookTooOld(book.number, trusted.number)


def follow(keys: Mapping[str, str], chain: Sequence[Introduction]) -> dict[str, str]:
    """Every key that is introduced by a trusted one, or by one that is; the trusted ones included.

    What hangs on nothing that is trusted is left out. Raises ChainBroken for an introduction that is a lie, NotAKey.
    """
    trusted = dict(keys)
    waiting = [one for one in chain if one.introduced_by is not None and one.id not in trusted]
    met = True
    while met:
        met = False
        for one in list(waiting):
            by = trusted.get(one.introduced_by or "")
            if by is None:
                continue
            if not _vouched_for(one, by):
                raise ChainBroken(one.id)
            trusted[one.id] = one.public
            waiting.remove(one)
            met = True
    return trusted


def _vouched_for(one: Introduction, by: str) -> bool:
    try:
        return is_introduced(by, one.id, one.public, _from_base64(one.introduction or ""))
    except BookMalformed:
        return False


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BookMalformed("A signature is not base64.") from None
