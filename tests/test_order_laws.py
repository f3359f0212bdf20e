"""Each law of orders is shown to catch somebody who breaks it."""

import pytest
from sqlalchemy.exc import IntegrityError

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.laws import Law, broken, check_laws
from orders.laws import (
    LAWS,
    EveryNumberedDeviceIsSoldOnce,
    EveryOrderIsToldOnce,
    LedgersBalance,
    NothingIsSentFromClosedOrders,
    OpenOrdersHoldTheirGoods,
    OrderTotalsAddUp,
    PaidTendersAreInTheLedger,
    SentGoodsWereInShipments,
)
from tests.conftest import NOON, Callers
from tests.shop import no_law_is_broken, put_stock
from tests.stories import cash, every_law_holds, open_store, order, plant, sale

DIARY = "ALTER TABLE {} DISABLE TRIGGER append_only"
TIMELINE, LEDGER = DIARY.format("order_timeline"), DIARY.format("ledger_entries")
SAID = """
    INSERT INTO order_timeline SELECT 'tln_twice', order_id, happened_at, what, actor, facts FROM order_timeline
     WHERE order_id = '{}'
"""
OPEN, SHIPPED, CANCELLED, SOLD, AMERICAN = (new_id("ord", NOON) for _ in range(5))


@pytest.fixture(autouse=True)
async def shop(db: Database, callers: Callers) -> None:
    """An open order, one of which a part was shipped, a cancelled one, a till sale, and one with tax on top."""
    await open_store(db)
    for location in ("wh-de", "wh-us"):
        await put_stock(db, "CHARGER", location, 9)
    web = await callers(Role.STOREFRONT, channel="web-de")
    us = await callers(Role.STOREFRONT, channel="web-us")
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    operator = await callers(Role.OPERATOR)
    dollars = {"channel": "web-us", "shown_total": {"amount": 7560, "currency": "USD"}}
    answers = [
        await web.post("/v1/orders", order(("CHARGER", 2), total=7800, id=OPEN)),
        await web.post("/v1/orders", order(("CHARGER", 2), total=7800, id=SHIPPED)),
        await operator.post(f"/v1/orders/{SHIPPED}/ship", {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]}),
        await web.post("/v1/orders", order(("CHARGER", 1), total=3900, id=CANCELLED)),
        await web.post(f"/v1/orders/{CANCELLED}/cancel", {"reason": "test"}),
        await till.post("/v1/till-sales", {**sale(("CASE-BLK", 2), total=5800, tenders=[cash(6000)]), "id": SOLD}),
        await us.post("/v1/orders", {**order(("CHARGER", 2), total=0, id=AMERICAN), **dollars}),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 200, 201, 200, 201, 201]
    await every_law_holds(db)


PLANTED: list[tuple[type[Law], list[str]]] = [
    (LedgersBalance, [f"UPDATE order_lines SET cancelled = 1 WHERE order_id = '{SHIPPED}'"]),
    (OpenOrdersHoldTheirGoods, [f"UPDATE order_lines SET cancelled = 1 WHERE order_id = '{SHIPPED}'"]),
    (NothingIsSentFromClosedOrders, [f"UPDATE order_lines SET sent = 1 WHERE order_id = '{SOLD}'"]),
    (EveryNumberedDeviceIsSoldOnce, [f"UPDATE shipment_lines SET serials = '{{A}}' WHERE order_id = '{SOLD}'"]),
    (EveryNumberedDeviceIsSoldOnce, [f"INSERT INTO sold_serials VALUES ('CASE-BLK', 'A', '{SOLD}', 1)"]),
    (OrderTotalsAddUp, [f"UPDATE orders SET subtotal = subtotal + 1 WHERE id = '{OPEN}'"]),
    (OrderTotalsAddUp, [f"UPDATE orders SET discount_total = 1 WHERE id = '{OPEN}'"]),
    (OrderTotalsAddUp, [f"UPDATE orders SET tax_total = tax_total + 1 WHERE id = '{OPEN}'"]),
    (OrderTotalsAddUp, [f"UPDATE orders SET total = total - tax_total WHERE id = '{OPEN}'"]),
    (OrderTotalsAddUp, [f"UPDATE orders SET total = total - tax_total WHERE id = '{AMERICAN}'"]),
    (OrderTotalsAddUp, [f"UPDATE orders SET prices_include_tax = true WHERE id = '{AMERICAN}'"]),
    (OrderTotalsAddUp, [f"UPDATE order_lines SET quantity = 3, line_total = 11700 WHERE order_id = '{OPEN}'"]),
    (OrderTotalsAddUp, [f"DELETE FROM order_lines WHERE order_id = '{OPEN}'"]),
    (OrderTotalsAddUp, [f"UPDATE orders SET total = 1, source = 'import' WHERE id = '{OPEN}'"]),
    (OpenOrdersHoldTheirGoods, [f"UPDATE holds SET units = units - 1 WHERE reference = '{OPEN}'"]),
    (OpenOrdersHoldTheirGoods, [f"UPDATE holds SET units = units + 1 WHERE reference = '{OPEN}'"]),
    (
        OpenOrdersHoldTheirGoods,
        [f"UPDATE holds SET ended_at = taken_at, outcome = 'released' WHERE reference = '{OPEN}'"],
    ),
    (OpenOrdersHoldTheirGoods, [f"UPDATE holds SET reference = 'ord_nobody' WHERE reference = '{OPEN}'"]),
    (
        OpenOrdersHoldTheirGoods,
        [f"UPDATE holds SET pool_id = (SELECT id FROM stock_pools WHERE sku = 'WATCH') WHERE reference = '{OPEN}'"],
    ),
    (
        OpenOrdersHoldTheirGoods,
        [f"UPDATE holds SET ended_at = NULL, outcome = NULL WHERE reference = '{CANCELLED}'"],
    ),
    (OpenOrdersHoldTheirGoods, [f"UPDATE orders SET state = 'shipped' WHERE id = '{CANCELLED}'"]),
    (
        OpenOrdersHoldTheirGoods,
        [
            f"UPDATE holds SET ended_at = NULL, outcome = NULL WHERE reference = '{CANCELLED}'",
            f"UPDATE holds SET reference = '{CANCELLED}', outcome = 'expired' WHERE outcome = 'left'",
        ],
    ),
    (NothingIsSentFromClosedOrders, [f"UPDATE orders SET state = 'completed' WHERE id = '{SHIPPED}'"]),
    (NothingIsSentFromClosedOrders, [f"UPDATE orders SET state = 'cancelled' WHERE id = '{SHIPPED}'"]),
    (NothingIsSentFromClosedOrders, [f"UPDATE order_lines SET sent = 1 WHERE order_id = '{SOLD}'"]),
    (LedgersBalance, [LEDGER, f"DELETE FROM ledger_entries WHERE order_id = '{OPEN}'"]),
    (LedgersBalance, [LEDGER, f"UPDATE ledger_entries SET amount = 1 WHERE order_id = '{OPEN}'"]),
    (LedgersBalance, [LEDGER, f"DELETE FROM ledger_entries WHERE order_id = '{SOLD}' AND kind = 'payment'"]),
    (LedgersBalance, [LEDGER, f"DELETE FROM ledger_entries WHERE order_id = '{CANCELLED}' AND kind = 'charge'"]),
    (LedgersBalance, [f"UPDATE orders SET state = 'completed' WHERE id = '{OPEN}'"]),
    (LedgersBalance, [f"UPDATE orders SET state = 'placed' WHERE id = '{SOLD}'"]),
    (PaidTendersAreInTheLedger, [f"UPDATE tenders SET state = 'paid' WHERE order_id = '{OPEN}'"]),
    (PaidTendersAreInTheLedger, [f"UPDATE tenders SET state = 'void' WHERE order_id = '{SOLD}'"]),
    (PaidTendersAreInTheLedger, [f"UPDATE tenders SET amount = 5900, change = 100 WHERE order_id = '{SOLD}'"]),
    (
        PaidTendersAreInTheLedger,
        [LEDGER, f"UPDATE ledger_entries SET kind = 'cancellation' WHERE order_id = '{SOLD}' AND kind = 'payment'"],
    ),
    (EveryOrderIsToldOnce, [TIMELINE, f"DELETE FROM order_timeline WHERE order_id = '{OPEN}'"]),
    (EveryOrderIsToldOnce, [TIMELINE, f"UPDATE order_timeline SET what = 'forged' WHERE order_id = '{SOLD}'"]),
    (
        EveryOrderIsToldOnce,
        [SAID.format(OPEN)],
    ),
    (SentGoodsWereInShipments, [f"UPDATE order_lines SET sent = 1 WHERE order_id = '{OPEN}'"]),
    (SentGoodsWereInShipments, [f"UPDATE shipment_lines SET quantity = 2 WHERE order_id = '{SHIPPED}'"]),
    (SentGoodsWereInShipments, [f"DELETE FROM shipment_lines WHERE order_id = '{SOLD}'"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("law", "planted"), PLANTED, ids=[f"{law.code()} {n}" for n, (law, _) in enumerate(PLANTED, 1)]
)
async def test_a_broken_law_is_seen(db: Database, law: type[Law], planted: list[str]) -> None:
    await plant(db, *planted)

    async with db.snapshot() as tx:
        findings = broken(await check_laws(tx, [law]))
    assert [(finding.law, finding.offenders > 0) for finding in findings] == [(law.code(), True)]


def test_every_law_is_broken_at_least_twice() -> None:
    planted = [law for law, _ in PLANTED]

    assert {law: planted.count(law) > 1 for law in LAWS} == dict.fromkeys(LAWS, True)


@pytest.mark.parametrize("table", ["order_timeline", "ledger_entries"])
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
async def test_a_diary_is_not_changed_by_mistake(db: Database, table: str, change: str) -> None:
    with pytest.raises(IntegrityError, match="is a diary"):
        await plant(db, change.format(table))
    await every_law_holds(db)


async def test_imported_history_is_a_fact_from_elsewhere(db: Database) -> None:
    """It has no holds, shipments, timeline or ledger of ours, and that is no offence."""
    await plant(
        db,
        "INSERT INTO orders (id, order_number, source, channel, currency, prices_include_tax, fulfilment, state,"
        " placed_at, subtotal, discount_total, tax_total, total) VALUES ('ord_old', '2019-1', 'import', 'web-de',"
        " 'EUR', true, 'ship', 'completed', '2019-01-01Z', 1000, 0, 160, 1000)",
        "INSERT INTO order_lines (order_id, line, sku, quantity, unit_price, discount_total, tax_total, line_total)"
        " VALUES ('ord_old', 3, 'WATCH', 1, 1000, 0, 160, 1000)",
    )

    await no_law_is_broken(db, *LAWS)
