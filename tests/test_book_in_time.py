"""What is published is committed in time or not at all: also where a publisher had to wait, and by our own clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session, commit_by, is_passing
from commerce.kernel.refusals import Busy
from pricing.books.lead import COMMIT_WITHIN, HEARD_WITHIN, LEAD, commit_within
from pricing.books.publish import publish_book
from pricing.changes.in_time import LONGEST, done_in_time
from pricing.locking import lock_market
from tests import price_changes, promoting
from tests.book_stories import reprice
from tests.conftest import NOON, Callers, problem
from tests.people import somebody_waits
from tests.price_changes import at, item
from tests.shop import rows
from tests.stories import every_law_holds, open_lawful_shop, plant

MS = timedelta(milliseconds=1)
TRACES = """
    SELECT (SELECT string_agg(number::text, ',') FROM price_books), (SELECT count(*) FROM outbox_messages),
           (SELECT string_agg(p::text, ',' ORDER BY id) FROM promotions p),
           (SELECT string_agg(c::text, ',' ORDER BY id) FROM price_changes c),
           (SELECT string_agg(r::text, ',' ORDER BY r) FROM recommended_prices r),
           (SELECT string_agg(t::text, ',' ORDER BY t) FROM tax_rates t),
           (SELECT count(*) FROM promotion_steps), (SELECT count(*) FROM price_change_steps),
           (SELECT count(*) FROM idempotency_keys)
"""
Request = Callable[[], Awaitable[httpx.Response]]


class Shop:
    """A lawful shop with somebody who changes prices, somebody who promotes, and somebody who sets taxes."""

    def __init__(self, db: Database, clock: SetClock, prices: price_changes.Desk, promotions: promoting.Desk) -> None:
        self.db, self.clock, self.prices, self.promotions = db, clock, prices, promotions

    async def schedules_a_change(self) -> Request:
        """A change that begins as soon as it may."""
        change_id = await self.prices.approved(item("WATCH", 19900))
        return lambda: self.prices.do(change_id, "schedule")

    async def withdraws_a_change(self) -> Request:
        """A change that was scheduled so is taken back."""
        change_id = await self.prices.scheduled(item("WATCH", 19900))
        return lambda: self.prices.do(change_id, "withdraw")

    async def schedules_a_promotion(self) -> Request:
        """A promotion that starts as soon as it may."""
        promotion_id = await self.promotions.approved()
        return lambda: self.promotions.do(promotion_id, "schedule")

    async def withdraws_a_promotion(self) -> Request:
        """A promotion that was scheduled so is taken back."""
        promotion_id = await self.promotions.scheduled()
        return lambda: self.promotions.do(promotion_id, "withdraw")

    async def stops_a_promotion(self) -> Request:
        """A promotion that runs is ended."""
        promotion_id = await self.promotions.scheduled()
        self.clock.advance(LEAD)
        return lambda: self.promotions.do(promotion_id, "stop", {"note": "Enough"})

    async def sets_a_tax_rate(self) -> Request:
        """A rate that is in force as soon as it may be."""
        rate = {"market": "de", "tax_class": "standard", "rate_bp": 1600, "source": "the law"}
        return lambda: self.prices.ada.client.post("/v1/tax-rates", json=rate, headers=self._operator)

    async def open(self, callers: Callers) -> "Shop":
        """Let the operator in."""
        key = (await callers(Role.OPERATOR)).key
        self._operator = {"Authorization": f"Bearer {key}", "Idempotency-Key": "the-rate"}
        return self

    async def after_waiting(self, request: Request, waited: timedelta) -> httpx.Response:
        """What is answered to whom the market was locked for so long, by the clock."""
        async with self.db.transaction() as tx:
            await lock_market(tx, "de")
            asked = asyncio.ensure_future(request())
            await somebody_waits(self.db)
            self.clock.advance(waited)
        return await asked


@pytest.fixture
async def shop(db: Database, clock: SetClock, callers: Callers) -> Shop:
    """The shop, and everybody in it."""
    await open_lawful_shop(db)
    ada, bea = await callers(Role.MERCHANDISER), await callers(Role.MERCHANDISER)
    there = Shop(db, clock, price_changes.Desk(db, clock, ada, bea), promoting.Desk(db, clock, ada, bea))
    return await there.open(callers)


STEPS = [
    Shop.schedules_a_change,
    Shop.withdraws_a_change,
    Shop.schedules_a_promotion,
    Shop.withdraws_a_promotion,
    Shop.stops_a_promotion,
    Shop.sets_a_tax_rate,
]


@pytest.mark.parametrize("step", STEPS)
async def test_whoever_waited_for_too_long_is_sent_away_and_nothing_was_done(
    shop: Shop, step: Callable[[Shop], Awaitable[Request]]
) -> None:
    """The twin is the one that waited for half as long: it gets through."""
    request = await step(shop)
    before = await rows(shop.db, TRACES)
    refused = await shop.after_waiting(request, COMMIT_WITHIN)

    assert problem(refused) == (503, "busy")
    assert refused.headers["Retry-After"] == "1"
    assert await rows(shop.db, TRACES) == before
    await every_law_holds(shop.db)


@pytest.mark.parametrize("step", STEPS)
async def test_whoever_waited_less_gets_through(shop: Shop, step: Callable[[Shop], Awaitable[Request]]) -> None:
    request = await step(shop)
    done = await shop.after_waiting(request, COMMIT_WITHIN / 2)  # PostgreSQL's own clock has the other half.

    assert done.is_success, done.text
    await every_law_holds(shop.db)


async def test_a_change_that_begins_later_may_wait_longer(shop: Shop) -> None:
    """What counts is its start: the twin waits until everybody could not hear of it any more."""
    starts = NOON + timedelta(minutes=1)
    change_id, other_id = [
        await shop.prices.approved(item(sku, 9900), starts_at=at(starts)) for sku in ("WATCH", "CHARGER")
    ]
    in_time = await shop.after_waiting(lambda: shop.prices.do(change_id, "schedule"), COMMIT_WITHIN * 10)
    too_late = await shop.after_waiting(
        lambda: shop.prices.do(other_id, "schedule"), starts - HEARD_WITHIN - shop.clock.now()
    )

    assert in_time.status_code == 200
    assert problem(too_late) == (503, "busy")


@pytest.mark.usefixtures("shop")
async def test_what_waiting_took_is_taken_off_what_postgresql_allows(db: Database, clock: SetClock) -> None:
    shown = []
    async with db.transaction() as tx:
        clock.advance(timedelta(seconds=1))
        known = [await commit_within(tx, NOON)]
        shown.append((await tx.execute(text("SHOW transaction_timeout"))).scalar_one())
        clock.advance(timedelta(seconds=1))
        known.append(await commit_within(tx, NOON + timedelta(hours=1)))
        shown.append((await tx.execute(text("SHOW transaction_timeout"))).scalar_one())

    assert shown == ["3s", "3s"], "the first limit counts"
    assert known == [NOON + LEAD] * 2
    assert await rows(db, "SHOW transaction_timeout") == [("0",)]


@pytest.mark.usefixtures("shop")
async def test_however_far_ahead_a_change_begins_the_market_is_not_locked_for_ever(db: Database) -> None:
    async with db.transaction() as tx:
        await done_in_time(tx, NOON + timedelta(days=30), NOON)
        assert await commit_within(tx, NOON) == NOON + LONGEST + HEARD_WITHIN
        assert (await tx.execute(text("SHOW transaction_timeout"))).scalar_one() == "5min"


@pytest.mark.usefixtures("shop")
async def test_postgresql_ends_what_stays_open_too_long(db: Database) -> None:
    """Nobody looks at a clock here but PostgreSQL; it is said to be passing, so whoever asked hears "not now"."""
    with pytest.raises(DBAPIError) as ended:  # noqa: PT012 - where it is ended is not ours to say
        async with db.transaction() as tx:
            await commit_by(tx, NOON + 20 * MS)
            await tx.execute(text("INSERT INTO categories (code, name) VALUES ('late', 'Late')"))
            await tx.execute(text("SELECT pg_sleep(10)"))

    assert is_passing(ended.value)
    assert await rows(db, "SELECT 1 FROM categories WHERE code = 'late'") == []


@pytest.mark.parametrize("own", ["50s", "5min", "1d"])
async def test_a_limit_that_the_database_has_of_its_own_does_not_stand_in_the_way(db: Database, own: str) -> None:
    """PostgreSQL does not look at its timer again because a setting changed: the twin shows it, and is not ended."""
    for limit, ended in ((commit_by, True), (_only_set, False)):
        async with its_own_limit(db, own) as limited:
            assert await is_ended(limited, limit) is ended


async def test_the_shorter_limit_counts(db: Database) -> None:
    async with its_own_limit(db, "1s") as limited, limited.transaction() as tx:
        await commit_by(tx, NOON + COMMIT_WITHIN)
        assert (await tx.execute(text("SHOW transaction_timeout"))).scalar_one() == "1s"


async def _only_set(tx: Session, instant: datetime) -> None:
    limit = {"limit": f"{(instant - NOON) // MS}ms"}
    await tx.execute(text("SELECT set_config('transaction_timeout', :limit, true)"), limit)


async def is_ended(limited: Database, limit: Callable[[Session, datetime], Awaitable[object]]) -> bool:
    """Whether PostgreSQL ends a transaction that has to be over soon and is not."""
    try:
        async with limited.transaction() as tx:
            await tx.execute(text("SELECT 1"))
            await limit(tx, NOON + 50 * MS)
            await tx.execute(text("SELECT pg_sleep(0.3)"))
    except DBAPIError as error:
        return is_passing(error)
    return False


@asynccontextmanager
async def its_own_limit(db: Database, own: str) -> AsyncIterator[Database]:
    """The same database for whoever connects to it while it has a transaction timeout of its own."""
    name = db.engine.url.database
    limited = Database(db.engine.url.render_as_string(hide_password=False), clock=db.clock)
    await plant(db, f"ALTER DATABASE \"{name}\" SET transaction_timeout = '{own}'")
    try:
        assert await rows(limited, "SHOW transaction_timeout") == [(own,)]
        yield limited
    finally:
        await limited.close()
        await plant(db, f'ALTER DATABASE "{name}" RESET transaction_timeout')


@pytest.mark.usefixtures("shop")
async def test_where_postgresql_cannot_end_it_the_last_look_does(
    db: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before PostgreSQL 17, where nobody cuts off."""
    monkeypatch.setattr("commerce.kernel.db.CUTS_OFF_SINCE", 99_00_00)
    await reprice(db, "CASE-BLK", 2500, NOON + LEAD)
    before = await rows(db, TRACES)
    with pytest.raises(Busy):  # noqa: PT012 - it is refused where the transaction ends
        async with db.transaction() as tx:
            assert await publish_book(tx, "de", NOON) == 2
            assert (await tx.execute(text("SHOW transaction_timeout"))).scalar_one() == "0"
            clock.advance(COMMIT_WITHIN)

    assert await rows(db, TRACES) == before


async def test_a_withdrawal_that_waited_does_not_erase_what_is_live(shop: Shop) -> None:
    """The change has begun while the withdrawal waited. It stays in the book, and in the prices."""
    change_id = await shop.prices.scheduled(item("WATCH", 19900))
    refused = await shop.after_waiting(lambda: shop.prices.do(change_id, "withdraw"), LEAD)

    assert problem(refused) == (503, "busy")
    assert await shop.prices.state(change_id) == "live"
    assert problem(await shop.prices.do(change_id, "withdraw")) == (409, "move_not_allowed")
    assert (await shop.prices.series("WATCH"))[-1] == (at(NOON + LEAD), None, 19900)


@pytest.mark.usefixtures("shop")
async def test_what_is_a_fact_may_take_its_time(db: Database, clock: SetClock) -> None:
    await plant(db, "INSERT INTO categories (code, name) VALUES ('new', 'New')")
    async with db.transaction() as tx:
        assert await publish_book(tx, "de", NOON, at_once=True) == 2
        clock.advance(timedelta(hours=1))
        assert (await tx.execute(text("SHOW transaction_timeout"))).scalar_one() == "0"
