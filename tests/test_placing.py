"""Placing orders online: what is held, what is stored, and what is refused without a trace."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from commerce.kernel.access import Principal, Role
from commerce.kernel.bodies import Amount
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.idempotency import Answer, Call, KeyReused
from commerce.kernel.ids import new_id, order_number
from commerce.kernel.refusals import AlreadyExists, Busy
from inventory.tasks import expire_due_holds
from orders.place import PlaceOrder, place_orders
from orders.rules import Delivery
from orders.schemas import LineBody, PlaceOrderBody
from pricing.books.current import CurrentBooks
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import put_stock, reprice, rows
from tests.stories import POOLS, TRACES, eur, every_law_holds, lines, open_lawful_shop, order, plant


@pytest.fixture
async def web(db: Database, callers: Callers) -> AsyncIterator[Api]:
    """The German web shop, with ten black phones and two cases in the warehouse."""
    await open_lawful_shop(db)
    await put_stock(db, "PHONE-BLK", "wh-de", 10)
    await put_stock(db, "CASE-BLK", "wh-de", 2)
    yield await callers(Role.STOREFRONT, channel="web-de")
    await every_law_holds(db)


async def test_a_placed_order_holds_its_goods_and_fixes_its_price(web: Api, db: Database) -> None:
    answer = await web.post("/v1/orders", order(("PHONE-BLK", 2), ("CASE-BLK", 1), total=162700))

    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["state"] == "placed"
    assert body["total"] == {"amount": 162700, "currency": "EUR"}
    assert body["tax_total"] == {"amount": 25514 + 463, "currency": "EUR"}
    assert [line["line_total"] for line in body["lines"]] == [159800, 2900]
    assert await rows(db, "SELECT sku, supply, held FROM stock_pools ORDER BY sku") == [
        ("CASE-BLK", 2, 1),
        ("PHONE-BLK", 10, 2),
    ]
    assert await rows(db, "SELECT what FROM order_timeline") == [("placed",)]
    assert await rows(db, "SELECT kind, amount FROM ledger_entries") == [("charge", 162700)]
    assert await rows(db, "SELECT topic FROM outbox_messages") == [("order_placed",)]


async def test_the_same_key_replays_the_same_bytes(web: Api, db: Database) -> None:
    body = order(("PHONE-BLK", 1), total=79900)
    first = await web.post("/v1/orders", body, once="basket-1")

    second = await web.post("/v1/orders", body, once="basket-1")

    assert (second.status_code, second.content) == (201, first.content)
    assert await rows(db, "SELECT count(*) FROM orders") == [(1,)]


USD = {"amount": 79900, "currency": "USD"}
REFUSED: list[tuple[str, Json, tuple[int, str], str | None]] = [
    ("unknown field", {**order(("PHONE-BLK", 1), total=79900), "gift": True}, (400, "invalid_input"), "gift"),
    ("unknown field in a line", {**order(total=1), "lines": [{"sku": "PHONE-BLK", "quantity": 1, "size": 3}]},
     (400, "invalid_input"), "lines[0].size"),
    ("wrong type", {**order(total=1), "lines": [{"sku": "PHONE-BLK", "quantity": "one"}]},
     (400, "invalid_input"), "lines[0].quantity"),
    ("over-long", order(("P" * 101, 1), total=1), (400, "invalid_input"), "lines[0].sku"),
    ("no lines", order(total=0), (400, "invalid_input"), "lines"),
    ("a string of units", order(("PHONE-BLK", "1"), total=79900), (400, "invalid_input"), "lines[0].quantity"),
    ("a fraction of units", order(("PHONE-BLK", 1.0), total=79900), (400, "invalid_input"), "lines[0].quantity"),
    ("a truth of units", order(("PHONE-BLK", True), total=79900), (400, "invalid_input"), "lines[0].quantity"),
    ("a string of money", {**order(("PHONE-BLK", 1), total=1), "shown_total": {"amount": "79900", "currency": "EUR"}},
     (400, "invalid_input"), "shown_total.amount"),
    ("zero quantity", order(("PHONE-BLK", 0), total=0), (400, "invalid_input"), "lines[0].quantity"),
    ("absurd quantity", order(("PHONE-BLK", 10_001), total=1), (400, "invalid_input"), "lines[0].quantity"),
    ("unknown sku", order(("NOPE", 1), total=1), (422, "unknown_reference"), "lines[0].sku"),
    ("draft", order(("DRAFT-1", 1), total=99900), (422, "not_listed"), "lines[0].sku"),
    ("mixed currency", {**order(("PHONE-BLK", 1), total=0), "shown_total": USD}, (422, "mixed_currency"),
     "shown_total.currency"),
    ("stale total", order(("PHONE-BLK", 1), total=79901), (409, "stale_total"), "shown_total.amount"),
    ("too many", order(("CASE-BLK", 3), total=8700), (409, "not_enough_stock"), None),
    ("too many over two lines", order(("CASE-BLK", 1), ("CASE-BLK", 2), total=8700), (409, "not_enough_stock"), None),
    ("other channel", {**order(("PHONE-BLK", 1), total=79900), "channel": "web-us"}, (403, "wrong_channel"), "channel"),
    ("impossible e-mail", order(("PHONE-BLK", 1), total=79900, buyer={"email": "nobody"}), (400, "invalid_input"),
     "buyer.email"),
    ("no such store", order(("PHONE-BLK", 1), total=79900, fulfilment="collect", collect_at="nyc"),
     (403, "wrong_location"), "collect_at"),
    ("no store to collect in", order(("PHONE-BLK", 1), total=79900, fulfilment="collect"), (400, "invalid_input"),
     "collect_at"),
    ("a warehouse to collect in", order(("PHONE-BLK", 1), total=79900, fulfilment="collect", collect_at="wh-de"),
     (403, "wrong_location"), "collect_at"),
    ("shipped to a store", order(("PHONE-BLK", 1), total=79900, collect_at="berlin"), (400, "invalid_input"),
     "collect_at"),
    ("carried out of a web shop", order(("PHONE-BLK", 1), total=79900, fulfilment="carried"), (400, "invalid_input"),
     "fulfilment"),
    ("an account with a line break", order(("PHONE-BLK", 1), total=79900, buyer={"account": "a\nb"}),
     (400, "invalid_input"), "buyer.account"),
    ("an order as a hold", order(("PHONE-BLK", 1), total=79900, hold=new_id("ord")), (400, "invalid_input"), "hold"),
    ("strange hold", order(("PHONE-BLK", 1), total=79900, hold=new_id("hld")), (409, "hold_mismatch"), "hold"),
    ("strange id", order(("PHONE-BLK", 1), total=79900, id="ord_1"), (400, "invalid_input"), "id"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "refusal", "field"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
async def test_a_refused_order_leaves_no_trace(
    web: Api, db: Database, body: Json, refusal: tuple[int, str], field: str | None
) -> None:
    before = await rows(db, TRACES)

    answer = await web.post("/v1/orders", body)

    assert problem(answer) == refusal, answer.text
    if field:
        assert answer.json()["errors"][0]["field"] == field
    assert await rows(db, TRACES) == before


async def test_a_reused_key_with_another_body_is_refused(web: Api) -> None:
    await web.post("/v1/orders", order(("PHONE-BLK", 1), total=79900), once="basket-1")

    answer = await web.post("/v1/orders", order(("PHONE-BLK", 2), total=159800), once="basket-1")

    assert problem(answer) == (422, "idempotency_key_reused")


async def test_an_order_goes_by_the_id_its_client_made(web: Api, db: Database) -> None:
    mine = new_id("ord", NOON)
    body = order(("PHONE-BLK", 1), total=79900, id=mine)
    first = await web.post("/v1/orders", body, once="basket-1")
    before = await rows(db, TRACES)

    retry = await web.post("/v1/orders", body, once="basket-1")
    other = await web.post("/v1/orders", body, once="basket-2")

    assert (first.json()["id"], first.json()["order_number"]) == (mine, order_number(mine))
    assert retry.content == first.content
    assert problem(other) == (409, "already_exists")
    assert other.json()["errors"][0]["field"] == "id"
    assert await rows(db, TRACES) == before


async def test_two_keys_race_for_one_id_and_one_has_it(web: Api, db: Database) -> None:
    body = order(("PHONE-BLK", 1), total=79900, id=new_id("ord", NOON))

    answers = await asyncio.gather(*(web.post("/v1/orders", body) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert await rows(db, "SELECT count(*) FROM orders") == [(1,)]


async def test_who_follows_a_refused_twin_is_judged_on_their_own(web: Api, db: Database) -> None:
    """Four requests in one group: two with one id, two with one key. The first of each is refused for its total."""
    del web
    caller = Principal("sfk_test", Role.STOREFRONT, "test", "web-de")
    mine = new_id("ord", NOON)

    def wish(key: str, total: int, order_id: str | None = None) -> PlaceOrder:
        body = PlaceOrderBody(channel="web-de", lines=[LineBody(sku="CASE-BLK", quantity=1)],
                              shown_total=Amount(total, "EUR"), fulfilment=Delivery.SHIP, id=order_id)  # fmt: skip
        return PlaceOrder(Call(caller, "POST /v1/orders", key), body)

    group = [wish("a", 1, mine), wish("b", 2900, mine), wish("c", 1), wish("c", 2900)]
    async with db.transaction() as tx:
        _, same_id, _, same_key = await place_orders(CurrentBooks(), tx, group, NOON)
    async with db.transaction() as tx:
        alone = await place_orders(CurrentBooks(), tx, [group[1], group[3]], NOON)
    async with db.transaction() as tx:
        late = await place_orders(CurrentBooks(), tx, [wish("d", 2900, mine), wish("c", 1)], NOON)

    assert (type(same_id), type(same_key)) == (Busy, Busy), "nothing was decided: send it again"
    assert [type(verdict) for verdict in alone] == [Answer, Answer]
    assert [type(verdict) for verdict in late] == [AlreadyExists, KeyReused]


async def test_two_buyers_want_the_last_and_the_first_has_it(web: Api, db: Database) -> None:
    answers = await asyncio.gather(*(web.post("/v1/orders", order(("CASE-BLK", 1), total=2900)) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409]
    assert ("CASE-BLK", "wh-de", 2, 2, 0) in await rows(db, POOLS)


def held(*wanted: tuple[str, int], **more: object) -> Json:
    """A basket to be held for an hour."""
    return {"channel": "web-de", "lines": lines(*wanted), "expires_at": "2026-11-02T13:00:00Z", **more}


async def test_an_order_takes_over_what_its_basket_held(web: Api, db: Database, clock: SetClock) -> None:
    hold = (await web.post("/v1/holds", held(("CASE-BLK", 1), ("CASE-BLK", 1)))).json()["reference"]
    clock.advance(timedelta(minutes=59))
    sold_out = await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900))

    placed = await web.post("/v1/orders", order(("CASE-BLK", 2), total=5800, hold=hold))

    assert problem(sold_out) == (409, "not_enough_stock"), "the basket had them all"
    assert placed.status_code == 201, placed.text
    assert await rows(db, "SELECT reference, owner, units, expires_at, outcome FROM holds") == [
        (placed.json()["id"], None, 2, None, None)
    ]
    assert problem(await web.get(f"/v1/holds/{hold}")) == (404, "not_found"), "it is the order's now"
    assert problem(await web.post(f"/v1/holds/{hold}/release")) == (404, "not_found")
    again = await web.post("/v1/orders", order(("CASE-BLK", 2), total=5800, hold=hold))
    assert problem(again) == (409, "hold_mismatch")

    clock.advance(timedelta(days=1))
    await expire_due_holds(db, clock.now())
    assert ("CASE-BLK", "wh-de", 2, 2, 0) in await rows(db, POOLS)


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        ((("CASE-BLK", 1),), 2900),
        ((("CASE-BLK", 2), ("PHONE-BLK", 1)), 85700),
        ((("PHONE-BLK", 1),), 79900),
        ((("CASE-BLK", 3),), 8700),
    ],
    ids=["fewer", "more skus", "others", "more"],
)
async def test_a_hold_of_other_goods_is_not_taken_over(
    web: Api, db: Database, wanted: tuple[tuple[str, int], ...], total: int
) -> None:
    hold = (await web.post("/v1/holds", held(("CASE-BLK", 2)))).json()["reference"]
    before = await rows(db, TRACES)

    answer = await web.post("/v1/orders", order(*wanted, total=total, hold=hold))

    assert problem(answer) == (409, "hold_mismatch")
    assert answer.json()["errors"][0]["field"] == "hold"
    assert await rows(db, TRACES) == before


async def test_a_hold_that_is_over_is_not_taken_over(web: Api, db: Database, clock: SetClock) -> None:
    released = (await web.post("/v1/holds", held(("CASE-BLK", 1)))).json()["reference"]
    await web.post(f"/v1/holds/{released}/release")
    expired = (await web.post("/v1/holds", held(("CASE-BLK", 1)))).json()["reference"]
    clock.advance(timedelta(hours=1))

    for hold in (released, expired):
        answer = await web.post("/v1/orders", order(("CASE-BLK", 1), total=2900, hold=hold))
        assert problem(answer) == (409, "hold_mismatch")
    await expire_due_holds(db, clock.now())
    placed = await web.post("/v1/orders", order(("CASE-BLK", 2), total=5800))
    assert placed.status_code == 201


async def test_another_keys_hold_is_not_taken_over(web: Api, callers: Callers, db: Database) -> None:
    neighbour = await callers(Role.STOREFRONT, channel="web-de")
    hold = (await web.post("/v1/holds", held(("CASE-BLK", 2)))).json()["reference"]
    before = await rows(db, TRACES)

    answer = await neighbour.post("/v1/orders", order(("CASE-BLK", 2), total=5800, hold=hold))

    assert problem(answer) == (409, "hold_mismatch")
    assert await rows(db, TRACES) == before
    assert (await web.post("/v1/orders", order(("CASE-BLK", 2), total=5800, hold=hold))).status_code == 201


async def test_a_hold_of_another_channel_is_not_taken_over(web: Api, callers: Callers, db: Database) -> None:
    await put_stock(db, "CASE-BLK", "wh-us", 2)
    us = await callers(Role.STOREFRONT, channel="web-us")
    hold = (await us.post("/v1/holds", held(("CASE-BLK", 2), channel="web-us"))).json()["reference"]

    answer = await web.post("/v1/orders", order(("CASE-BLK", 2), total=5800, hold=hold))

    assert problem(answer) == (409, "hold_mismatch")
    assert ("CASE-BLK", "wh-us", 2, 2, 0) in await rows(db, POOLS)


async def test_what_is_collected_must_be_held_in_that_store(web: Api, db: Database) -> None:
    await put_stock(db, "CASE-BLK", "berlin", 1)
    elsewhere = (await web.post("/v1/holds", held(("CASE-BLK", 1)))).json()
    there = (await web.post("/v1/holds", held(("CASE-BLK", 1), collect_at="berlin"))).json()
    assert [line["location"] for hold in (elsewhere, there) for line in hold["lines"]] == ["wh-de", "berlin"]
    wish = order(("CASE-BLK", 1), total=2900, fulfilment="collect", collect_at="berlin")

    answer = await web.post("/v1/orders", {**wish, "hold": elsewhere["reference"]})
    placed = await web.post("/v1/orders", {**wish, "hold": there["reference"]})

    assert problem(answer) == (409, "hold_mismatch")
    assert placed.status_code == 201, placed.text
    assert await rows(db, "SELECT expires_at FROM holds WHERE owner IS NULL") == [(NOON + timedelta(days=14),)]


async def test_what_is_shipped_comes_from_warehouses_and_else_from_stores(web: Api, db: Database) -> None:
    await put_stock(db, "WATCH", "berlin", 5)
    from_warehouses = await web.post("/v1/orders", order(("WATCH", 1), total=24900))
    await plant(db, "UPDATE locations SET closed_on = '2026-11-01' WHERE code = 'wh-de'")
    from_stores = await web.post("/v1/orders", order(("WATCH", 1), total=24900))

    assert problem(from_warehouses) == (409, "not_enough_stock")
    assert from_warehouses.json()["facts"] == {"missing": [{"sku": "WATCH", "wanted": 1, "free": 0}]}
    assert from_stores.status_code == 201
    assert ("WATCH", "berlin", 5, 1, 0) in await rows(db, POOLS)


async def test_only_a_storefront_places_orders(web: Api, callers: Callers, db: Database) -> None:
    del web
    before = await rows(db, TRACES)
    for role in (Role.TERMINAL, Role.MERCHANDISER, Role.ANALYST, Role.OPERATOR, Role.ADMIN):
        caller = await callers(role, channel="web-de", location="berlin")
        answer = await caller.post("/v1/orders", order(("CASE-BLK", 1), total=2900))
        assert problem(answer) == (403, "wrong_role")
    assert await rows(db, TRACES) == before


async def test_a_price_that_changed_since_the_quote_is_noticed(web: Api, db: Database, clock: SetClock) -> None:
    await reprice(db, "CASE-BLK", 2500, at=NOON + timedelta(hours=1))
    shown = (await web.post("/v1/quotes", {"channel": "web-de", "lines": lines(("CASE-BLK", 1))})).json()["total"]
    clock.advance(timedelta(hours=1))

    stale = await web.post("/v1/orders", {**order(("CASE-BLK", 1), total=0), "shown_total": shown})
    fresh = await web.post("/v1/orders", order(("CASE-BLK", 1), total=2500))

    assert problem(stale) == (409, "stale_total")
    assert stale.json()["facts"] == {
        "field": "shown_total.amount", "shown": 2900, "total": 2500, "currency": "EUR",
    }  # fmt: skip
    assert (fresh.status_code, fresh.json()["total"]) == (201, eur(2500))
