"""Price books over HTTP: whole or as a delta, the keys that sign them, and who holds which."""

from datetime import datetime, timedelta
from typing import Annotated, cast

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.params import JSONBody, PathParameter, QueryParameter

from commerce.kernel.access import Principal, Role, WrongChannel, may
from commerce.kernel.bodies import CodeText
from commerce.kernel.db import Database, ReadSession, Session
from commerce.kernel.etags import names, tags_of
from commerce.kernel.http import AnyRequest, once
from commerce.kernel.idempotency import Call
from pricing.books import queries
from pricing.books.deliver import book_since, whole_book
from pricing.books.hold import hold_book, note_heard
from pricing.books.keys import activate, key_chain, rotate
from pricing.books.publish import publish_everywhere
from pricing.books.readiness import readiness_of, starts_soon
from pricing.books.schemas import (
    BookEnvelope,
    BookKeysView,
    HeldBody,
    HeldView,
    KeyMovedView,
    ReadinessView,
    StartsView,
)

_EVERYBODY = tuple(Role)
_SELLERS = (Role.STOREFRONT, Role.TERMINAL)
_STAFF = (Role.MERCHANDISER, Role.ANALYST, Role.OPERATOR, Role.ADMIN)

MarketPath = Annotated[CodeText, PathParameter(description="The market's code.")]


@get("/v1/price-books/{market:str}", opt=may(*_EVERYBODY), tags=["price books"])
async def show_book(
    request: AnyRequest,
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
    market: MarketPath,
    since: Annotated[
        int | None,
        QueryParameter(description="The number of the book that is held: answer what makes the current one of it."),
    ] = None,
) -> Response[BookEnvelope]:
    """The market's current price book, signed. Whoever sells sees its own market's.

    With `since` the answer has a delta in place of the book, unless the book itself is no longer than that, or too many
    others lie between. The ETag is the book's hash: 304 where the caller holds it already. Whoever sends `since` with
    the hash of what they hold (If-None-Match) is given the whole book where there is another one under that number
    here, as after a backup was restored. Who holds several names them all.

    A terminal that names a hash so says, as with `POST /v1/price-books/{market}/held`, that it holds this book and has
    verified it; of several the newest counts, also where it is older than what it held before. `since` alone says
    nothing of what it holds, nor does the answer: it may be cut off on its way, or not be what was signed.
    """
    tags = tags_of(request)
    async with db.read() as tx:
        await _must_be_theirs(tx, principal, market)
        number, sha256 = await queries.newest(tx, market)
        held = await queries.numbers_of(tx, market, _hashes(tags)) if tags else set()
        if names(tags, _tag(sha256)):
            body = b""
        elif since is not None and (since in held or not tags):
            body = await book_since(tx, market, since, number)
        else:
            body = await whole_book(tx, market, number)
    await note_heard(db, principal, market, max(held, default=None))
    return _tagged(body, sha256)


@get("/v1/price-books/{market:str}/{number:str}", opt=may(*_EVERYBODY), tags=["price books"])
async def show_edition(
    request: AnyRequest,
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
    market: MarketPath,
    number: Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="The book's number.")],
) -> Response[BookEnvelope]:
    """One of a market's price books, however old: what an order or a receipt cites."""
    async with db.read() as tx:
        await _must_be_theirs(tx, principal, market)
        found = await queries.signed(tx, market, number)
        body = b"" if names(tags_of(request), _tag(found.sha256)) else await whole_book(tx, market, number)
    return _tagged(body, found.sha256)


@get("/v1/price-book-keys", opt=may(*_EVERYBODY), tags=["price books"])
async def show_keys(db: NamedDependency[Database]) -> BookKeysView:
    """Every key that ever signed a price book, or will next, the oldest first.

    Who trusts one of them can follow the introductions to the others, however many rotations were missed.
    """
    async with db.read() as tx:
        return await key_chain(tx)


@post("/v1/price-book-keys/rotate", opt=may(Role.ADMIN, idempotent=True), tags=["price books"])
async def rotate_key(db: NamedDependency[Database], call: NamedDependency[Call]) -> Response[KeyMovedView]:
    """Make the next key. Every book from now on names it; it signs nothing until it is activated."""

    async def make(tx: Session, now: datetime) -> KeyMovedView:
        return KeyMovedView(await rotate(tx, now))

    answer = await once(db, call, None, make)
    await publish_everywhere(db, db.clock.now())
    return answer


@post("/v1/price-book-keys/activate", status_code=200, opt=may(Role.ADMIN, idempotent=True), tags=["price books"])
async def activate_key(db: NamedDependency[Database], call: NamedDependency[Call]) -> Response[KeyMovedView]:
    """Let the next key sign from now on. The one before it retires, and its secret is forgotten.

    Best done when every till holds a book that names the next key: `GET /v1/price-books/{market}/readiness`.
    """

    async def move(tx: Session, now: datetime) -> KeyMovedView:
        return KeyMovedView(await activate(tx, now))

    answer = await once(db, call, None, move, 200)
    await publish_everywhere(db, db.clock.now())
    return answer


@post("/v1/price-books/{market:str}/held", status_code=200, opt=may(*_SELLERS), tags=["price books"])
async def note_held(
    data: JSONBody[HeldBody],
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
    market: MarketPath,
) -> HeldView:
    """Say which book is held, and was verified. Saying it again changes nothing.

    Readiness counts what is said here, and what terminals name by its hash when they ask for the current book.
    """
    async with db.transaction() as tx:
        await _must_be_theirs(tx, principal, market)
        return await hold_book(tx, principal.id, market, data, db.clock.now())


@get("/v1/price-books/{market:str}/readiness", opt=may(*_STAFF), tags=["price books"])
async def show_readiness(
    db: NamedDependency[Database],
    market: MarketPath,
    number: Annotated[
        int | None, QueryParameter(description="The book's number; the current one, if left out.")
    ] = None,
) -> ReadinessView:
    """Every terminal of a market, and whether it holds this book or a later one, as it said by the book's hash."""
    async with db.read() as tx:
        return await readiness_of(tx, market, number, db.clock.now())


@get("/v1/readiness", opt=may(*_STAFF), tags=["price books"])
async def show_starts(
    db: NamedDependency[Database],
    starts_within_minutes: Annotated[int, QueryParameter(ge=1, le=60 * 24 * 31, description="How far ahead.")] = 60,
) -> StartsView:
    """Every change of charges that begins soon, and the terminals that do not hold the book that contains it."""
    async with db.read() as tx:
        return await starts_soon(tx, timedelta(minutes=starts_within_minutes), db.clock.now())


async def _must_be_theirs(tx: ReadSession, principal: Principal, market: str) -> None:
    """Let staff through, and whoever sells in this market. Raises WrongChannel."""
    if principal.role not in _SELLERS:
        return
    sells_in = await queries.market_of(tx, principal.channel) if principal.channel else None
    if sells_in != market:
        raise WrongChannel("market", principal.channel or "", f"This key sells in {sells_in or 'no market'}.")


def _tag(sha256: str) -> str:
    """A book's tag is its hash."""
    return f'"{sha256}"'


def _hashes(tags: frozenset[str]) -> list[str]:
    """The hashes of what the caller says it holds; `*` is no book in particular."""
    return sorted(tag.strip('"') for tag in tags)


def _tagged(body: bytes, sha256: str) -> Response[BookEnvelope]:
    """The envelope, or 304 where there is none to send."""
    headers = {"ETag": _tag(sha256), "Cache-Control": "private, no-cache"}
    response = Response(body, status_code=200 if body else 304, headers=headers, media_type=MediaType.JSON)
    return cast("Response[BookEnvelope]", response)


ROUTES = [
    show_book,
    show_edition,
    show_keys,
    rotate_key,
    activate_key,
    note_held,
    show_readiness,
    show_starts,
]
