"""Deliver a book: in an envelope, whole, or as what makes it of an older one."""

import asyncio
import base64
import zlib
from collections.abc import Sequence

import msgspec
from msgspec import Raw

from commerce.kernel.db import ReadSession
from pricing.books.current import body_of
from pricing.books.delta import Delta, compose, pack, unpack
from pricing.books.errors import UnknownBook
from pricing.books.queries import Signed, chain_between, packed_deltas, signed
from pricing.books.verify import Envelope

LINKS_MAX = 1_000
"""So many books may lie between two; beyond that the whole book is sent."""

_ENCODER = msgspec.json.Encoder(order="sorted")


async def whole_book(tx: ReadSession, market: str, number: int) -> bytes:
    """An envelope with the book in it. Raises NotFound."""
    found = await signed(tx, market, number)
    return _envelope(market, found, book=Raw(await body_of(tx, market, number)))


async def book_since(tx: ReadSession, market: str, since: int, number: int) -> bytes:
    """An envelope with what makes a book, the current one, of an older one; with the whole book where that is no more.

    Raises UnknownBook for a number that was not given yet.
    """
    if not 1 <= since <= number:
        raise UnknownBook("since", market, since, number)
    delta = await _delta_between(tx, market, since, number)
    if delta is None:
        return await whole_book(tx, market, number)
    return _envelope(market, await signed(tx, market, number), delta=Raw(delta))


async def _delta_between(tx: ReadSession, market: str, since: int, until: int) -> bytes | None:
    """How one book became a later one, as it is sent; None where the later one itself is no longer than that.

    None, too, where so many lie between them that the book is sooner sent than they are put together. Both are there.
    """
    if until == since:
        return pack(Delta(market=market, since=since, number=until))
    chain = await chain_between(tx, market, since, until)
    if chain.links > LINKS_MAX or chain.size > chain.whole:
        return None
    # Deltas of thousands of prices take a moment, in which others want answers.
    delta = await asyncio.to_thread(_composed, await packed_deltas(tx, market, since, until))
    return delta if len(delta) < chain.whole else None


def _composed(stored: Sequence[bytes]) -> bytes:
    """One delta of all that are stored between two books."""
    return pack(compose(unpack(zlib.decompress(one)) for one in stored))


def _envelope(
    market: str,
    found: Signed,
    *,
    book: Raw | msgspec.UnsetType = msgspec.UNSET,
    delta: Raw | msgspec.UnsetType = msgspec.UNSET,
) -> bytes:
    envelope = Envelope(
        market=market,
        number=found.number,
        sha256=found.sha256,
        key=found.key,
        signature=base64.b64encode(found.signature).decode(),
        book=book,
        delta=delta,
    )
    return _ENCODER.encode(envelope)
