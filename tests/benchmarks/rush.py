"""What must hold on launch day, in its long form: the rush, baskets that cross, and parts that are killed under load.

The stories' short forms are in tests/test_rush.py and tests/test_crash.py; they call the very functions below.
"""

import asyncio
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

import httpx
import msgspec
from litestar import Litestar
from sqlalchemy import text

from commerce.app import build_app
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.access import Role
from commerce.kernel.db import Database, Session
from commerce.kernel.ids import new_id
from commerce.kernel.logs import set_up_logs
from inventory.errors import NotEnoughStock
from inventory.locking import Place, read_places
from inventory.take import HoldWanted, Sourced, take_holds
from tests.benchmarks.load import post
from tests.benchmarks.shop import migrate
from tests.conftest import own_database, started
from tests.processes import (
    Answer,
    Apis,
    Buyer,
    api_processes,
    crowd,
    is_passing,
    issue_keys,
)
from tests.shop import PRICES, put_stock, rows
from tests.stories import every_law_holds, open_lawful_shop

SKUS = ("PHONE-BLK", "PHONE-WHT", "CASE-BLK", "CHARGER", "WATCH")

Say = Callable[[str], None]
Taker = Callable[
    [asyncio.Barrier, Session, Sequence[HoldWanted], datetime, Mapping[Place, int]],
    Awaitable[list[Sourced | NotEnoughStock]],
]


def run(say: Say) -> dict[str, object]:
    """The long forms, one after the other; whatever does not hold raises AssertionError."""
    set_up_logs("pretty", logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "data")
        postgres.start()
        try:
            migrate(postgres.url)
            return asyncio.run(_all(postgres, say))
        finally:
            postgres.stop()


async def _all(postgres: EmbeddedPostgres, say: Say) -> dict[str, object]:
    say("the twin that looks, then takes")
    async with own_database(postgres, "commerce", "twin") as url:
        oversold = await unguarded_rush(url, shops=16, units=8, take=take_unguarded)
    async with api_processes(postgres.url) as apis:
        say("10,000 buyers rush 500 units")
        rushed = await rush(apis, buyers=10_000, at_once=1_000, units=500)
        say("4,000 baskets cross")
        crossed = await cross_baskets(apis, baskets=4_000, at_once=200, units=900)
        say("200 keys, each fifty times at once")
        repeated = await repeat_orders(apis, keys=200, times=50)
        assert deadlocks(postgres) == 0
        await every_law_holds(apis.db)
    return {
        "rush": rushed,
        "the_twin_sold": f"{oversold} of 8",
        "baskets": crossed,
        "deadlocks": 0,
        "repeated": repeated,
    }


# The rush


async def rush(apis: Apis, *, buyers: int, at_once: int, units: int) -> dict[str, object]:
    """Everybody wants one watch: exactly as many are sold as there are, and everybody else is told so."""
    pool = await put_stock(apis.db, "WATCH", "wh-de", units)
    key, retries, began = apis.keys[Role.STOREFRONT], Counter[str](), time.perf_counter()
    requests = (order(key, f"rush-{n}", [("WATCH", 1)], buyer=f"buyer{n}@example.com") for n in range(buyers))

    answers = await crowd(apis.ports, requests, at_once, retries)

    took_s = time.perf_counter() - began
    outcomes = Counter(answer.code if answer.status != 201 else "sold" for answer in answers)
    assert outcomes == {"sold": units, "not_enough_stock": buyers - units}, outcomes
    assert await rows(apis.db, "SELECT supply, held FROM stock_pools WHERE id = :id", id=pool) == [(units, units)]
    sold = "SELECT count(*), count(DISTINCT customer_id) FROM orders"
    assert await rows(apis.db, sold) == [(units, units)]
    return {"seconds": round(took_s, 1), "answers_per_s": round(buyers / took_s), **outcomes, "asked_again": retries}


def order(key: str, once: str, lines: Sequence[tuple[str, int]], *, buyer: str | None = None) -> bytes:
    """A storefront's order, as bytes."""
    return post("/v1/orders", key, once, _body(lines, buyer))


def _body(lines: Sequence[tuple[str, int]], buyer: str | None) -> bytes:
    total = sum(PRICES[sku]["de"] * quantity for sku, quantity in lines)
    body: dict[str, object] = {
        "channel": "web-de",
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "shown_total": {"amount": total, "currency": "EUR"},
    }
    if buyer:
        body["buyer"] = {"email": buyer}
    return msgspec.json.encode(body)


async def unguarded_rush(url: str, *, shops: int, units: int, take: Taker) -> int:
    """One buyer at each shop, and nobody takes before everybody has come that far; how many units are sold.

    Each shop has its own committer and its own connections, as if it were a process of its own.
    """
    db = Database(url, pool_size=2)
    await open_lawful_shop(db)
    await put_stock(db, "WATCH", "wh-de", units)
    key = (await issue_keys(db))[Role.STOREFRONT]
    everybody = asyncio.Barrier(shops)

    async def take_together(
        tx: Session, wanted: Sequence[HoldWanted], now: datetime, seen: Mapping[Place, int]
    ) -> list[Sourced | NotEnoughStock]:
        return await take(everybody, tx, wanted, now, seen)

    async with AsyncExitStack() as doors:
        doors.enter_context(patch("orders.place.take_holds", take_together))
        counters = [await doors.enter_async_context(_counter(url, key)) for _ in range(shops)]
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(buy(f"twin-{n}") for n, buy in enumerate(counters)))
    await db.close()
    return sum(answer.status_code == 201 for answer in answers)


@asynccontextmanager
async def _counter(url: str, key: str) -> AsyncIterator[Callable[[str], Awaitable[httpx.Response]]]:
    """One shop of its own; gives what places an order for a watch there."""
    db = Database(url, pool_size=2)
    app = build_app(db)
    body = msgspec.json.decode(_body([("WATCH", 1)], None))
    async with started(app), _client(app) as client:

        async def buy(once: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": once}
            return await client.post("/v1/orders", json=body, headers=headers)

        yield buy
    await db.close()


def _client(app: Litestar) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar types its scope
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def take_guarded(
    everybody: asyncio.Barrier, tx: Session, wanted: Sequence[HoldWanted], now: datetime, seen: Mapping[Place, int]
) -> list[Sourced | NotEnoughStock]:
    """Everybody stands at the counter, then takes as we do."""
    await everybody.wait()
    return await take_holds(tx, wanted, now, seen)


async def take_unguarded(
    everybody: asyncio.Barrier, tx: Session, wanted: Sequence[HoldWanted], now: datetime, _: Mapping[Place, int]
) -> list[Sourced | NotEnoughStock]:
    """Look without a lock, then write what was worked out from it: the way of shops that oversell."""
    [want] = wanted
    [(place, pool)] = (await read_places(tx, [(location, "WATCH") for location in want.ranked])).items()
    await everybody.wait()
    if pool.free < want.units["WATCH"]:
        return [NotEnoughStock.of(want.units, {})]
    facts = {"held": pool.held + 1, "pool": pool.id, "id": new_id("hol", now), "order": want.reference, "now": now}
    await tx.execute(text("UPDATE stock_pools SET held = :held WHERE id = :pool"), facts)
    hold = "INSERT INTO holds (id, pool_id, reference, units, taken_at) VALUES (:id, :pool, :order, 1, :now)"
    await tx.execute(text(hold), facts)
    return [{place: 1}]


# Baskets that cross


async def cross_baskets(apis: Apis, *, baskets: int, at_once: int, units: int) -> dict[str, object]:
    """Baskets name the same skus in every order, and some twice: what was sold is held, and not a unit more."""
    pools = {sku: await put_stock(apis.db, sku, "wh-de", units) for sku in SKUS}
    held = "SELECT sku, held, supply FROM stock_pools WHERE id = ANY(CAST(:ids AS text[])) ORDER BY sku"
    before = {sku: was for sku, was, _ in await rows(apis.db, held, ids=list(pools.values()))}
    dice = random.Random(7)  # noqa: S311 - shuffles baskets
    wanted = [[(dice.choice(SKUS), dice.randint(1, 2)) for _ in range(dice.randint(2, 8))] for _ in range(baskets)]
    key, retries = apis.keys[Role.STOREFRONT], Counter[str]()
    requests = (order(key, f"basket-{n}", lines) for n, lines in enumerate(wanted))

    answers = await crowd(apis.ports, requests, at_once, retries)

    refused = Counter(answer.code for answer in answers if answer.status != 201)
    assert refused.keys() == {"not_enough_stock"}, refused
    sold = Counter[str]()
    for answer in answers:
        if answer.status == 201:
            sold += _sold(answer)
    after = await rows(apis.db, held, ids=list(pools.values()))
    assert {sku: now - before[sku] for sku, now, _ in after} == sold
    assert all(now <= supply for _, now, supply in after)
    return {"baskets": baskets, "sold": baskets - refused.total(), "units": sold.total(), "asked_again": retries}


def _sold(answer: Answer) -> Counter[str]:
    units = Counter[str]()
    for line in msgspec.json.decode(answer.body)["lines"]:
        units[line["sku"]] += line["quantity"]
    return units


# One key, many times


async def ask_at_once(apis: Apis, request: bytes, times: int) -> tuple[Answer, int]:
    """Send one request so many times at once over all processes, then again; the one answer that everybody has.

    With it, how many were told that it was under way: they are the ones who hear it at the second asking.
    """
    buyers = [Buyer(apis.ports[n % len(apis.ports)]) for n in range(times)]
    at_once = await asyncio.gather(*(buyer.ask(request) for buyer in buyers))
    turned_away = [answer for answer in at_once if is_passing(answer)]
    again = await asyncio.gather(*(buyer.insist(request) for buyer in buyers))
    for buyer in buyers:
        buyer.close()
    different = {*again, *at_once} - {*turned_away}
    assert len(different) == 1, different
    [answer] = different
    return answer, len(turned_away)


async def repeat_orders(apis: Apis, *, keys: int, times: int) -> dict[str, object]:
    """Each key many times at once: one order for each key."""
    await put_stock(apis.db, "CHARGER", "wh-de", keys)
    count = "SELECT count(*) FROM orders"
    [(before,)] = await rows(apis.db, count)
    turned_away = 0
    for n in range(keys):
        request = order(apis.keys[Role.STOREFRONT], f"again-{n}", [("CHARGER", 1)])
        answer, under_way = await ask_at_once(apis, request, times)
        assert answer.status == 201, answer
        turned_away += under_way
    assert await rows(apis.db, count) == [(before + keys,)]
    return {"keys": keys, "requests": keys * times, "orders": keys, "turned_away_at_first": turned_away}


def deadlocks(postgres: EmbeddedPostgres) -> int:
    """How many deadlocks a server has had to break up, by its own log."""
    return postgres.log.read_bytes().count(b"ERROR:  deadlock detected")
