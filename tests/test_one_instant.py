"""A promotion starts everywhere at one instant: in every process of the API, and in an engine without a network."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import httpx
import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.quote import micros
from pricing.books import lead
from pricing.books.canonical import read
from pricing.rules import prepare, quote
from tests.books import basket as offline_basket
from tests.conftest import Api, Callers, application_on
from tests.promoting import Desk, open_desk, said
from tests.shop import rows
from tests.statements import statements
from tests.stories import eur, lines

PROCESSES = 8
CASES = {"items": {"categories": ["cases"]}}
WANTED = (("CASE-BLK", 3), ("CHARGER", 1), ("PHONE-BLK", 1))
BODY = {"channel": "web-de", "lines": lines(*WANTED)}


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers."""
    return await open_desk(db, clock, callers)


@pytest.fixture
async def processes(desk: Desk, url: str, callers: Callers) -> AsyncIterator[list[tuple[Api, SetClock]]]:
    """As many API processes on one database, each with connections, memory and a clock of its own."""
    key = (await callers(Role.STOREFRONT, channel="web-de")).key
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(PROCESSES):
            clock = SetClock(desk.clock.now())
            application = await stack.enter_async_context(application_on(Database(url, clock=clock, pool_size=2)))
            transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]  # Litestar types its scope
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
            made.append((Api(client, key), clock))
        yield made


async def asked(process: Api) -> int:
    """What the basket costs, as a process answers it."""
    return int(said(await process.post("/v1/quotes", BODY))["total"]["amount"])


async def yesterdays_book(db: Database) -> bytes:
    """The bytes of the newest German book, as a till fetched it."""
    [(body,)] = await rows(db, "SELECT body FROM price_books WHERE market = 'de' ORDER BY number DESC LIMIT 1")
    return bytes(body)


async def test_eight_processes_and_an_offline_engine_switch_at_one_instant(
    desk: Desk, processes: list[tuple[Api, SetClock]]
) -> None:
    start = desk.clock.now() + timedelta(hours=22)
    await desk.scheduled({"kind": "percent", "share": 3333}, conditions=CASES, starts_at=start.isoformat(), lane=1)
    await desk.scheduled({"kind": "amount", "amount": 1001, "on": "order"}, starts_at=start.isoformat(), lane=2)
    till = prepare(read(await yesterdays_book(desk.db)))
    offsets = [timedelta(microseconds=n) for n in (-5_000_000, -1_000_000, -999, -1, 0, 1, 999, 5_000_000)]

    online, offline = [], []
    for (process, clock), offset in zip(processes, offsets, strict=True):
        clock.set(start - timedelta(seconds=1))
        await asked(process)  # It remembers this answer.
        clock.set(start + offset)
        online.append(await asked(process))
        offline.append(quote(till, offline_basket(*WANTED), micros(start + offset)).total)

    assert online == offline == [92500] * 4 + [88599] * 4


@pytest.mark.parametrize(("lease", "stale"), [(lead.LEASE, 0), (timedelta(minutes=1), PROCESSES)])
async def test_nobody_quotes_from_a_stale_book_once_a_change_is_live(
    desk: Desk,
    processes: list[tuple[Api, SetClock]],
    monkeypatch: pytest.MonkeyPatch,
    lease: timedelta,
    stale: int,
) -> None:
    """Every process has just answered when a change is scheduled for as soon as it may be.

    With a lease longer than the lead all of them go on with what they remember: the lease is what keeps them from it.
    """
    monkeypatch.setattr("orders.quote_desk.LEASE", lease)
    before = [await asked(process) for process, _ in processes]

    await desk.scheduled({"kind": "percent", "share": 5000}, conditions=CASES)
    after = []
    for process, clock in processes:
        clock.advance(lead.LEAD)
        after.append(await asked(process))

    assert before == [92500] * PROCESSES
    assert after.count(92500) == stale
    assert set(after) <= {92500, 88150}


async def test_what_units_cost_begins_everywhere_at_one_instant(
    desk: Desk, processes: list[tuple[Api, SetClock]]
) -> None:
    """A promotion must not go below it. Some have just answered, some look it up, and one has no network."""
    await desk.live({"kind": "percent", "share": 5000}, conditions=CASES, floor={"cost": True})
    for _, clock in processes:
        clock.set(desk.clock.now())
    remember, look_up = processes[:4], processes[4:]
    before = [await asked(process) for process, _ in remember]
    cost = {"market": "de", "costs": [{"sku": "CASE-BLK", "cost": eur(2100)}]}  # 24.99 with tax
    told = said(await desk.ada.send("PUT", "/v1/costs", cost))
    begins = datetime.fromisoformat(told["costs"][0]["valid_from"])
    till = prepare(read(await yesterdays_book(desk.db)))

    charged = {}
    for instant in (desk.clock.now(), begins - timedelta(microseconds=1), begins):
        charged[instant] = {quote(till, offline_basket(*WANTED), micros(instant)).total}
        for process, clock in (*remember, *look_up):
            clock.set(instant)
            charged[instant].add(await asked(process))

    assert before == [88150] * 4
    assert list(charged.values()) == [{88150}, {88150}, {91297}]
    [start] = said(await desk.ada.get("/v1/readiness"))["starts"]
    assert datetime.fromisoformat(start["starts_at"]) == begins


async def test_a_promotion_brings_along_what_units_cost(desk: Desk, clock: SetClock) -> None:
    """Nothing is charged by costs before it runs, so they may have been in force for long."""
    cost = {"market": "de", "costs": [{"sku": "CASE-BLK", "cost": eur(2100)}]}  # 24.99 with tax
    said(await desk.ada.send("PUT", "/v1/costs", cost))
    clock.advance(timedelta(days=1))
    without = read(await yesterdays_book(desk.db))
    await desk.scheduled({"kind": "percent", "share": 5000}, conditions=CASES, floor={"cost": True})
    till = prepare(read(await yesterdays_book(desk.db)))

    assert all(item.costs == [] for item in without.items)
    starts = micros(clock.now() + lead.LEAD)
    assert [quote(till, offline_basket(("CASE-BLK", 1)), at).total for at in (starts - 1, starts)] == [2900, 2499]


async def test_what_was_just_asked_costs_no_statement(desk: Desk, clock: SetClock, callers: Callers) -> None:
    web = await callers(Role.STOREFRONT, channel="web-de")
    first = said(await web.post("/v1/quotes", BODY))
    clock.advance(timedelta(seconds=0.5))

    with statements(desk.db) as sent:
        again = said(await web.post("/v1/quotes", BODY))
    clock.advance(timedelta(seconds=1.5))
    with statements(desk.db) as later:
        said(await web.post("/v1/quotes", BODY))

    assert sent == []
    assert len([one for one in later if one.lstrip().startswith("SELECT") and "api_keys" not in one]) == 2
    assert datetime.fromisoformat(again["quoted_at"]) - datetime.fromisoformat(first["quoted_at"]) == timedelta(
        seconds=0.5
    )
    assert {**again, "quoted_at": first["quoted_at"]} == first
