r"""The one form in bytes that a book has, so that its hash names it.

What a foreign program must do: write the book as JSON by RFC 8785 (the JSON Canonicalization Scheme), of which a book
needs little, for it holds no floats and its names are plain ASCII.

- No blanks between anything; UTF-8 without a byte order mark; nothing before or after.
- The members of every object by name, by code point. No name twice.
- Numbers are integers, without sign for nought, exponent, fraction or leading zeros.
- In strings `"` and `\` are escaped with a backslash; U+0008, U+0009, U+000A, U+000C and U+000D are \b, \t, \n, \f
  and \r; the other characters below U+0020 are \u00xx in lower case; nothing else is escaped.
- Lists stand in the order of their key, by code point and each key once: categories, channels and keys by `code` or
  `id`, taxes by `tax_class`, items by `sku`, promotions by `id`; within an item, channels by `channel`, attributes by
  name, prices by their beginning.
- Every member of a book is written, null ones too; but inside a promotion's conditions, benefit and floor what has its
  default is left out (see pricing/rules/promotion.py for the defaults).

The hash is the SHA-256 of these bytes, in lower-case hex. Pure: it stands for what a stranger's program does, too.
"""

import hashlib
from typing import TypeVar

import msgspec
from msgspec import Raw

from pricing.books.errors import BookFormatUnknown, BookMalformed
from pricing.rules.book import FORMAT, Book
from pricing.rules.sound import SECTIONS, faults

_ENCODER = msgspec.json.Encoder(order="sorted")
Shape = TypeVar("Shape")
_BOOK = msgspec.json.Decoder(Book, strict=True)
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What reading a stranger's bytes as JSON ends in where they are none, no text, or nested too deep to be followed."""


class RawBook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A book whose parts are bytes: to be laid beside another one without reading what is the same."""

    format: Raw
    market: Raw
    number: Raw
    compiled_at: Raw
    complete_until: Raw
    currency: Raw
    prices_include_tax: Raw
    tax_rounding: Raw
    time_zone: Raw
    prior: Raw
    keys: list[Raw]
    channels: list[Raw]
    categories: list[Raw]
    taxes: list[Raw]
    items: list[Raw]
    promotions: list[Raw]


HEADER = tuple(name for name in RawBook.__struct_fields__ if name not in SECTIONS)
_RAW = msgspec.json.Decoder(RawBook, strict=True)


class _Format(msgspec.Struct):
    format: int


_FORMAT = msgspec.json.Decoder(_Format, strict=True)


def canonical(book: Book | RawBook) -> bytes:
    """The book's one form in bytes."""
    return _ENCODER.encode(book)


def canonical_part(part: msgspec.Struct) -> bytes:
    """A part of a book in its one form."""
    return _ENCODER.encode(part)


def sha256_of(body: bytes) -> str:
    """What names these bytes: their SHA-256, in hex."""
    return hashlib.sha256(body).hexdigest()


def decoded(decoder: msgspec.json.Decoder[Shape], sent: bytes) -> Shape:
    """A value from anybody's JSON. Raises BookMalformed, however deep the brackets are that somebody sends."""
    try:
        return decoder.decode(sent)
    except UNREADABLE as error:
        raise BookMalformed(str(error)) from None


def split(body: bytes) -> RawBook:
    """A book's bytes, part by part. The parts are not read. Raises BookMalformed."""
    return decoded(_RAW, body)


def read(body: bytes) -> Book:
    """A book from bytes that we made and hashed ourselves. Raises BookMalformed, BookFormatUnknown."""
    found = decoded(_FORMAT, body).format
    if found != FORMAT:
        raise BookFormatUnknown(found, FORMAT)
    return decoded(_BOOK, body)


def read_strictly(body: bytes) -> Book:
    """A book from anybody's bytes, only if they are its one form. Raises BookMalformed, BookFormatUnknown."""
    book = read(body)
    fault = next(faults(book), None)
    if fault is not None:
        raise BookMalformed(fault)
    if canonical(book) != body:
        raise BookMalformed("The bytes are not its canonical form.")
    return book
