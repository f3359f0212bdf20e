"""Stock under a rush. Each race has a twin that does it the obvious way, to show that the race is real."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from commerce.kernel.access import Role
from commerce.kernel.db import Database, Session, is_passing
from commerce.kernel.ids import new_id
from commerce.kernel.laws import broken, check_laws
from inventory.expire_holds import expire_holds
from inventory.laws import LAWS
from inventory.release import release_holds
from inventory.take import HoldWanted, take_holds
from tests.conftest import NOON, Callers, Json
from tests.shop import no_law_is_broken, open_shop, put_stock, rows

BUYERS = 8
SUPPLY = 3
Taker = Callable[[Session, asyncio.Barrier], Awaitable[bool]]


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    await open_shop(db)
    yield
    await no_law_is_broken(db, *LAWS)


async def take_unguarded(tx: Session, everybody: asyncio.Barrier) -> bool:
    """Look, then take: between the two, everybody else has looked as well."""
    free = (await tx.execute(text("SELECT supply - held FROM stock_pools"))).scalar_one()
    await everybody.wait()
    if free < 1:
        return False
    await tx.execute(text("UPDATE stock_pools SET held = held + 1, overdrawn = greatest(0, held + 1 - supply)"))
    hold = "INSERT INTO holds (id, pool_id, reference, units, taken_at) SELECT :id, id, :id, 1, :now FROM stock_pools"
    await tx.execute(text(hold), {"id": new_id("hol"), "now": NOON})
    return True


async def take_guarded(tx: Session, everybody: asyncio.Barrier) -> bool:
    """Everybody stands at the counter, then takes under the law of locking."""
    await everybody.wait()
    wanted = HoldWanted(new_id("hld"), {"WATCH": 1}, ["wh-de"], NOON + timedelta(hours=1))
    [verdict] = await take_holds(tx, [wanted], NOON)
    return isinstance(verdict, dict)


@pytest.mark.parametrize(("taker", "sold"), [(take_unguarded, BUYERS), (take_guarded, SUPPLY)])
async def test_eight_counters_rush_three_units(db: Database, taker: Taker, sold: int) -> None:
    await put_stock(db, "WATCH", "wh-de", SUPPLY)
    everybody = asyncio.Barrier(BUYERS)

    async def buy() -> bool:
        async with db.transaction() as tx:
            return await taker(tx, everybody)

    results = await asyncio.gather(*(buy() for _ in range(BUYERS)))

    assert results.count(True) == sold
    assert await rows(db, "SELECT held, overdrawn FROM stock_pools") == [(sold, sold - SUPPLY if sold > SUPPLY else 0)]
    async with db.transaction() as tx:
        found = broken(await check_laws(tx, LAWS))
        assert [finding.law for finding in found] == (["what_is_missing_was_a_case"] if sold > SUPPLY else [])
        await tx.execute(text("DELETE FROM holds"))  # What the twin did is seen; nobody else need see it.
        await tx.execute(text("UPDATE stock_pools SET held = 0, overdrawn = 0"))


async def test_the_database_itself_refuses_to_promise_a_unit_twice(db: Database) -> None:
    await put_stock(db, "WATCH", "wh-de", SUPPLY)

    with pytest.raises(IntegrityError, match="never_promised_twice"):
        async with db.transaction() as tx:
            await tx.execute(text("UPDATE stock_pools SET held = supply + 1"))


async def test_transfers_in_opposite_directions_all_succeed(db: Database, callers: Callers) -> None:
    operator = await callers(Role.OPERATOR)
    for sku in ("WATCH", "CHARGER"):
        for location in ("berlin", "munich"):
            await put_stock(db, sku, location, 20)

    async def transfer(n: int) -> int:
        way = ("berlin", "munich") if n % 2 else ("munich", "berlin")
        lines = [{"sku": "WATCH", "units": 1}, {"sku": "CHARGER", "units": 2}]
        body: Json = {"from_location": way[0], "to_location": way[1], "lines": lines[:: 1 if n % 3 else -1]}
        return (await operator.post("/v1/stock/transfers", body)).status_code

    assert await asyncio.gather(*(transfer(n) for n in range(20))) == [201] * 20
    assert await rows(db, "SELECT sku, location, supply FROM stock_pools ORDER BY sku, location") == [
        ("CHARGER", "berlin", 20),
        ("CHARGER", "munich", 20),
        ("WATCH", "berlin", 20),
        ("WATCH", "munich", 20),
    ]


async def test_the_twin_that_locks_where_it_goes_deadlocks(db: Database) -> None:
    berlin = await put_stock(db, "WATCH", "berlin", 20)
    munich = await put_stock(db, "WATCH", "munich", 20)
    both = asyncio.Barrier(2)

    async def transfer_unordered(source: str, target: str) -> None:
        async with db.transaction() as tx:
            await tx.execute(text("SELECT 1 FROM stock_pools WHERE id = :id FOR UPDATE"), {"id": source})
            await both.wait()
            await tx.execute(text("SELECT 1 FROM stock_pools WHERE id = :id FOR UPDATE"), {"id": target})

    ends = await asyncio.gather(
        transfer_unordered(berlin, munich), transfer_unordered(munich, berlin), return_exceptions=True
    )

    [dead] = [end for end in ends if isinstance(end, DBAPIError)]
    assert getattr(dead.orig, "sqlstate", None) == "40P01"
    assert is_passing(dead), "whoever is the victim is told to send it again"


async def test_a_hold_is_released_or_expires_but_not_both(db: Database) -> None:
    await put_stock(db, "WATCH", "wh-de", 10)
    await put_stock(db, "CHARGER", "berlin", 10)
    references = [new_id("hld") for _ in range(10)]
    over = NOON + timedelta(hours=1)
    wanted = [HoldWanted(reference, {"WATCH": 1, "CHARGER": 1}, ["wh-de", "berlin"], over) for reference in references]
    async with db.transaction() as tx:
        verdicts = await take_holds(tx, wanted, NOON)
    assert all(isinstance(verdict, dict) for verdict in verdicts)

    async def release(reference: str) -> int:
        async with db.transaction() as tx:
            return len(await release_holds(tx, [reference], over))

    async def expire() -> int:
        async with db.transaction() as tx:
            return 2 * len(await expire_holds(tx, over, most=3))

    ended = await asyncio.gather(*(release(reference) for reference in references), *(expire() for _ in range(4)))

    async with db.transaction() as tx:
        rest = await expire_holds(tx, over)
    assert sum(ended) + 2 * len(rest) == 20
    assert await rows(db, "SELECT sku, held FROM stock_pools ORDER BY sku") == [("CHARGER", 0), ("WATCH", 0)]
    told = "SELECT count(*), count(DISTINCT body->>'reference') FROM outbox_messages"
    expired = "SELECT count(DISTINCT reference) FROM holds WHERE outcome = 'expired'"
    [(news, different)] = await rows(db, told)
    assert [(news,)] == [(different,)] == await rows(db, expired)


async def test_one_release_sent_many_times_at_once_gives_back_once(db: Database, callers: Callers) -> None:
    await put_stock(db, "WATCH", "wh-de", 5)
    web = await callers(Role.STOREFRONT, channel="web-de")
    body: Json = {"channel": "web-de", "lines": [{"sku": "WATCH", "quantity": 2}], "expires_at": "2026-11-02T13:00:00Z"}
    reference = (await web.post("/v1/holds", body)).json()["reference"]
    await web.post("/v1/holds", body)

    answers = await asyncio.gather(*(web.post(f"/v1/holds/{reference}/release") for _ in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    assert await rows(db, "SELECT supply, held FROM stock_pools") == [(5, 2)]


async def test_one_client_made_reference_is_taken_once_under_many_keys(db: Database, callers: Callers) -> None:
    await put_stock(db, "WATCH", "wh-de", 50)
    web = await callers(Role.STOREFRONT, channel="web-de")
    body: Json = {
        "channel": "web-de",
        "lines": [{"sku": "WATCH", "quantity": 2}],
        "expires_at": "2026-11-02T13:00:00Z",
        "reference": new_id("hld", NOON),
    }

    answers = await asyncio.gather(*(web.post("/v1/holds", body) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert await rows(db, "SELECT held FROM stock_pools") == [(2,)]


async def test_first_receipts_of_one_sku_at_once_make_one_pool(db: Database, callers: Callers) -> None:
    operator = await callers(Role.OPERATOR)
    lines = [{"sku": "WATCH", "units": 1}, {"sku": "CHARGER", "units": 1}, {"sku": "CASE-BLK", "units": 1}]

    async def receive(n: int) -> int:
        body: Json = {"location": "wh-de", "lines": lines[:: 1 if n % 2 else -1]}
        return (await operator.post("/v1/stock/receipts", body)).status_code

    assert await asyncio.gather(*(receive(n) for n in range(10))) == [201] * 10
    assert await rows(db, "SELECT sku, supply FROM stock_pools ORDER BY sku") == [
        ("CASE-BLK", 10),
        ("CHARGER", 10),
        ("WATCH", 10),
    ]


async def test_shuffled_baskets_neither_deadlock_nor_take_too_much(db: Database, callers: Callers) -> None:
    web = await callers(Role.STOREFRONT, channel="web-de")
    for sku in ("WATCH", "CHARGER", "CASE-BLK"):
        await put_stock(db, sku, "wh-de", 10)
    lines = [{"sku": sku, "quantity": 1} for sku in ("WATCH", "CHARGER", "CASE-BLK", "WATCH")]

    async def hold(n: int) -> int:
        shuffled = lines[n % 4 :] + lines[: n % 4]
        body: Json = {"channel": "web-de", "lines": shuffled, "expires_at": "2026-11-02T13:00:00Z"}
        return (await web.post("/v1/holds", body)).status_code

    answers = await asyncio.gather(*(hold(n) for n in range(20)))

    assert sorted(answers) == [201] * 5 + [409] * 15
    assert await rows(db, "SELECT sku, held FROM stock_pools ORDER BY sku") == [
        ("CASE-BLK", 5),
        ("CHARGER", 5),
        ("WATCH", 10),
    ]
