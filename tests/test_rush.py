"""The launch-day rush, over HTTP and two processes. Each race has a twin that shows that the race is real."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.db import Database
from commerce.kernel.laws import broken, check_laws
from commerce.lawbook import LAWS
from tests.benchmarks.rush import (
    Taker,
    cross_baskets,
    deadlocks,
    rush,
    take_guarded,
    take_unguarded,
    unguarded_rush,
)
from tests.conftest import own_database
from tests.processes import Apis, api_processes
from tests.shop import put_stock, rows
from tests.stories import every_law_holds, open_lawful_shop


@pytest.fixture(scope="module")
async def apis(server: EmbeddedPostgres, template: str) -> AsyncIterator[Apis]:
    """Two API processes over one database."""
    async with own_database(server, template, "rush") as url, api_processes(url) as serving:
        yield serving


async def test_a_rush_sells_exactly_what_is_there(apis: Apis) -> None:
    await rush(apis, buyers=10_000, at_once=1_000, units=500)

    await every_law_holds(apis.db)


@pytest.mark.parametrize(
    ("take", "sold", "offended"),
    [(take_guarded, 2, []), (take_unguarded, 4, ["held_is_the_sum_of_live_holds"])],
    ids=["ours", "the unguarded twin"],
)
async def test_four_shops_rush_two_units(url: str, take: Taker, sold: int, offended: list[str]) -> None:
    assert await unguarded_rush(url, shops=4, units=2, take=take) == sold

    db = Database(url, pool_size=1)
    async with db.snapshot() as tx:
        assert [finding.law for finding in broken(await check_laws(tx, LAWS))] == offended
    await db.close()


async def test_shuffled_baskets_neither_deadlock_nor_take_too_much(apis: Apis, server: EmbeddedPostgres) -> None:
    before = deadlocks(server)

    await cross_baskets(apis, baskets=400, at_once=100, units=120)

    assert deadlocks(server) == before
    await every_law_holds(apis.db)


async def test_the_twin_that_locks_as_the_basket_lists_them_deadlocks(db: Database, server: EmbeddedPostgres) -> None:
    await open_lawful_shop(db)
    phones, cases = await put_stock(db, "PHONE-BLK", "wh-de", 9), await put_stock(db, "CASE-BLK", "wh-de", 9)
    before, everybody = deadlocks(server), asyncio.Barrier(2)

    async def take_as_listed(*pools: str) -> None:
        async with db.transaction() as tx:
            for pool in pools:
                await tx.execute(text("UPDATE stock_pools SET held = held + 1 WHERE id = :id"), {"id": pool})
                if pool == pools[0]:
                    await everybody.wait()

    ends = await asyncio.gather(take_as_listed(phones, cases), take_as_listed(cases, phones), return_exceptions=True)

    [dead] = [end for end in ends if isinstance(end, DBAPIError)]
    assert getattr(dead.orig, "sqlstate", None) == "40P01"
    assert deadlocks(server) == before + 1
    assert await rows(db, "SELECT held FROM stock_pools ORDER BY sku") == [(1,), (1,)]
