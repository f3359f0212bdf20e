"""Readiness: who does not hold the book that says how charges are about to change."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import text

from commerce.kernel.db import Database, ReadSession, Session
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import NotFound
from pricing.books.errors import UnknownBook
from pricing.books.events import TerminalsNotReady, TerminalsReady
from pricing.books.queries import Holder, Start, holders, newest, starts_between
from pricing.books.schemas import HolderView, ReadinessView, StartsView, StartView, TerminalBehindView

_DUE = text("""
    SELECT s.market, s.starts_at, s.number FROM book_starts s
      LEFT JOIN pricing_policies p ON p.market = s.market
     WHERE s.told_at IS NULL
       AND s.starts_at <= CAST(:now AS timestamptz) + coalesce(p.readiness_minutes, 15) * interval '1 minute'
     ORDER BY s.market, s.starts_at FOR UPDATE OF s SKIP LOCKED LIMIT :most
""")
_TOLD = text("""
    UPDATE book_starts SET told_at = :now
     WHERE market = :market AND starts_at = ANY (CAST(:instants AS timestamptz[]))
""")
_MOST = 500
LOOKED_EVERY = timedelta(seconds=30)
NEAR = 2 * LOOKED_EVERY
LATE = timedelta(hours=1)
"""What began longer ago is not told any more: whoever missed it knows by now."""


async def readiness_of(tx: ReadSession, market: str, number: int | None, now: datetime) -> ReadinessView:
    """Which terminals of a market hold this book or a later one; the current one, if none is named.

    Raises UnknownBook, NotFound for a market without a book.
    """
    last, _ = await newest(tx, market)
    if number is not None and not 1 <= number <= last:
        raise UnknownBook("number", market, number, last)
    wanted = number or last
    shown = [_shown(one, wanted) for one in await holders(tx, market, now)]
    return ReadinessView(market, wanted, all(one.ready for one in shown), shown)


async def terminals_behind(tx: ReadSession, market: str, now: datetime) -> list[TerminalBehindView]:
    """The tills of a market that do not hold its current book; none, where it has no book yet."""
    try:
        last, _ = await newest(tx, market)
    except NotFound:
        return []
    return [
        TerminalBehindView(one.terminal, one.name, one.location, one.number)
        for one in await holders(tx, market, now)
        if not _ready(one, last)
    ]


async def starts_soon(tx: ReadSession, within: timedelta, now: datetime) -> StartsView:
    """Every change of charges that begins soon, in any market, and who is not ready for it."""
    found = await starts_between(tx, now, now + within)
    known = {market: await holders(tx, market, now) for market in sorted({start.market for start in found})}
    return StartsView([_start(start, known[start.market]) for start in found])


async def report_readiness(db: Database, now: datetime) -> None:
    """Tell once of each start that is near whether every terminal holds its book.

    Safe to repeat: what was told is marked in the same transaction. What changes a start lets it be told anew.
    """
    told = _MOST
    while told == _MOST:
        async with db.transaction() as tx:
            due = [Start._make(row) for row in await tx.execute(_DUE, {"now": now, "most": _MOST})]
            for market in sorted({start.market for start in due}):
                await _tell_of(tx, market, [start for start in due if start.market == market], now)
            told = len(due)


async def tell_if_near(tx: Session, market: str, number: int, starts_at: Sequence[datetime], now: datetime) -> None:
    """Tell at once of those starts that whoever looks again and again might come too late for.

    The transaction is that of the book, which is committed long enough before each of them.
    """
    near = [Start(market, at, number) for at in starts_at if at <= now + NEAR]
    if near:
        await _tell_of(tx, market, near, now)


async def _tell_of(tx: Session, market: str, starts: Sequence[Start], now: datetime) -> None:
    known = await holders(tx, market, now)
    for start in starts:
        if start.starts_at > now - LATE:
            await tell(tx, _news(start, known), now)
    await tx.execute(_TOLD, {"market": market, "instants": [start.starts_at for start in starts], "now": now})


def _news(start: Start, known: Sequence[Holder]) -> TerminalsReady | TerminalsNotReady:
    late = [one.terminal for one in known if not _ready(one, start.number)]
    if late:
        return TerminalsNotReady(start.market, start.starts_at, start.number, late)
    return TerminalsReady(start.market, start.starts_at, start.number, len(known))


def _start(start: Start, known: Sequence[Holder]) -> StartView:
    late = [_shown(one, start.number) for one in known if not _ready(one, start.number)]
    return StartView(start.market, start.starts_at, start.number, not late, len(known), late)


def _shown(one: Holder, number: int) -> HolderView:
    return HolderView(*one, _ready(one, number))


def _ready(one: Holder, number: int) -> bool:
    return one.number is not None and one.number >= number
