"""Hold a book: note what a till or a shop says it has."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.access import Principal, Role
from commerce.kernel.db import Database, ReadSession, Session
from pricing.books.errors import NotThatBook, UnknownBook
from pricing.books.queries import newest, signed
from pricing.books.schemas import HeldBody, HeldView

_HELD = text("SELECT number FROM book_holders WHERE principal = :principal AND market = :market")
_NOTE = text("""
    INSERT INTO book_holders (principal, market, number, held_at) VALUES (:principal, :market, :number, :now)
    ON CONFLICT (principal, market) DO UPDATE SET number = excluded.number, held_at = excluded.held_at
     WHERE book_holders.number <> excluded.number
""")


async def hold_book(tx: Session, principal: str, market: str, held: HeldBody, now: datetime) -> HeldView:
    """Note that somebody holds a book, and has verified it. Raises UnknownBook, NotThatBook, NotFound.

    A holder that lost what it had may say so by an older number.
    """
    number, _ = await newest(tx, market)
    if held.number > number:
        raise UnknownBook("number", market, held.number, number)
    known = await signed(tx, market, held.number)
    if known.sha256 != held.sha256:
        raise NotThatBook("sha256", market, held.number, known.sha256)
    await tx.execute(_NOTE, {"principal": principal, "market": market, "number": held.number, "now": now})
    return HeldView(market, held.number, number)


async def note_heard(db: Database, principal: Principal, market: str, number: int | None) -> None:
    """Note which book a terminal holds that named it by its hash when it asked for the current one.

    It is the same word as `hold_book` takes. Written only where it is news, since a till asks the same all day.
    """
    if number is None or principal.role is not Role.TERMINAL:
        return
    async with db.read() as tx:
        if await _held(tx, principal.id, market) == number:
            return
    async with db.transaction() as tx:
        facts = {"principal": principal.id, "market": market, "number": number, "now": db.clock.now()}
        await tx.execute(_NOTE, facts)


async def _held(tx: ReadSession, principal: str, market: str) -> int | None:
    facts = {"principal": principal, "market": market}
    number: int | None = (await tx.execute(_HELD, facts)).scalar_one_or_none()
    return number
