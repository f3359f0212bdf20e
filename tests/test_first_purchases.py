"""First purchases: one for each person, however many orders they place at once, in the web and in stores."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from orders.customers.laws import FirstPurchasesAreWrittenDown
from tests.conftest import Api, Callers, Json, problem
from tests.promoting import Desk, open_desk, said
from tests.shop import no_law_is_broken, put_stock, rows
from tests.stories import cash, every_law_holds, lines, order, plant, sale

NEW: Json = {"buyer": {"email": "new@example.com"}}
FIRSTS = "SELECT count(*) FROM first_purchases"


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> AsyncIterator[Desk]:
    """Half off for whoever buys for the first time."""
    desk = await open_desk(db, clock, callers)
    await put_stock(db, "CASE-BLK", "wh-de", 100)
    await put_stock(db, "CASE-BLK", "berlin", 100)
    await desk.live({"kind": "percent", "share": 5000}, conditions={"first_purchase": True})
    yield desk
    await every_law_holds(db)


def at_half(**more: object) -> Json:
    """An order of a case at the price of a first purchase."""
    return order(("CASE-BLK", 1), total=1450, **{**NEW, **more})


async def price(api: Api, buyer: Json, channel: str = "web-de") -> int:
    """What a case costs somebody."""
    body = {"channel": channel, "lines": lines(("CASE-BLK", 1)), **buyer}
    return int(said(await api.post("/v1/quotes", body))["total"]["amount"])


async def test_of_twenty_orders_at_once_in_web_and_store_one_is_the_first(desk: Desk, web: Api, till: Api) -> None:
    async def buy(n: int) -> int:
        if n % 2:
            return (await web.post("/v1/orders", at_half())).status_code
        body = sale(("CASE-BLK", 1), total=1450, tenders=[cash(1450)], **NEW)
        return (await till.post("/v1/till-sales", body)).status_code

    answers = await asyncio.gather(*(buy(n) for n in range(20)))

    assert sorted(answers) == [201] + [409] * 19
    assert await rows(desk.db, FIRSTS) == [(1,)]
    assert await price(web, NEW) == await price(till, NEW, "retail-de") == 2900


async def look_and_write(tx: Session, order_id: str, both: asyncio.Barrier) -> bool:
    """Look whether they bought before, then write: between the two, the other one has looked as well."""
    found = await tx.execute(text("SELECT count(*) FROM first_purchases WHERE customer_id = 'cus_1'"))
    first = not found.scalar_one()
    await both.wait()
    if first:
        await tx.execute(text("INSERT INTO first_purchases VALUES (:id, 'cus_1', true)"), {"id": order_id})
    return first


async def test_the_twin_that_only_looks_gives_it_to_both(desk: Desk, web: Api) -> None:
    ids = [said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900)), 201)["id"] for _ in range(2)]
    await plant(desk.db, "INSERT INTO customers (id, code) VALUES ('cus_1', 'cus_1')")
    both = asyncio.Barrier(2)

    async def buy(order_id: str) -> bool:
        async with desk.db.transaction() as tx:
            return await look_and_write(tx, order_id, both)

    assert await asyncio.gather(*(buy(one) for one in ids)) == [True, True]
    with pytest.raises(AssertionError):
        await no_law_is_broken(desk.db, FirstPurchasesAreWrittenDown)
    await plant(desk.db, "DELETE FROM first_purchases")


async def test_who_cancels_the_first_may_be_the_first_again(desk: Desk, web: Api, operator: Api) -> None:
    for _ in range(2):
        placed = said(await web.post("/v1/orders", at_half()), 201)
        assert await price(web, NEW) == 2900
        said(await operator.post(f"/v1/orders/{placed['id']}/cancel", {"reason": "changed their mind"}))
        assert await price(web, NEW) == 1450

    assert await rows(desk.db, FIRSTS) == [(0,)]


@pytest.mark.usefixtures("desk")
async def test_an_account_has_one_as_well(web: Api) -> None:
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450, buyer={"account": "acc-1"})), 201)
    twice = {"buyer": {"account": "acc-1"}}

    assert await price(web, twice) == 2900
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900, **twice)), 201)
    assert problem(await web.post("/v1/orders", at_half(**twice))) == (409, "stale_total")


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("name", [{"account": "acc-1"}, {"loyalty": "L-1"}, {"phone": "+493023125051"}])
async def test_who_bought_before_under_that_address_is_not_new_by_another_name(web: Api, name: Json) -> None:
    said(await web.post("/v1/orders", at_half()), 201)
    again = {"buyer": {**NEW["buyer"], **name}}

    assert await price(web, again) == 2900
    assert problem(await web.post("/v1/orders", at_half(**again))) == (409, "stale_total")
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900, **again)), 201)
    assert await price(web, {"buyer": {"email": "another@example.com", **name}}) == (1450 if "phone" in name else 2900)


async def test_two_who_are_one_had_two_first_purchases_and_get_no_third(desk: Desk, web: Api, operator: Api) -> None:
    other: Json = {"buyer": {"email": "other@example.com"}}
    one = said(await web.post("/v1/orders", at_half()), 201)
    two = said(await web.post("/v1/orders", at_half(**other)), 201)
    wish = {"into": two["customer"], "reason": "one person"}
    said(await operator.post(f"/v1/customers/{one['customer']}/merge", wish), 201)

    firsts = "SELECT order_id, customer_id, merged FROM first_purchases ORDER BY merged"
    assert await rows(desk.db, firsts) == [(two["id"], two["customer"], False), (one["id"], two["customer"], True)]
    await every_law_holds(desk.db)
    for placed, left in ((two, 2900), (one, 1450)):
        said(await operator.post(f"/v1/orders/{placed['id']}/cancel", {"reason": "changed their mind"}))
        assert [await price(web, buyer) for buyer in (NEW, other)] == [left, left]


@pytest.mark.parametrize(
    "planted",
    [
        "DELETE FROM first_purchases",
        "UPDATE first_purchases SET customer_id = (SELECT id FROM customers WHERE email = 'otto@example.com')",
        "UPDATE orders SET state = 'cancelled' WHERE id IN (SELECT order_id FROM first_purchases)",
    ],
)
async def test_the_law_of_first_purchases_catches_what_is_planted(
    db: Database, clock: SetClock, callers: Callers, web: Api, planted: str
) -> None:
    desk = await open_desk(db, clock, callers)
    await put_stock(db, "CASE-BLK", "wh-de", 100)
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900, buyer={"email": "otto@example.com"})), 201)
    await desk.live({"kind": "percent", "share": 5000}, conditions={"first_purchase": True})
    said(await web.post("/v1/orders", at_half()), 201)
    await every_law_holds(db)

    await plant(db, planted)

    with pytest.raises(AssertionError):
        await no_law_is_broken(db, FirstPurchasesAreWrittenDown)
