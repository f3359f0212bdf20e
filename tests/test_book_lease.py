"""No process quotes from a stale book: the story told with clocks, and its twin in which one does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.refusals import UnknownReference
from orders.quote import Basket
from orders.quote_desk import QuoteDesk
from pricing.books.canonical import canonical, sha256_of
from pricing.books.current import OLDER_MAX, CurrentBooks
from pricing.books.errors import TooSoon
from pricing.books.lead import COMMIT_WITHIN, LEAD, LEASE, SKEW, must_lead
from pricing.rules import Prepared
from tests.book_stories import publish, reprice
from tests.conftest import NOON
from tests.shop import rows
from tests.statements import statements
from tests.stories import open_lawful_shop, plant

MS = timedelta(milliseconds=1)
LONG = timedelta(seconds=30)
CASE = Basket("web-de", [("CASE-BLK", 1)])


@pytest.fixture(autouse=True)
async def _shop(db: Database) -> None:
    await open_lawful_shop(db, books=False)
    await publish(db)


class Process:
    """A process of the API: its own clock, its own connections, its own memory."""

    def __init__(self, url: str, clock: SetClock) -> None:
        self.clock = clock
        self.db = Database(url, clock=clock, pool_size=1)
        self.desk = QuoteDesk(self.db, CurrentBooks())

    async def charges(self) -> int:
        """What it says that a case costs now."""
        return (await self.desk.quote(CASE)).total.amount


@asynccontextmanager
async def process(url: str, ahead: timedelta = timedelta(0)) -> AsyncIterator[Process]:
    """Another process, whose clock may be ahead of the publisher's."""
    made = Process(url, SetClock(NOON + ahead))
    try:
        yield made
    finally:
        await made.db.close()


@pytest.mark.parametrize(
    ("lease", "stale"),
    [(LEASE, False), (LONG, True)],
    ids=["as it is", "the twin: with a lease that is longer than the lead"],
)
async def test_whoever_asked_just_before_a_change_was_published_quotes_it_in_time(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch, lease: timedelta, *, stale: bool
) -> None:
    """The change begins as soon as it may. The process asks right before it is published; then it quotes all along."""
    monkeypatch.setattr("orders.quote_desk.LEASE", lease)
    starts = NOON + LEAD
    async with process(url) as other:
        await other.charges()
        await reprice(db, "CASE-BLK", 2500, starts)
        await publish(db)

        charged = []
        for instant in (NOON, NOON + LEASE - MS, starts - MS, starts, starts + MS, starts + LEASE):
            other.clock.set(instant)
            charged.append(await other.charges())

    right = [2900, 2900, 2900, 2500, 2500, 2500]
    assert (charged != right) is stale


@pytest.mark.parametrize("commit", [timedelta(0), COMMIT_WITHIN])
@pytest.mark.parametrize("skew", [-SKEW, timedelta(0), SKEW - MS])
async def test_clocks_may_differ_and_commits_may_be_late(
    db: Database, url: str, commit: timedelta, skew: timedelta
) -> None:
    """The reader's clock goes ahead of the publisher's by `skew`; it asks just before the commit is seen."""
    assert await charged_at_the_start(db, url, commit + skew) == 2500


async def test_clocks_that_differ_more_are_the_twin(db: Database, url: str) -> None:
    """The bound is what it is said to be: beyond it a stale price is quoted."""
    assert await charged_at_the_start(db, url, COMMIT_WITHIN + SKEW + MS) == 2900


async def charged_at_the_start(db: Database, url: str, ahead: timedelta) -> int:
    """What a process charges at the start of a change, if it asked so long after the publisher said "now"."""
    starts = NOON + LEAD
    async with process(url, ahead) as other:
        await other.charges()
        await reprice(db, "CASE-BLK", 2500, starts)
        await publish(db)
        other.clock.set(max(other.clock.now(), starts))
        return await other.charges()


async def test_within_a_lease_nothing_is_asked(db: Database, clock: SetClock) -> None:
    desk = QuoteDesk(db, CurrentBooks())
    asked = []
    for wait in (timedelta(0), LEASE - MS, MS):
        clock.advance(wait)
        with statements(db) as sent:
            await desk.quote(CASE)
        asked.append(len(sent) > 0)

    assert asked == [True, False, True]


async def test_a_process_that_did_not_look_for_long_looks_before_it_quotes(db: Database, clock: SetClock) -> None:
    desk = QuoteDesk(db, CurrentBooks())
    await desk.quote(CASE)
    for day in range(1, 4):
        await reprice(db, "CASE-BLK", 2900 - day, clock.now() + LEAD)
        await publish(db)
        clock.advance(timedelta(days=1))

    assert (await desk.quote(CASE)).total.amount == 2897


async def test_a_clock_that_is_set_back_is_not_trusted_either(db: Database, clock: SetClock) -> None:
    desk = QuoteDesk(db, CurrentBooks())
    clock.set(NOON + timedelta(hours=1))
    await desk.quote(CASE)
    clock.set(NOON)
    await reprice(db, "CASE-BLK", 2500, NOON + LEAD)
    await publish(db)

    assert (await desk.quote(CASE)).book == 2


# The books that a process has ready


async def current(db: Database, books: CurrentBooks, markets: Sequence[str] = ("de",)) -> dict[str, Prepared]:
    """The current books, as whoever writes an order asks for them."""
    async with db.transaction() as tx:
        return await books.exactly(tx, markets, db.clock.now())


def read_whole(sent: Sequence[str]) -> int:
    """How many books were read whole, and so made ready."""
    return sum(one.lstrip().startswith("SELECT body") for one in sent)


async def test_a_book_that_many_want_at_once_is_made_ready_once(db: Database) -> None:
    books = CurrentBooks()
    with statements(db) as sent:
        found = await asyncio.gather(*(current(db, books) for _ in range(20)))

    assert read_whole(sent) == 1
    assert all(one["de"] is found[0]["de"] for one in found)


async def test_whoever_makes_a_book_ready_and_gives_up_leaves_it_to_the_next(db: Database) -> None:
    books = CurrentBooks()
    asking = [asyncio.ensure_future(current(db, books)) for _ in range(4)]
    with statements(db) as sent:
        while read_whole(sent) == 0:  # noqa: ASYNC110 - nothing is slept here, the others get their turn
            await asyncio.sleep(0)
        for one in asking[:-1]:
            one.cancel()
        found = await asyncio.gather(*asking, return_exceptions=True)

    assert [isinstance(one, dict) for one in found] == [False, False, False, True]


async def test_however_many_old_books_are_asked_for_the_current_ones_stay_ready(db: Database, clock: SetClock) -> None:
    for amount in range(OLDER_MAX + 3):
        clock.advance(LEAD)
        await reprice(db, "CASE-BLK", 2000 + amount, clock.now() + LEAD)
        await publish(db)
    books = CurrentBooks()
    now = await current(db, books, ["de", "us"])
    for back in range(1, OLDER_MAX + 3):
        async with db.read() as tx:
            then = await books.that_was_current(tx, "web-de", clock.now() - LEAD * back)
        assert then is not None
        assert then.book.number == now["de"].book.number - back
    with statements(db) as sent:
        again = await current(db, books, ["de", "us"])

    assert all(again[market] is now[market] for market in ("de", "us"))
    assert read_whole(sent) == 0


async def test_an_order_sees_the_number_that_its_own_transaction_sees(db: Database, clock: SetClock) -> None:
    """What is written into a row is looked up beside it."""
    books = CurrentBooks()
    await current(db, books)
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


async def test_a_market_without_a_book_gets_one_when_it_is_first_asked_for(db: Database) -> None:
    books = CurrentBooks()
    assert (await current(db, books, ["us"]))["us"].book.number == 1
    with pytest.raises(UnknownReference):
        await current(db, books, ["nowhere"])


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
