"""Placing orders online: what is held, what is stored, and what is refused without a trace."""

from typing import Any

import pytest

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from tests.conftest import Api, Callers, Json, problem
from tests.shop import open_shop, put_stock, rows


@pytest.fixture
async def web(db: Database, callers: Callers) -> Api:
    """The German web shop, with ten black phones and two cases in the warehouse."""
    await open_shop(db)
    await put_stock(db, "PHONE-BLK", "wh-de", 10)
    await put_stock(db, "CASE-BLK", "wh-de", 2)
    return await callers(Role.STOREFRONT, channel="web-de")


def order(*lines: tuple[str, int], total: int, currency: str = "EUR", **more: Any) -> Json:  # noqa: ANN401 - any field
    """An order's body."""
    return {
        "channel": "web-de",
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "shown_total": {"amount": total, "currency": currency},
        **more,
    }


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


REFUSED: list[tuple[str, Json, tuple[int, str], str | None]] = [
    ("unknown field", {**order(("PHONE-BLK", 1), total=79900), "gift": True}, (400, "invalid_input"), "gift"),
    ("unknown field in a line", {**order(total=1), "lines": [{"sku": "PHONE-BLK", "quantity": 1, "size": 3}]},
     (400, "invalid_input"), "lines[0].size"),
    ("wrong type", {**order(total=1), "lines": [{"sku": "PHONE-BLK", "quantity": "one"}]},
     (400, "invalid_input"), "lines[0].quantity"),
    ("over-long", order(("P" * 101, 1), total=1), (400, "invalid_input"), "lines[0].sku"),
    ("no lines", order(total=0), (400, "invalid_input"), "lines"),
    ("zero quantity", order(("PHONE-BLK", 0), total=0), (400, "invalid_input"), "lines[0].quantity"),
    ("absurd quantity", order(("PHONE-BLK", 10_001), total=1), (400, "invalid_input"), "lines[0].quantity"),
    ("unknown sku", order(("NOPE", 1), total=1), (422, "unknown_reference"), "lines[0].sku"),
    ("draft", order(("DRAFT-1", 1), total=99900), (422, "not_listed"), "lines[0].sku"),
    ("mixed currency", order(("PHONE-BLK", 1), total=79900, currency="USD"), (422, "mixed_currency"),
     "shown_total.currency"),
    ("stale total", order(("PHONE-BLK", 1), total=79901), (409, "stale_total"), "shown_total.amount"),
    ("too many", order(("CASE-BLK", 3), total=8700), (409, "not_enough_stock"), None),
    ("too many over two lines", order(("CASE-BLK", 1), ("CASE-BLK", 2), total=8700), (409, "not_enough_stock"), None),
    ("other channel", {**order(("PHONE-BLK", 1), total=79900), "channel": "web-us"}, (403, "wrong_channel"), "channel"),
    ("impossible e-mail", order(("PHONE-BLK", 1), total=79900, buyer={"email": "nobody"}), (400, "invalid_input"),
     "buyer.email"),
    ("no such store", order(("PHONE-BLK", 1), total=79900, fulfilment="collect", collect_at="nyc"),
     (403, "wrong_location"), "collect_at"),
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


TRACES = """
    SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM holds), (SELECT sum(held) FROM stock_pools),
           (SELECT count(*) FROM customers), (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM outbox_messages)
"""


async def test_a_reused_key_with_another_body_is_refused(web: Api) -> None:
    await web.post("/v1/orders", order(("PHONE-BLK", 1), total=79900), once="basket-1")

    answer = await web.post("/v1/orders", order(("PHONE-BLK", 2), total=159800), once="basket-1")

    assert problem(answer) == (422, "idempotency_key_reused")
