"""The books' own reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import NotFound

_NEWEST = text("SELECT number, sha256 FROM price_book_heads WHERE market = :market")
_SIGNED = text("""
    SELECT number, sha256, key_id, signature FROM price_books WHERE market = :market AND number = :number
""")
_OF_HASH = text("SELECT number FROM price_books WHERE market = :market AND sha256 = ANY (CAST(:hashes AS text[]))")
_CHAIN_SIZE = text("""
    SELECT count(*) FILTER (WHERE number > :since) AS links,
           coalesce(sum(octet_length(delta)) FILTER (WHERE number > :since), 0) AS bytes,
           max(octet_length(body)) FILTER (WHERE number = :until) AS whole
      FROM price_books WHERE market = :market AND number > :since AND number <= :until
""")
_CHAIN = text("""
    SELECT delta FROM price_books WHERE market = :market AND number > :since AND number <= :until ORDER BY number
""")
_MARKET_OF = text("SELECT market FROM channels WHERE code = :channel")
_HOLDERS = text("""
    WITH terminals AS (
        SELECT DISTINCT ON (k.family) k.family, k.name, k.channel, k.location
          FROM api_keys k JOIN channels c ON c.code = k.channel
         WHERE c.market = :market AND k.role = 'terminal' AND k.revoked_at IS NULL
           AND (k.expires_at IS NULL OR k.expires_at > :now)
         ORDER BY k.family, k.created_at DESC
    )
    SELECT t.family, t.name, t.channel, t.location, h.number, h.held_at
      FROM terminals t LEFT JOIN book_holders h ON h.principal = t.family AND h.market = :market
     ORDER BY t.family
""")
_STARTS = text("""
    SELECT s.market, s.starts_at, s.number FROM book_starts s
     WHERE s.starts_at > :since AND s.starts_at <= :until ORDER BY s.starts_at, s.market
""")


class Signed(NamedTuple):
    """A book, as far as its envelope goes."""

    number: int
    sha256: str
    key: str
    signature: bytes


class Chain(NamedTuple):
    """What leads from one book to a later one."""

    links: int
    size: int
    """How large the deltas are that lie between, as they are stored: compressed."""
    whole: int
    """How large the later book is by itself, as it is sent."""


class Holder(NamedTuple):
    """A terminal that is in use, and what it holds."""

    terminal: str
    name: str
    channel: str
    location: str | None
    number: int | None
    held_at: datetime | None


class Start(NamedTuple):
    """An instant at which a market's charges change by some book, and the first one that is right about it."""

    market: str
    starts_at: datetime
    number: int


async def newest(tx: ReadSession, market: str) -> tuple[int, str]:
    """The number and the hash of a market's current book. Raises NotFound where it has none."""
    row = (await tx.execute(_NEWEST, {"market": market})).one_or_none()
    if row is None:
        raise NotFound("price book", market)
    return row.number, row.sha256


async def signed(tx: ReadSession, market: str, number: int) -> Signed:
    """What is to be said of a book in its envelope. Raises NotFound."""
    row = (await tx.execute(_SIGNED, {"market": market, "number": number})).one_or_none()
    if row is None:
        raise NotFound("price book", f"{market} {number}")
    return Signed._make(row)


async def numbers_of(tx: ReadSession, market: str, hashes: Sequence[str]) -> set[int]:
    """Those of a market's books that have one of these hashes."""
    return set((await tx.execute(_OF_HASH, {"market": market, "hashes": list(hashes)})).scalars())


async def chain_between(tx: ReadSession, market: str, since: int, until: int) -> Chain:
    """How much there is between two books of a market."""
    row = (await tx.execute(_CHAIN_SIZE, {"market": market, "since": since, "until": until})).one()
    return Chain(row.links, int(row.bytes), row.whole or 0)


async def packed_deltas(tx: ReadSession, market: str, since: int, until: int) -> list[bytes]:
    """The deltas between two books of a market, one after the other, as they are stored."""
    return list((await tx.execute(_CHAIN, {"market": market, "since": since, "until": until})).scalars())


async def market_of(tx: ReadSession, channel: str) -> str | None:
    """The market a channel sells in."""
    market: str | None = (await tx.execute(_MARKET_OF, {"channel": channel})).scalar_one_or_none()
    return market


async def holders(tx: ReadSession, market: str, now: datetime) -> list[Holder]:
    """Every terminal of a market whose key is in use, and what it says it holds."""
    return [Holder._make(row) for row in await tx.execute(_HOLDERS, {"market": market, "now": now})]


async def starts_between(tx: ReadSession, since: datetime, until: datetime) -> list[Start]:
    """Every instant in a stretch of time at which some market's charges change, the soonest first."""
    return [Start._make(row) for row in await tx.execute(_STARTS, {"since": since, "until": until})]
