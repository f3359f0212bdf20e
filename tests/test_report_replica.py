"""Reports read a replica where there is one: it knows less than its primary, and says so."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock, SystemClock
from commerce.kernel.db import Database, ReadSession
from tests.attach_asking import ask
from tests.attach_histories import CATEGORIES, VARIANTS
from tests.attach_loading import load, tell
from tests.attach_world import Asked, Channel, History, Line, Market, Sale
from tests.conftest import Api, Callers, Json, application_on, migrate
from tests.replicas import Pair, primary_and_replica

LONG_AGO = datetime(2025, 6, 1, 12, tzinfo=UTC)
ASKED = Asked(anchor=("category:phones",), attach=("category:cases",), basis="orders", as_of=LONG_AGO)


@pytest.fixture
def clock() -> SetClock:
    """What PostgreSQL's own clock says: by it a replica tells how far it is."""
    return SetClock(SystemClock().now())


@pytest.fixture
async def pair(folder: Path) -> AsyncIterator[Pair]:
    """A primary with every table and no row, and its replica."""
    with primary_and_replica(folder) as both:
        await asyncio.to_thread(migrate, both.primary.url)
        yield both


@pytest.fixture
async def db(pair: Pair, clock: SetClock) -> AsyncIterator[Database]:
    """Both of them."""
    database = Database(pair.primary.url, replica_url=pair.replica.url, clock=clock, pool_size=4)
    yield database
    await database.close()


@pytest.fixture
async def analyst(db: Database) -> AsyncIterator[Api]:
    """Somebody who may look at figures."""
    async with application_on(db) as application:
        transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]  # Litestar types its scope
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield await Callers(db, client)(Role.ANALYST)


async def sold_in(tx: ReadSession) -> int:
    """The sales that a session sees."""
    return int((await tx.execute(text("SELECT count(*) FROM report_sales"))).scalar_one())


def phone(number: str, at: datetime) -> Sale:
    """A phone that was sold by itself."""
    return Sale(at=at, recorded_at=at, number=number, channel="web", store=None, customer=None, lines=(Line("P1", 1),))


def told(answer: Json) -> tuple[int, bool]:
    """How many were counted, and whether that stands."""
    return answer["total"]["denominator"], answer["settled"]


async def test_a_report_reads_the_replica_and_says_what_it_may_not_know_yet(
    db: Database, pair: Pair, analyst: Api, clock: SetClock
) -> None:
    market, channel = Market("de", "Europe/Berlin"), Channel("web", "online", "de")
    sold = History((market,), (channel,), (), CATEGORIES, VARIANTS, (phone("1", LONG_AGO),))
    await load(db, sold)
    await pair.catch_up()
    await pair.hold_up()
    now = SystemClock().now()
    async with db.transaction() as tx:
        await tell(tx, replace(sold, sales=(*sold.sales, phone("2", now))), LONG_AGO)
    clock.set(now + timedelta(minutes=5))
    lately = replace(ASKED, as_of=now + timedelta(minutes=3))

    async with db.snapshot() as one, db.beside(one) as other:
        assert other is not None, "two may share a replica's snapshot as well"
        assert await sold_in(other) == await sold_in(one) == 1
    before = await ask(analyst, lately)
    assert told(before) == (1, False), "three minutes ago, but the replica has heard of nothing since"
    assert told(await ask(analyst, ASKED)) == (1, True)

    await pair.go_on()
    believed_at = datetime.fromisoformat(before["believed_at"])
    assert told(await ask(analyst, lately)) == (2, False)
    assert told(await ask(analyst, ASKED)) == (1, True)
    assert told(await ask(analyst, replace(ASKED, believed_at=believed_at))) == (1, True)
    assert told(await ask(analyst, replace(lately, believed_at=believed_at))) == (1, False)
    assert told(await ask(analyst, replace(ASKED, believed_at=clock.now()))) == (1, False)
