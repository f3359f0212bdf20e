"""Who cancels and who buys lock what they share in one order, so that neither waits for the other in a circle."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.exc import DBAPIError

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session, is_lost_race
from inventory.release import release_holds
from inventory.take import HoldWanted, take_holds
from orders.cancel import cancel_order
from pricing.promotions.claim import UseClaim, claim_for_persons
from pricing.promotions.give_back import give_back_to_persons, give_back_uses
from pricing.promotions.rules import Why
from tests.conftest import NOON, Api, Callers, Json
from tests.promoting import Desk, open_desk, order_id, said
from tests.shop import put_stock, rows
from tests.stories import every_law_holds, order

MARA: Json = {"buyer": {"email": "mara@example.com"}}

Canceller = Callable[[Session, str, asyncio.Barrier], Awaitable[None]]


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Half off cases, a hundred times for each person."""
    desk = await open_desk(db, clock, callers)
    await put_stock(db, "CASE-BLK", "wh-de", 1000)
    await desk.live({"kind": "percent", "share": 5000}, limits={"per_person": 100})
    return desk


async def cancel_persons_first(tx: Session, order: str, both: asyncio.Barrier) -> None:
    """Give the person's use back before the goods, when somebody else has locked the goods."""
    await give_back_to_persons(tx, await give_back_uses(tx, [order], Why.CANCELLED, NOON))
    await both.wait()
    await release_holds(tx, [order], NOON)


async def cancel_by_the_law(tx: Session, order: str, both: asyncio.Barrier) -> None:
    """Cancel, when somebody else has locked the goods."""
    await both.wait()
    await cancel_order(tx, order, "changed their mind", "op_1", NOON)


@pytest.mark.parametrize(("cancel", "lost"), [(cancel_persons_first, 1), (cancel_by_the_law, 0)])
async def test_a_person_who_cancels_and_buys_at_once_does_both(
    desk: Desk, web: Api, cancel: Canceller, lost: int
) -> None:
    placed = said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450, **MARA)), 201)
    [(promotion, mara)] = await rows(desk.db, "SELECT promotion_id, customer_id FROM promotion_uses")
    both = asyncio.Barrier(2)
    another = order_id()

    async def buy() -> None:
        async with desk.db.transaction() as tx:
            await take_holds(tx, [HoldWanted(another, {"CASE-BLK": 1}, ["wh-de"], None)], NOON)
            await both.wait()
            await claim_for_persons(tx, [(UseClaim(another, promotion), mara)], NOON)

    async def give_up() -> None:
        async with desk.db.transaction() as tx:
            await cancel(tx, placed["id"], both)

    outcomes = await asyncio.gather(buy(), give_up(), return_exceptions=True)

    broken_up = [error for error in outcomes if error is not None]
    assert len(broken_up) == lost
    assert all(isinstance(error, DBAPIError) and is_lost_race(error) for error in broken_up)


async def test_cancelling_and_buying_together_keeps_nobody_waiting(desk: Desk, web: Api, operator: Api) -> None:
    body = order(("CASE-BLK", 1), total=1450, **MARA)
    ids = [said(await web.post("/v1/orders", body), 201)["id"] for _ in range(10)]

    answers = await asyncio.gather(
        *(operator.post(f"/v1/orders/{one}/cancel", {"reason": "changed their mind"}) for one in ids),
        *(web.post("/v1/orders", body) for _ in ids),
    )

    assert [answer.status_code for answer in answers] == [200] * 10 + [201] * 10
    assert await rows(desk.db, "SELECT uses FROM promotion_person_counters") == [(10,)]
    await every_law_holds(desk.db)
