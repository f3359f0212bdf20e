"""The laws of price books: each is shown to catch what somebody does by hand; and who is told of readiness, once."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.laws import Law, broken, check_laws
from pricing.books.hold import hold_book
from pricing.books.keys import activate, rotate
from pricing.books.laws import (
    LAWS,
    BooksAreNumberedWithoutGaps,
    BooksAreWhatTheirHashSays,
    HeadIsTheNewestBook,
    KeysHangTogether,
    KeysSignOneAfterTheOther,
    StartsAreInTheirBooks,
)
from pricing.books.schemas import HeldBody
from pricing.books.tasks import JOBS
from tests.book_stories import LEAD, SOON, promote, publish, reprice
from tests.conftest import NOON, Callers
from tests.shop import no_law_is_broken, rows
from tests.stories import every_law_holds, open_lawful_shop, plant, told

UNLOCK = "ALTER TABLE price_books DISABLE TRIGGER append_only"
DETACH = "ALTER TABLE price_book_heads DROP CONSTRAINT fk_price_book_heads_market_number_price_books"
HANGING = "ALTER TABLE book_starts DROP CONSTRAINT fk_book_starts_market_number_price_books"


@pytest.fixture(autouse=True)
async def _three_books(db: Database) -> None:
    """Three German books, and two keys that signed them."""
    await open_lawful_shop(db, books=False)
    await publish(db)
    async with db.transaction() as tx:
        await rotate(tx, NOON)
    await publish(db)
    async with db.transaction() as tx:
        await activate(tx, NOON)
    await publish(db)


PLANTED: list[tuple[type[Law], tuple[str, ...]]] = [
    (BooksAreNumberedWithoutGaps, (UNLOCK, "DELETE FROM price_books WHERE number = 2")),
    (HeadIsTheNewestBook, ("UPDATE price_book_heads SET number = 2",)),
    (HeadIsTheNewestBook, ("DELETE FROM price_book_heads",)),
    (HeadIsTheNewestBook, ("UPDATE price_book_heads SET sha256 = repeat('0', 64)",)),
    (BooksAreWhatTheirHashSays, (UNLOCK, "UPDATE price_books SET body = body || '\\x20' WHERE number = 2")),
    (KeysHangTogether, ("UPDATE book_keys SET introduced_by = NULL, introduction = NULL",)),
    (KeysHangTogether, ("UPDATE book_keys SET created_at = '2026-11-03Z' WHERE introduced_by IS NULL",)),
    (KeysHangTogether, ("UPDATE book_keys SET state = 'retired', secret = NULL",)),
    (KeysSignOneAfterTheOther, ("UPDATE book_keys SET activated_at = NULL WHERE introduced_by IS NOT NULL",)),
    (
        KeysSignOneAfterTheOther,
        (UNLOCK, "UPDATE price_books SET key_id = (SELECT id FROM book_keys WHERE state = 'current') WHERE number = 1"),
    ),
    (
        StartsAreInTheirBooks,
        (HANGING, "INSERT INTO book_starts (market, starts_at, number) VALUES ('de', '2027-01-01Z', 4)"),
    ),
]


@pytest.mark.parametrize(("law", "planted"), PLANTED)
async def test_a_broken_law_is_seen(db: Database, law: type[Law], planted: tuple[str, ...]) -> None:
    await no_law_is_broken(db, *LAWS)

    await plant(db, *planted)

    async with db.snapshot() as tx:
        [finding] = broken(await check_laws(tx, [law]))
    assert (finding.law, finding.offenders) == (law.code(), 1)


def test_every_law_is_shown_to_catch_something() -> None:
    assert {law for law, _ in PLANTED} == set(LAWS)


@pytest.mark.parametrize(
    "change", ["UPDATE price_books SET sha256 = sha256", "DELETE FROM price_books", "TRUNCATE price_books CASCADE"]
)
async def test_a_book_is_never_changed(db: Database, change: str) -> None:
    with pytest.raises(IntegrityError, match="diary"):
        await plant(db, change)


# Readiness is told


async def holder(db: Database, callers: Callers, number: int, location: str = "berlin") -> str:
    """A till that holds this book; nothing, for nought. Its principal's id."""
    made = await callers(Role.TERMINAL, channel="retail-de", location=location)
    assert made.key is not None
    principal = made.key.rpartition("_")[0]
    if number:
        await holds(db, principal, number)
    return principal


async def holds(db: Database, principal: str, number: int) -> None:
    """A till says what it has."""
    [(sha256,)] = await rows(
        db, "SELECT sha256 FROM price_books WHERE market = 'de' AND number = :number", number=number
    )
    async with db.transaction() as tx:
        await hold_book(tx, principal, "de", HeldBody(number=number, sha256=sha256), db.clock.now())


async def report(db: Database) -> None:
    """What the scheduler does every half minute."""
    await JOBS["report_readiness"].work(db, db.clock.now())


async def test_who_is_not_ready_is_told_once_before_the_start(db: Database, clock: SetClock, callers: Callers) -> None:
    starts = NOON + timedelta(hours=1)
    await promote(db, starts)
    assert await publish(db) == 4
    late = await holder(db, callers, 3)
    never = await holder(db, callers, 0)
    await holder(db, callers, 4, "munich")

    clock.set(starts - timedelta(minutes=15, seconds=1))
    await report(db)
    assert await told(db, "terminals_not_ready") == []
    clock.set(starts - timedelta(minutes=15))
    await report(db)
    clock.advance(timedelta(seconds=30))
    await report(db)

    assert await told(db, "terminals_not_ready") == [
        {"market": "de", "starts_at": "2026-11-02T13:00:00Z", "number": 4, "terminals": sorted([late, never])}
    ]
    assert await told(db, "terminals_ready") == []
    await every_law_holds(db)


async def test_all_being_ready_is_told_too_and_anew_where_the_start_changes(
    db: Database, clock: SetClock, callers: Callers
) -> None:
    await promote(db, SOON)
    await publish(db)
    till = await holder(db, callers, 4)
    await report(db)
    assert await told(db, "terminals_ready") == [
        {"market": "de", "starts_at": "2026-11-02T12:02:00Z", "number": 4, "terminals": 1}
    ]

    await reprice(db, "CASE-BLK", 2500, SOON)
    await publish(db)
    clock.advance(LEAD)
    await report(db)
    assert [one["number"] for one in await told(db, "terminals_not_ready")] == [5]
    assert [one["terminals"] for one in await told(db, "terminals_not_ready")] == [[till]]


async def test_a_later_book_is_as_good_as_the_one_that_first_had_the_start(
    db: Database, clock: SetClock, callers: Callers
) -> None:
    await promote(db, SOON)
    await publish(db)
    await reprice(db, "WATCH", 19900, NOON + timedelta(hours=2))
    assert await publish(db) == 5
    await holder(db, callers, 5)
    await report(db)

    assert [one["number"] for one in await told(db, "terminals_ready")] == [4]
    del clock


async def test_what_began_while_nobody_reported_is_told_late_and_what_is_long_over_never(
    db: Database, clock: SetClock, callers: Callers
) -> None:
    await holder(db, callers, 3)
    await promote(db, SOON)
    await publish(db)
    clock.set(SOON + timedelta(minutes=1))
    await report(db)
    assert len(await told(db, "terminals_not_ready")) == 1

    await reprice(db, "WATCH", 19900, clock.now() + timedelta(minutes=2))
    await publish(db)
    clock.advance(timedelta(hours=3))
    await report(db)
    assert len(await told(db, "terminals_not_ready")) == 1
    assert await rows(db, "SELECT count(*) FROM book_starts WHERE told_at IS NULL") == [(0,)]


async def test_of_what_begins_in_a_moment_it_is_told_before_it_begins(
    db: Database, clock: SetClock, callers: Callers
) -> None:
    """Whoever looks every half minute would come when it has begun: it is told with the book, and only once."""
    till = await holder(db, callers, 3)
    await reprice(db, "WATCH", 19900, NOON + LEAD)
    number = await publish(db)
    at_once = await told(db, "terminals_not_ready")
    clock.advance(timedelta(seconds=30))
    await report(db)

    assert at_once == [{"market": "de", "starts_at": "2026-11-02T12:00:10Z", "number": number, "terminals": [till]}]
    assert await told(db, "terminals_not_ready") == at_once


async def test_a_policy_says_how_long_before_a_start_it_is_told(db: Database, clock: SetClock) -> None:
    await plant(
        db,
        """INSERT INTO pricing_policies VALUES
            ('de', 'equal', NULL, 'line', 30, 90, false, 'shorter', 92, 60, 'someone', '2026-01-01Z')""",
    )
    await promote(db, NOON + timedelta(minutes=59))
    await publish(db)
    await report(db)

    assert [one["terminals"] for one in await told(db, "terminals_ready")] == [0]
    del clock


async def test_a_key_that_was_rolled_is_still_the_same_terminal(db: Database, callers: Callers) -> None:
    principal = await holder(db, callers, 3)
    async with db.transaction() as tx:
        await tx.execute(
            text("""
                INSERT INTO api_keys (id, family, role, name, channel, location, secret_hash, created_at)
                VALUES (:id, :family, 'terminal', 'rolled', 'retail-de', 'berlin', '\\x00', '2026-11-02T12:00:01Z')
            """),
            {"id": new_id("trk", NOON), "family": principal},
        )
    operator = await callers(Role.OPERATOR)
    ready = (await operator.get("/v1/price-books/de/readiness")).json()
    assert [(one["terminal"], one["name"], one["number"]) for one in ready["terminals"]] == [(principal, "rolled", 3)]


async def test_books_compile_by_themselves(db: Database, clock: SetClock) -> None:
    await JOBS["compile_books"].work(db, clock.now())
    assert await rows(db, "SELECT market, number FROM price_book_heads ORDER BY market") == [("de", 3), ("us", 1)]
