"""Publish a market's book: number it, sign it, and make it the current one, in the transaction of the change itself."""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from commerce.kernel.db import Database, ReadSession, Session, took_too_long
from commerce.kernel.outbox import tell
from pricing.books.canonical import RawBook, canonical_part, read_strictly, sha256_of, split
from pricing.books.compile import compile_book
from pricing.books.delta import Delta, changed_keys, difference, pack, parts_with
from pricing.books.errors import BookMalformed, ChangesTooSoon, MarketsLocked
from pricing.books.events import PriceBookPublished
from pricing.books.keys import SigningKey, signing_key
from pricing.books.lead import LEAD, commit_within
from pricing.books.readiness import tell_if_near
from pricing.books.sign import sign_book
from pricing.books.turns import Clash, Parts, all_turns, first_clash, parts_of
from pricing.books.zones import instant_of, microseconds
from pricing.locking import lock_market
from pricing.rules.book import Item, Tax
from pricing.rules.promotion import Promotion

_log = structlog.get_logger()
Part = TypeVar("Part", Item, Tax, Promotion)
_PROMOTION = msgspec.json.Decoder(Promotion, strict=True)

_LAST = text("""
    SELECT b.number, b.complete_until, b.body FROM price_book_heads h
      JOIN price_books b ON b.market = h.market AND b.number = h.number WHERE h.market = :market
""")
_STORE = text("""
    INSERT INTO price_books (market, number, sha256, compiled_at, complete_until, key_id, signature, body, delta)
    VALUES (:market, :number, :sha256, :now, :complete_until, :key, :signature, :body, :delta)
""")
_HEAD = text("""
    INSERT INTO price_book_heads (market, number, sha256) VALUES (:market, :number, :sha256)
    ON CONFLICT (market) DO UPDATE SET number = excluded.number, sha256 = excluded.sha256
""")
_STARTS = text("""
    INSERT INTO book_starts (market, starts_at, number)
    SELECT :market, starts_at, :number FROM unnest(CAST(:instants AS timestamptz[])) AS s (starts_at)
    ON CONFLICT (market, starts_at) DO UPDATE SET number = excluded.number, told_at = NULL
""")
_MARKETS = text("SELECT code FROM markets ORDER BY code")


class _Last(NamedTuple):
    number: int
    complete_until: datetime
    body: bytes


class _Edition(NamedTuple):
    """A book that is ready to be signed, and how it follows upon the last one."""

    body: bytes
    sha256: str
    complete_until: datetime
    delta: Delta | None
    clash: Clash | None
    """What would change for whoever still quotes from the last book."""
    turned: list[datetime]
    """Instants from now on at which something turns otherwise than in the last book, or does not turn any more."""


class _Imprint(NamedTuple):
    """Which book it is, and who makes it when."""

    market: str
    number: int
    key: SigningKey
    now: datetime


async def publish_book(tx: Session, market: str, now: datetime, *, at_once: bool = False) -> int | None:
    """Make what the tables say the market's current book; its number, or None where the last book says it already.

    Called at the end of the transaction that changed something, by whoever holds the market's lock; `now` is that
    transaction's. `at_once` is for what is no change but a fact, such as an import: what it charges holds as soon as
    the book is there, and its transaction may take its time.
    Raises ChangesTooSoon where a charge would differ before everybody can know, Busy where there is no time left to
    commit before that, UnknownReference.
    """
    known_by = now if at_once else await commit_within(tx, now)
    found = await _compiled(tx, market, now, known_by)
    if found is None:
        return None
    imprint, edition = found
    if edition.clash is not None:
        raise ChangesTooSoon("starts_at", f"The {edition.clash.what}", instant_of(edition.clash.at), known_by)
    return await _issued(tx, imprint, edition)


async def publish_unpublished(tx: Session, market: str, now: datetime) -> int | None:
    """Publish what the tables say where nobody did; the book's number, or None where the last one says it already.

    Whatever begins is in a book long before, so nothing is charged otherwise by this one before everybody can know:
    unless nobody published for days, or somebody wrote prices by hand. What the tables say holds then all the same, and
    the log tells of it. Raises UnknownReference.
    """
    known_by = now + LEAD
    found = await _compiled(tx, market, now, known_by)
    if found is None:
        return None
    imprint, edition = found
    if edition.clash is not None:
        facts = {"market": market, "number": imprint.number, "what": f"The {edition.clash.what}"}
        at = instant_of(edition.clash.at)
        _log.warning("book_changes_at_once", **facts, at=at.isoformat(), known_by=known_by.isoformat())
    return await _issued(tx, imprint, edition)


async def _compiled(tx: Session, market: str, now: datetime, known_by: datetime) -> tuple[_Imprint, _Edition] | None:
    """The next book, and where it charges otherwise than the last one before that is known; None: nothing is new."""
    await lock_market(tx, market)
    last = await _last(tx, market)
    number = last.number + 1 if last else 1
    key = await signing_key(tx, now)  # Before the book, which names it.
    body = await compile_book(tx, market, number, now)
    edition: _Edition | None
    if last is None:
        edition = await asyncio.to_thread(_begin, body, now)
    else:
        edition = await asyncio.to_thread(_follow, last, body, now, known_by)
    return None if edition is None else (_Imprint(market, number, key, now), edition)


async def _issued(tx: Session, imprint: _Imprint, edition: _Edition) -> int:
    await _store(tx, imprint, edition)
    await tell(tx, PriceBookPublished(imprint.market, imprint.number, edition.sha256), imprint.now)
    await tell_if_near(tx, imprint.market, imprint.number, edition.turned, imprint.now)
    return imprint.number


async def publish_all(tx: Session, now: datetime) -> dict[str, int]:
    """Publish whatever is new in any market, all in one transaction; the new numbers."""
    published = {}
    for market in list((await tx.execute(_MARKETS)).scalars()):
        number = await publish_book(tx, market, now, at_once=True)
        if number is not None:
            published[market] = number
    return published


async def publish_everywhere(db: Database, now: datetime) -> dict[str, int]:
    """Publish whatever is new in any market, each in a transaction of its own; the new numbers.

    What nobody published comes out here: what has come within the horizon, what the catalog says, new keys. A market
    that somebody else holds is come back to after the others. Raises MarketsLocked for those that are held still.
    Safe to repeat: what the last book says already is not published.
    """
    async with db.read() as tx:
        markets = list((await tx.execute(_MARKETS)).scalars())
    published: dict[str, int] = {}
    locked = await _publish_each(db, markets, now, published)
    locked = await _publish_each(db, locked, now, published)
    if locked:
        raise MarketsLocked(locked)
    return published


async def _publish_each(db: Database, markets: Sequence[str], now: datetime, published: dict[str, int]) -> list[str]:
    """Note the new number of each market that has one; the markets that somebody else held for too long."""
    locked = []
    for market in markets:
        try:
            async with db.transaction() as tx:
                number = await publish_unpublished(tx, market, now)
        except DBAPIError as error:
            if not took_too_long(error):
                raise
            locked.append(market)
            continue
        if number is not None:
            published[market] = number
    return locked


async def _last(tx: ReadSession, market: str) -> _Last | None:
    row = (await tx.execute(_LAST, {"market": market})).one_or_none()
    return None if row is None else _Last._make(row)


def _begin(body: bytes, now: datetime) -> _Edition:
    """A market's first book. Raises BookMalformed: it would be a bug."""
    book = read_strictly(body)
    turn = {at for at, _, _ in all_turns(parts_of(book))}
    return _Edition(body, sha256_of(body), instant_of(book.complete_until), None, None, _later(turn, now))


def _follow(last: _Last, body: bytes, now: datetime, known_by: datetime) -> _Edition | None:
    """The book after the last one; None where that says it already. What is new is read, and nothing else.

    Until it is known, both must charge the same.
    """
    before, after = split(last.body), split(body)
    delta = difference(before, after)
    until = instant_of(msgspec.json.decode(after.complete_until, type=int))
    # Nobody may come to the end of what was foreseen because nothing changed.
    if not delta.says_something() and last.complete_until - now >= (until - now) / 2:
        return None
    changed = changed_keys(delta)
    old, new = _changed_parts(before, changed), _changed_parts(after, changed)
    clash = first_clash(old, new, microseconds(now), microseconds(known_by))
    turned = {at for at, _, _ in all_turns(old) ^ all_turns(new)}
    return _Edition(body, sha256_of(body), until, delta, clash, _later(turned, now))


def _changed_parts(book: RawBook, changed: Mapping[str, list[str]]) -> Parts:
    """What a book says where it differs from the other one, and all its promotions: they say when costs count."""
    items, taxes, promotions = (
        parts_with(book, section, changed.get(section, ())) for section in ("items", "taxes", "promotions")
    )
    running = {one.id: one for one in map(_PROMOTION.decode, book.promotions)}
    return Parts(_read(items, Item), _read(taxes, Tax), running | _read(promotions, Promotion))


def _read(parts: Mapping[str, msgspec.Raw], shape: type[Part]) -> dict[str, Part]:
    """Parts as values. Raises BookMalformed where one is not in its canonical form: it would be a bug."""
    decoder = msgspec.json.Decoder(shape, strict=True)
    found = {key: decoder.decode(part) for key, part in parts.items()}
    if any(bytes(part) != canonical_part(found[key]) for key, part in parts.items()):
        raise BookMalformed("A part that was compiled is not in its canonical form.")
    return found


def _later(instants: set[int], now: datetime) -> list[datetime]:
    return [instant_of(at) for at in sorted(instants) if at > microseconds(now)]


async def _store(tx: Session, imprint: _Imprint, edition: _Edition) -> None:
    facts = {"market": imprint.market, "number": imprint.number, "sha256": edition.sha256}
    signed = {
        "now": imprint.now,
        "complete_until": edition.complete_until,
        "key": imprint.key.id,
        "signature": sign_book(imprint.key.secret, edition.sha256),
        "body": edition.body,
        "delta": zlib.compress(pack(edition.delta)) if edition.delta else None,
    }
    await tx.execute(_STORE, {**facts, **signed})
    await tx.execute(_HEAD, facts)
    if edition.turned:
        await tx.execute(_STARTS, {"market": imprint.market, "number": imprint.number, "instants": edition.turned})
