"""Deliver a book: in an envelope, whole, or as what makes it of an older one."""

import base64
import zlib

import msgspec
from msgspec import Raw

from commerce.kernel.db import ReadSession
from pricing.books.current import body_of
from pricing.books.delta import Delta, compose, pack, unpack
from pricing.books.errors import DeltaBackwards, UnknownBook
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
    """An envelope with what makes a book, the current one, of an older one; with the whole book where that is less.

    Raises UnknownBook for a number that was not given yet.
    """
    if not 1 <= since <= number:
        raise UnknownBook("since", market, since, number)
    delta = await delta_between(tx, market, since, number)
    if delta is None:
        return await whole_book(tx, market, number)
    return _envelope(market, await signed(tx, market, number), delta=Raw(pack(delta)))


async def delta_between(tx: ReadSession, market: str, since: int, until: int) -> Delta | None:
    """How one book became a later one; None where the later one itself is smaller. Both are there.

    Raises DeltaBackwards for a later one that is the earlier one.
    """
    if until < since:
        raise DeltaBackwards("since", until, since)
    if until == since:
        return Delta(market=market, since=since, number=until)
    chain = await chain_between(tx, market, since, until)
    if chain.links > LINKS_MAX or chain.size > chain.whole:
        return None
    return compose([unpack(zlib.decompress(one)) for one in await packed_deltas(tx, market, since, until)])


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
