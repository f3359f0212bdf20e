"""No process quotes from a stale book: the story told with clocks, and its twin in which one does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.refusals import UnknownReference
from pricing.books.canonical import canonical, sha256_of
from pricing.books.current import CurrentBooks
from pricing.books.errors import TooSoon
from pricing.books.lead import COMMIT_WITHIN, LEAD, LEASE, SKEW, must_lead
from pricing.books.zones import microseconds
from pricing.rules.book import Book
from tests.book_stories import publish, reprice
from tests.conftest import NOON
from tests.shop import rows
from tests.statements import statements
from tests.stories import open_lawful_shop, plant

MS = timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
async def _shop(db: Database) -> None:
    await open_lawful_shop(db, books=False)
    await publish(db)


@asynccontextmanager
async def process(url: str, now: datetime, lease: timedelta = LEASE) -> AsyncIterator[tuple[CurrentBooks, SetClock]]:
    """Another process: its own clock, its own connections, its own memory."""
    clock = SetClock(now)
    database = Database(url, clock=clock, pool_size=1)
    try:
        yield CurrentBooks(database, lease), clock
    finally:
        await database.close()


def price_of(book: Book, sku: str, at: datetime) -> int | None:
    """What a sku costs at an instant, by a book."""
    us = microseconds(at)
    prices = next(item.recommended for item in book.items if item.sku == sku)
    return next((one.amount for one in prices if one.begins <= us and (one.ends is None or us < one.ends)), None)


@pytest.mark.parametrize(
    ("lease", "stale"),
    [(LEASE, False), (timedelta(seconds=30), True)],
    ids=["as it is", "the twin: with a lease that is longer than the lead"],
)
async def test_whoever_asked_just_before_a_change_was_published_quotes_it_in_time(
    db: Database, url: str, clock: SetClock, lease: timedelta, *, stale: bool
) -> None:
    """The change begins as soon as it may. The process asks right before it is published; then it quotes all along."""
    async with process(url, NOON, lease) as (books, own):
        await books.at("de", own.now())
        starts = clock.now() + LEAD
        await reprice(db, "CASE-BLK", 2500, starts)
        await publish(db)

        charged = []
        for instant in (NOON, NOON + LEASE - MS, starts - MS, starts, starts + MS, starts + LEASE):
            own.set(instant)
            charged.append(price_of((await books.at("de", instant)).book, "CASE-BLK", instant))

    right = [2900, 2900, 2900, 2500, 2500, 2500]
    assert (charged != right) is stale


@pytest.mark.parametrize("commit", [timedelta(0), COMMIT_WITHIN])
@pytest.mark.parametrize("skew", [-SKEW, timedelta(0), SKEW - MS])
async def test_clocks_may_differ_and_commits_may_be_late(
    db: Database, url: str, clock: SetClock, commit: timedelta, skew: timedelta
) -> None:
    """The reader's clock goes ahead of the publisher's by `skew`; it asks just before the commit is seen."""
    assert await charged_at_the_start(db, url, clock, commit + skew) == 2500


async def test_clocks_that_differ_more_are_the_twin(db: Database, url: str, clock: SetClock) -> None:
    """The bound is what it is said to be: beyond it a stale price is quoted."""
    assert await charged_at_the_start(db, url, clock, COMMIT_WITHIN + SKEW + MS) == 2900


async def charged_at_the_start(db: Database, url: str, clock: SetClock, ahead: timedelta) -> int | None:
    """What a process charges at the start of a change, if it asked so long after the publisher said "now"."""
    starts = clock.now() + LEAD
    async with process(url, NOON + ahead) as (books, own):
        await books.at("de", own.now())
        await reprice(db, "CASE-BLK", 2500, starts)
        await publish(db)
        own.set(max(own.now(), starts))
        return price_of((await books.at("de", own.now())).book, "CASE-BLK", own.now())


async def test_within_a_lease_nothing_is_asked_and_after_it_one_short_question(db: Database, clock: SetClock) -> None:
    books = CurrentBooks(db)
    with statements(db) as first:
        book = await books.at("de", clock.now())
    with statements(db) as again:
        assert await books.at("de", clock.now() + LEASE - MS) is book
    clock.advance(LEASE)
    with statements(db) as later:
        assert await books.at("de", clock.now()) is book

    assert (len(first), len(again), len(later)) == (2, 0, 1)


async def test_a_process_that_did_not_look_for_long_looks_before_it_quotes(db: Database, clock: SetClock) -> None:
    books = CurrentBooks(db)
    await books.at("de", clock.now())
    for day in range(1, 4):
        await reprice(db, "CASE-BLK", 2900 - day, clock.now() + LEAD)
        await publish(db)
        clock.advance(timedelta(days=1))

    assert price_of((await books.at("de", clock.now())).book, "CASE-BLK", clock.now()) == 2897


async def test_a_clock_that_is_set_back_is_not_trusted_either(db: Database, clock: SetClock) -> None:
    books = CurrentBooks(db)
    clock.set(NOON + timedelta(hours=1))
    await books.at("de", clock.now())
    clock.set(NOON)
    await reprice(db, "CASE-BLK", 2500, NOON + LEAD)
    await publish(db)

    assert (await books.at("de", clock.now())).book.number == 2


async def test_many_who_ask_at_once_are_one_question(db: Database, clock: SetClock) -> None:
    books = CurrentBooks(db)
    with statements(db) as asked:
        found = await asyncio.gather(*(books.at("de", clock.now()) for _ in range(50)))

    assert len(asked) == 2
    assert all(one is found[0] for one in found)


async def test_an_order_sees_the_number_that_its_own_transaction_sees(db: Database, clock: SetClock) -> None:
    """However long the lease: what is written into a row is looked up beside it."""
    books = CurrentBooks(db, timedelta(hours=1))
    await books.at("de", clock.now())
    await reprice(db, "CASE-BLK", 2500, NOON + LEAD)
    await publish(db)

    async with db.transaction() as tx:
        with statements(db) as asked:
            found = await books.exactly(tx, ["de", "us"], clock.now())
        assert asked[0].lstrip().startswith("SELECT market, number")
    assert {market: ready.book.number for market, ready in found.items()} == {"de": 2, "us": 1}
    [(sha256,)] = await rows(db, "SELECT sha256 FROM price_book_heads WHERE market = 'de'")
    assert sha256_of(canonical(found["de"].book)) == sha256
    async with db.transaction() as tx:
        with statements(db) as asked:
            assert await books.exactly(tx, ["de", "us"], clock.now()) == found
    assert len(asked) == 1


async def test_a_market_without_a_book_gets_one_when_it_is_first_asked_for(db: Database, clock: SetClock) -> None:
    books = CurrentBooks(db)
    assert (await books.at("us", clock.now())).book.number == 1
    with pytest.raises(UnknownReference):
        await books.at("nowhere", clock.now())


async def test_few_books_are_remembered(db: Database, clock: SetClock) -> None:
    books = CurrentBooks(db, remembered_max=1)
    german = await books.at("de", clock.now())
    await books.at("us", clock.now())
    with statements(db) as asked:
        again = await books.at("de", clock.now())

    assert again.book == german.book
    assert len(asked) == 1


async def test_what_would_begin_too_soon_is_refused_by_its_field() -> None:
    must_lead("starts_at", NOON + LEAD, NOON)
    with pytest.raises(TooSoon) as refused:
        must_lead("starts_at", NOON + LEAD - MS, NOON)

    assert refused.value.facts() == {"field": "starts_at", "instant": NOON + LEAD - MS, "earliest": NOON + LEAD}


async def test_publishers_of_one_market_take_turns(db: Database, clock: SetClock) -> None:
    """Each sees what the one before it wrote: numbers have no gap and no two books the same number."""
    await plant(db, *(f"INSERT INTO categories (code, name) VALUES ('new-{n}', 'New')" for n in range(8)))
    results = await asyncio.gather(*(publish(db) for _ in range(8)))

    assert sorted(number for number in results if number is not None) == [2]
    assert [number for (number,) in await rows(db, "SELECT number FROM price_books ORDER BY number")] == [1, 2]
    del clock
