"""Report on books: what there is, what is in one, and what one says that another does not."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import NotFound
from pricing.books.canonical import HEADER, RawBook, split
from pricing.books.current import body_of
from pricing.books.delta import changed_keys, difference, parts_with
from pricing.books.queries import newest, signed
from pricing.rules.sound import SECTIONS

_BOOKS = text("""
    SELECT b.market, b.number, b.sha256, b.compiled_at, b.complete_until, b.key_id, octet_length(b.body) AS bytes
      FROM price_books b JOIN price_book_heads h ON h.market = b.market
     WHERE (:market = '' AND b.number = h.number)
        OR (b.market = :market AND (b.number = :number OR (:number = 0 AND b.number > h.number - 20)))
     ORDER BY b.market, b.number
""")


class BookRow(msgspec.Struct, frozen=True):
    """A book, as lists show it."""

    market: str
    number: int
    sha256: str
    compiled_at: datetime
    complete_until: datetime
    key: str
    bytes: int


class Difference(msgspec.Struct, frozen=True):
    """Something that two books say differently. None: one of them says nothing of it."""

    section: str
    key: str
    was: Any
    becomes: Any


async def list_books(tx: ReadSession, market: str | None = None, number: int | None = None) -> list[BookRow]:
    """Every market's current book; or a market's newest ones; or one of them. Raises NotFound for what is named."""
    facts = {"market": market or "", "number": number or 0}
    found = [BookRow(*row) for row in await tx.execute(_BOOKS, facts)]
    if market is not None and not found:
        raise NotFound("price book", market if number is None else f"{market} {number}")
    return found


async def contents(tx: ReadSession, market: str, number: int | None = None) -> tuple[int, bytes]:
    """A book's number and its canonical bytes; the current one's, if none is named. Raises NotFound."""
    wanted = number if number is not None else (await newest(tx, market))[0]
    found = await signed(tx, market, wanted)
    return found.number, await body_of(tx, market, found.number)


async def differences(tx: ReadSession, market: str, number: int, other: int) -> list[Difference]:
    """What the other book says that the first one does not, or otherwise. Raises NotFound, DeltaBackwards."""
    bodies = [split((await contents(tx, market, each))[1]) for each in (number, other)]
    return list(_differences(*bodies))


def _differences(old: RawBook, new: RawBook) -> Iterator[Difference]:
    changed: Mapping[str, list[str]] = changed_keys(difference(old, new))
    for name in HEADER:
        was, becomes = _plain(getattr(old, name)), _plain(getattr(new, name))
        if was != becomes:
            yield Difference("header", name, was, becomes)
    for section in SECTIONS:
        keys = changed.get(section, [])
        before, after = parts_with(old, section, keys), parts_with(new, section, keys)
        for key in keys:
            yield Difference(section, key, _plain(before.get(key)), _plain(after.get(key)))


def _plain(part: msgspec.Raw | None) -> Any:  # noqa: ANN401 - JSON of any kind
    return None if part is None else msgspec.json.decode(part)
