"""Looking orders up: by buyer, store, state and number, page by page, and one person across channels."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.pages import encode_cursor
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import put_stock, rows
from tests.stories import cash, eur, every_law_holds, open_store, order, plant, sale


@pytest.fixture(autouse=True)
async def shop(db: Database) -> AsyncIterator[None]:
    """The store in Berlin and a warehouse with chargers; whatever happens, every law holds."""
    await open_store(db)
    await put_stock(db, "CHARGER", "wh-de", 20)
    yield
    await every_law_holds(db)


async def placed(web: Api, **more: object) -> Json:
    """An order of one charger."""
    answer = await web.post("/v1/orders", order(("CHARGER", 1), total=3900, **more))
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


async def sold(till: Api, **more: object) -> Json:
    """A sale of one case in Berlin."""
    answer = await till.post("/v1/till-sales", sale(("CASE-BLK", 1), total=2900, tenders=[cash(2900)], **more))
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


async def ids(caller: Api, **wanted: Any) -> list[str]:  # noqa: ANN401 - query parameters are of any kind
    """The ids of the orders in a list."""
    answer = await caller.get("/v1/orders", **wanted)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["items"]]


async def test_a_buyer_is_one_person_on_the_web_and_in_the_store(
    web: Api, till: Api, operator: Api, db: Database, clock: SetClock
) -> None:
    online = await placed(web, buyer={"email": "Mara@Example.com", "phone": "030 23125051", "country": "DE"})
    clock.advance(timedelta(days=1))
    store = await sold(till, buyer={"email": "mara@example.com", "phone": "030 23125052", "country": "DE"})
    clock.advance(timedelta(days=1))
    by_phone = await sold(till, buyer={"phone": "+49 (30) 2312-5051"})
    guest = await placed(web)
    somebody = await placed(web, buyer={"email": "jo@example.com"})

    assert online["customer"] == store["customer"] == by_phone["customer"]
    assert guest["customer"] is None
    assert somebody["customer"] not in {None, online["customer"]}
    assert await ids(operator, customer=online["customer"]) == [by_phone["id"], store["id"], online["id"]]
    shown = (await operator.get(f"/v1/customers/{online['customer']}")).json()
    assert shown["identities"] == [
        {"kind": "email", "value": "mara@example.com"},
        {"kind": "phone", "value": "+493023125051"},
    ]
    assert await rows(db, "SELECT count(*) FROM customers") == [(2,)]


async def test_the_strongest_identity_finds_the_person(web: Api, till: Api) -> None:
    by_account = await placed(web, buyer={"account": "acc-1", "email": "one@example.com"})
    other = await placed(web, buyer={"loyalty": "LOY-1", "email": "two@example.com"})

    both = await sold(till, buyer={"account": "acc-1", "loyalty": "LOY-1"})
    by_mail = await sold(till, buyer={"email": "two@example.com"})

    assert both["customer"] == by_account["customer"]
    assert by_mail["customer"] == other["customer"], "nobody was merged: only a person may say that two are one"


async def test_orders_are_listed_by_what_is_known_of_them(web: Api, till: Api, operator: Api, clock: SetClock) -> None:
    shipped = await placed(web)
    clock.advance(timedelta(seconds=1))
    store = await sold(till)
    clock.advance(timedelta(seconds=1))
    await put_back(operator)
    collected = await placed(web, fulfilment="collect", collect_at="berlin")
    await web.post(f"/v1/orders/{shipped['id']}/cancel", {"reason": "test"})

    assert await ids(operator) == [collected["id"], store["id"], shipped["id"]], "newest first"
    assert await ids(operator, channel="web-de") == [collected["id"], shipped["id"]]
    assert await ids(operator, location="berlin") == [collected["id"], store["id"]]
    assert await ids(operator, state="cancelled") == [shipped["id"]]
    assert await ids(operator, number=store["order_number"]) == [store["id"]]
    assert await ids(operator, number="nothing") == []
    assert (await operator.get("/v1/orders", number=store["order_number"])).json()["items"] == [
        {
            "id": store["id"],
            "order_number": store["order_number"],
            "channel": "retail-de",
            "location": "berlin",
            "state": "completed",
            "placed_at": "2026-11-02T12:00:01Z",
            "total": eur(2900),
        }
    ]


async def put_back(operator: Api) -> None:
    """A charger for the store."""
    transfer = {"from_location": "wh-de", "to_location": "berlin", "lines": [{"sku": "CHARGER", "units": 1}]}
    assert (await operator.post("/v1/stock/transfers", transfer)).status_code == 201


async def test_a_long_list_is_read_page_by_page(web: Api, operator: Api, clock: SetClock) -> None:
    expected = []
    for n in range(7):
        expected.append((await placed(web))["id"])
        clock.advance(timedelta(milliseconds=n % 2))
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    pages = 0
    while True:
        page = (await operator.get("/v1/orders", limit=3, **cursor)).json()
        seen += [row["id"] for row in page["items"]]
        pages += 1
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert pages == 3
    assert len(seen) == 7
    assert sorted(seen) == sorted(expected), "each once, though several were placed in one instant"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"channel": "x" * 101}, "channel"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": encode_cursor("ord_1")}, "cursor"),
        ({"cursor": encode_cursor("yesterday", "1")}, "cursor"),
        ({"cursor": encode_cursor("0001-01-01T00:00:00+14:00", "1")}, "cursor"),
    ],
)
async def test_a_list_is_asked_for_in_known_words(operator: Api, wanted: dict[str, Any], field: str) -> None:
    answer = await operator.get("/v1/orders", **wanted)

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"] == field


async def test_a_till_lists_the_orders_of_its_own_store(web: Api, till: Api, callers: Callers) -> None:
    store = await sold(till)
    await placed(web)
    munich = await callers(Role.TERMINAL, channel="retail-de", location="munich")
    storeless = await callers(Role.TERMINAL, channel="retail-de")

    assert await ids(till) == await ids(till, location="berlin") == [store["id"]]
    assert await ids(munich) == []
    assert problem(await till.get("/v1/orders", location="munich")) == (403, "wrong_location")
    assert problem(await storeless.get("/v1/orders")) == (403, "wrong_location")


async def test_a_till_lists_and_shows_what_waits_in_its_store(web: Api, till: Api, callers: Callers) -> None:
    munich = await callers(Role.TERMINAL, channel="retail-de", location="munich")
    collected = await placed_in_berlin(web)
    path = f"/v1/orders/{collected['id']}"

    assert (await till.get(path)).json()["waiting"] == [{"location": "berlin", "sku": "WATCH", "units": 2}]
    assert await ids(till) == [collected["id"]]
    assert await ids(munich) == []
    assert problem(await munich.get(path)) == (404, "not_found")


async def placed_in_berlin(web: Api) -> Json:
    """An order of two watches, to be collected in Berlin."""
    body = order(("WATCH", 2), total=49800, fulfilment="collect", collect_at="berlin")
    answer = await web.post("/v1/orders", body)
    assert answer.status_code == 201, answer.text
    placed: Json = answer.json()
    return placed


async def test_a_till_sees_goods_that_are_shipped_from_its_store(
    web: Api, till: Api, callers: Callers, db: Database
) -> None:
    """Without warehouses, stores ship; until it has shipped, nothing else ties the order to the store."""
    await plant(db, "UPDATE locations SET closed_on = '2026-01-01' WHERE kind = 'warehouse'")
    munich = await callers(Role.TERMINAL, channel="retail-de", location="munich")
    answer = await web.post("/v1/orders", order(("WATCH", 2), total=49800))
    assert answer.status_code == 201, answer.text
    path = f"/v1/orders/{answer.json()['id']}"

    seen = [(await till.get(path)).json()]
    assert await ids(till) == [answer.json()["id"]]
    shipped = await till.post(f"{path}/ship", {"location": "berlin"})
    seen.append((await till.get(path)).json())

    assert shipped.status_code == 200, shipped.text
    assert [one["waiting"] for one in seen] == [[{"location": "berlin", "sku": "WATCH", "units": 2}], []]
    assert await ids(till) == []
    assert problem(await munich.get(path)) == (404, "not_found")


async def test_a_storefront_looks_up_an_order_of_its_channel_by_number(web: Api, till: Api, callers: Callers) -> None:
    mine, store = await placed(web), await sold(till)
    us = await callers(Role.STOREFRONT, channel="web-us")

    assert await ids(web, number=mine["order_number"]) == [mine["id"]]
    assert await ids(web, number=mine["order_number"], channel="web-de") == [mine["id"]]
    assert await ids(web, number=store["order_number"]) == []
    assert await ids(us, number=mine["order_number"]) == []
    assert problem(await us.get("/v1/orders", number=mine["order_number"], channel="web-de")) == (403, "wrong_channel")
    unnamed = await web.get("/v1/orders")
    assert problem(unnamed) == (400, "invalid_input")
    assert unnamed.json()["errors"][0]["field"] == "number"


async def test_an_order_is_shown_to_its_channel_and_to_staff(
    web: Api, till: Api, operator: Api, callers: Callers
) -> None:
    path = f"/v1/orders/{(await placed(web))['id']}"
    us = await callers(Role.STOREFRONT, channel="web-us")

    assert [(await caller.get(path)).status_code for caller in (web, operator)] == [200, 200]
    assert problem(await till.get(path)) == (404, "not_found"), "it has nothing to do with the store"
    assert problem(await us.get(path)) == (403, "wrong_channel")
    assert problem(await (await callers(Role.ANALYST)).get(path)) == (403, "wrong_role")
    assert problem(await web.get(f"/v1/orders/{new_id('ord', NOON)}")) == (404, "not_found")
    assert problem(await web.get("/v1/orders/ord_1")) == (400, "invalid_input")
