"""Orders that are decided together: who wants what they have had already hears it, and nobody else pays for that."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import pytest

from commerce.kernel.access import Principal, Role
from commerce.kernel.clock import SetClock
from commerce.kernel.committer import GroupCommitter
from commerce.kernel.db import Database, Session
from commerce.kernel.idempotency import Answer, Call, Replay
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import Refusal
from orders.place import PlaceOrder, place_orders
from orders.schemas import PlaceOrderBody, TillSaleBody
from orders.sell import BookSale, book_sales
from pricing.books.current import CurrentBooks
from tests.conftest import Callers, Json
from tests.people import somebody_waits
from tests.promoting import Desk, open_desk
from tests.shop import put_stock
from tests.statements import statements
from tests.stories import cash, every_law_holds, order, sale

HALF: Json = {"kind": "percent", "share": 5000}
ONCE: Json = {"limits": {"per_person": 1}}
TWICE: Json = {"limits": {"per_person": 2}}
FIRST: Json = {"conditions": {"first_purchase": True}}
LIMITS = [ONCE, FIRST]
WEB = Principal("sfk_1", Role.STOREFRONT, "web", "web-de")
TILL = Principal("tmk_1", Role.TERMINAL, "till", "retail-de", "berlin")
SIXTY = [f"p{n}" for n in range(60)]

Verdict = Answer | Refusal | Replay
Work = Callable[[Session, Sequence[Any], datetime], Awaitable[Sequence[Verdict]]]


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> AsyncIterator[Desk]:
    """Plenty on stock, in the warehouse and in the store."""
    made = await open_desk(db, clock, callers)
    for place in ("wh-de", "berlin"):
        for sku in ("CASE-BLK", "CHARGER"):
            await put_stock(db, sku, place, 1000)
    yield made
    await every_law_holds(db)


class Place:
    """Where cases are bought at half their price: in the web or at a till."""

    def __init__(self, where: str) -> None:
        self._at_till = where == "till"
        work: Any = book_sales if self._at_till else place_orders
        self.work: Work = partial(work, CurrentBooks())

    def wish(self, who: str, sku: str = "CASE-BLK", total: int = 1450) -> PlaceOrder | BookSale:
        """What somebody sends."""
        more: Json = {"total": total, "buyer": {"email": f"{who}@example.com"}}
        if self._at_till:
            body = sale((sku, 1), tenders=[cash(total)], **more)
            return BookSale(Call(TILL, "POST /v1/till-sales", new_id("key")), msgspec.convert(body, TillSaleBody))
        body = order((sku, 1), **more)
        return PlaceOrder(Call(WEB, "POST /v1/orders", new_id("key")), msgspec.convert(body, PlaceOrderBody))


@pytest.fixture(params=["web", "till"])
def place(request: pytest.FixtureRequest) -> Place:
    return Place(request.param)


class Process:
    """Decides together what is sent to it at once, and notes how many it tries to decide in each transaction."""

    def __init__(self, db: Database, place: Place) -> None:
        self._db, self._place = db, place
        self.groups: list[int] = []
        self.committer: GroupCommitter[Any, Any] = GroupCommitter("stories", db, self._work)

    async def _work(self, tx: Session, wishes: Sequence[Any], now: datetime) -> Sequence[Verdict]:
        self.groups.append(len(wishes))
        return await self._place.work(tx, wishes, now)

    async def decide(self, people: Sequence[str]) -> list[int]:
        """What these people hear, who all buy a case at once, in their order."""
        return await self.answer([self._place.wish(who) for who in people])

    async def answer(self, wishes: Sequence[PlaceOrder | BookSale]) -> list[int]:
        """What is answered to wishes that come at once, in their order."""
        self.groups.clear()
        told = await asyncio.gather(*map(self.committer.submit, wishes), return_exceptions=True)
        return [one.status if isinstance(one, Answer | Refusal) else 500 for one in told]


@asynccontextmanager
async def running(db: Database, place: Place) -> AsyncIterator[Process]:
    """A process, while the block runs; it has the book ready."""
    process = Process(db, place)
    process.committer.start()
    try:
        assert await process.decide(["somebody"]) == [201]
        yield process
    finally:
        await process.committer.stop()


def once_each(people: Sequence[str], uses: int = 1) -> list[int]:
    """What people hear of whom each may buy so often: those who came first have it."""
    return [201 if list(people[:n]).count(who) < uses else 409 for n, who in enumerate(people)]


@pytest.mark.parametrize("wanted", LIMITS)
async def test_one_who_buys_twice_at_once_costs_one_more_try(desk: Desk, place: Place, wanted: Json) -> None:
    await desk.live(HALF, **wanted)
    async with running(desk.db, place) as process:
        with statements(desk.db) as plain:
            assert await process.decide(SIXTY) == [201] * 60
        for run, again in enumerate((["p5"], ["p5", "p17", "p17", "p5", "p59"])):
            people = [f"{who}-{run}" for who in SIXTY + again]
            with statements(desk.db) as sent:
                assert await process.decide(people) == once_each(people), "the earlier one has it"

            assert process.groups == [60 + len(again), 60, len(again)]
            assert len(sent) <= 2.75 * len(plain), "each by itself they would be hundreds"


async def test_who_may_buy_twice_and_wants_more_has_the_first_two(desk: Desk, place: Place) -> None:
    await desk.live(HALF, **TWICE)
    people = [*SIXTY, "p3", "p3", "p4", "p3", "p4", "p5"]

    async with running(desk.db, place) as process:
        assert await process.decide(people) == once_each(people, 2)
        assert process.groups == [66, 63, 3]
        assert await process.decide(["p5", "p6", "p7", "p6"]) == [409, 201, 201, 409]


@pytest.mark.parametrize("wanted", LIMITS)
async def test_all_want_what_one_of_them_gets(desk: Desk, place: Place, wanted: Json) -> None:
    await desk.live(HALF, **wanted)
    async with running(desk.db, place) as process:
        assert await process.decide(["p"] * 20) == [201] + [409] * 19
        assert process.groups == [20, 1, 19]


async def test_the_same_wish_sent_twice_waits_with_itself(desk: Desk, place: Place) -> None:
    await desk.live(HALF, **ONCE)
    again = place.wish("p")

    async with running(desk.db, place) as process:
        assert await process.answer([place.wish("p"), again, place.wish("q"), again]) == [201, 409, 201, 409]
        assert process.groups == [4, 2, 2]


async def test_what_comes_after_it_takes_nobodys_first_purchase_away(desk: Desk, place: Place) -> None:
    await desk.live(HALF, conditions={"first_purchase": True, "items": {"skus": ["CASE-BLK"]}})

    async with running(desk.db, place) as process:
        case, charger = place.wish("p"), place.wish("p", "CHARGER", 3900)
        assert await process.answer([case, charger]) == [201, 201]
        assert process.groups == [2]
        charger, case = place.wish("q", "CHARGER", 3900), place.wish("q")
        assert await process.answer([charger, case]) == [201, 409]
        assert process.groups == [2, 1, 1]


@pytest.mark.parametrize("wanted", LIMITS)
async def test_who_was_quicker_in_another_process_parts_nobody_else(desk: Desk, place: Place, wanted: Json) -> None:
    """Two of the group bought elsewhere since it looked, where they had looked as well: one of them twice here."""
    await desk.live(HALF, **wanted)
    async with running(desk.db, place) as process:
        async with desk.db.transaction() as elsewhere:
            won = await place.work(elsewhere, [place.wish("p7"), place.wish("p30")], desk.clock.now())
            deciding = asyncio.create_task(process.decide([*SIXTY, "p7"]))
            await somebody_waits(desk.db)
        told = await deciding

    assert all(isinstance(verdict, Answer) for verdict in won)
    assert told == [409 if who in {"p7", "p30"} else 201 for who in [*SIXTY, "p7"]]
    assert process.groups == [61, 58, 3]


@pytest.mark.parametrize("wanted", LIMITS)
async def test_a_group_that_lost_all_it_wanted_is_told_so(desk: Desk, place: Place, wanted: Json) -> None:
    await desk.live(HALF, **wanted)
    async with running(desk.db, place) as process:
        async with desk.db.transaction() as elsewhere:
            await place.work(elsewhere, [place.wish(who) for who in SIXTY], desk.clock.now())
            deciding = asyncio.create_task(process.decide(SIXTY))
            await somebody_waits(desk.db)
        assert await deciding == [409] * 60
    assert process.groups == [60, 1, 59]
