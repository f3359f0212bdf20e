"""Each law of orders is shown to catch somebody who breaks it."""

import pytest
from sqlalchemy.exc import IntegrityError

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.laws import Law, broken, check_laws
from orders.laws import (
    LAWS,
    DiscountsAreWhatPromotionsTook,
    EveryNumberedDeviceIsSoldOnce,
    EveryOrderIsToldOnce,
    HandedOverMeansCompleted,
    LinesCiteTheirBook,
    OpenOrdersHoldTheirGoods,
    OrdersAreInTheirMarketsCurrency,
    OrderTotalsAddUp,
    SentGoodsLeftTheShelf,
    SentGoodsWereInShipments,
    StatesFitTheFulfilment,
    StatesTellWhatHasLeft,
    UsesOfWhatIsOverAreGivenBack,
)
from orders.payments.laws import (
    LEDGER_LAWS,
    ChargesAreWhatWasOrdered,
    DueTendersAreOfOpenOrders,
    LedgersBalance,
    LedgersKeepToOneCurrency,
    PaidTendersAreInTheLedger,
)
from orders.returns.laws import LAWS as RETURNS
from orders.returns.laws import NoMoreComesBackThanWasSold
from tests.conftest import NOON, Callers
from tests.reported import report_anew
from tests.shop import no_law_is_broken, put_stock
from tests.stories import cash, every_law_holds, open_store, order, plant, sale

DIARY = "ALTER TABLE {} DISABLE TRIGGER append_only"
TIMELINE, LEDGER, MOVED = DIARY.format("order_timeline"), DIARY.format("ledger_entries"), DIARY.format("movements")
SAID = """
    INSERT INTO order_timeline SELECT 'tln_twice', order_id, happened_at, what, actor, facts FROM order_timeline
     WHERE order_id = '{}'
"""
DRAWN_TWICE = """
    INSERT INTO movements SELECT 'mov_twice', pool_id, kind, units, reference, reason, actor, moved_at FROM movements
     WHERE reference = '{}'
"""
PAID_IN = """
    INSERT INTO ledger_entries (id, order_id, kind, amount, currency, entered_at)
    VALUES ('led_{1}', '{0}', '{2}', {3}, '{1}', '2026-11-02Z')
"""
CAME_BACK = """
    INSERT INTO returns (return_number, order_id, line, quantity, channel, returned_at, refund_total)
    VALUES ('{1}', '{0}', 1, {2}, 'retail-de', '2026-11-03Z', 0)
"""
PROMOTION = """
    INSERT INTO promotions (id, market, name, state, definition, version, on_cancel, on_return, created_by, created_at)
    VALUES ('prm_1', 'de', 'Planted', 'draft', '{}', 1, 'give_back', 'keep', 'story', '2026-11-02Z')
"""
USED = "INSERT INTO promotion_uses (order_id, promotion_id, used_at) VALUES ('{}', 'prm_1', '2026-11-02Z')"
NOT_COLLECTED = """
    UPDATE holds SET ended_at = '2026-11-16 12:00Z', outcome = 'expired' WHERE reference = '{}'
"""
NO_LONGER_HELD = "UPDATE stock_pools SET held = held - 2 WHERE sku = 'CHARGER' AND location = 'wh-de'"
HOLDS_ENDED_LAST = """
    INSERT INTO schedules (name, next_at, last_at)
    VALUES ('expire_due_holds', '2026-12-01Z', '2026-11-16 {}Z')
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
    (ChargesAreWhatWasOrdered, [f"UPDATE order_lines SET cancelled = 1 WHERE order_id = '{SHIPPED}'"]),
    (ChargesAreWhatWasOrdered, [f"UPDATE orders SET state = 'placed' WHERE id = '{CANCELLED}'"]),
    (ChargesAreWhatWasOrdered, [PAID_IN.format(OPEN, "EUR", "charge", 100)]),
    (OpenOrdersHoldTheirGoods, [f"UPDATE order_lines SET cancelled = 1 WHERE order_id = '{SHIPPED}'"]),
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
    (
        DiscountsAreWhatPromotionsTook,
        [f"UPDATE orders SET shipping_price = 10, shipping_total = 5 WHERE id = '{OPEN}'"],
    ),
    (
        DiscountsAreWhatPromotionsTook,
        [f"UPDATE order_lines SET discount_total = 1, line_total = line_total - 1 WHERE order_id = '{AMERICAN}'"],
    ),
    (
        UsesOfWhatIsOverAreGivenBack,
        [PROMOTION, USED.format(OPEN), f"UPDATE orders SET state = 'cancelled' WHERE id = '{OPEN}'"],
    ),
    (
        UsesOfWhatIsOverAreGivenBack,
        [PROMOTION, USED.format(OPEN), f"UPDATE order_lines SET cancelled = quantity WHERE order_id = '{OPEN}'"],
    ),
    (LinesCiteTheirBook, [f"UPDATE order_lines SET book = 99 WHERE order_id = '{OPEN}'"]),
    (LinesCiteTheirBook, [f"UPDATE order_lines SET book = NULL WHERE order_id = '{AMERICAN}'"]),
    (LinesCiteTheirBook, [f"UPDATE orders SET placed_at = placed_at - interval '1 y' WHERE id = '{AMERICAN}'"]),
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
    (
        OpenOrdersHoldTheirGoods,
        [NOT_COLLECTED.format(OPEN), NO_LONGER_HELD, HOLDS_ENDED_LAST.format("13:00:01")],
    ),
    (StatesTellWhatHasLeft, [f"UPDATE orders SET state = 'completed' WHERE id = '{SHIPPED}'"]),
    (StatesTellWhatHasLeft, [f"UPDATE orders SET state = 'cancelled' WHERE id = '{SHIPPED}'"]),
    (StatesTellWhatHasLeft, [f"UPDATE orders SET state = 'shipped' WHERE id = '{SHIPPED}'"]),
    (StatesTellWhatHasLeft, [f"UPDATE orders SET state = 'placed' WHERE id = '{SHIPPED}'"]),
    (StatesTellWhatHasLeft, [f"UPDATE orders SET state = 'shipped' WHERE id = '{OPEN}'"]),
    (StatesTellWhatHasLeft, [f"UPDATE orders SET state = 'part_shipped' WHERE id = '{OPEN}'"]),
    (StatesTellWhatHasLeft, [f"UPDATE orders SET state = 'part_shipped' WHERE id = '{SOLD}'"]),
    (StatesTellWhatHasLeft, [f"UPDATE order_lines SET cancelled = 1 WHERE order_id = '{SHIPPED}'"]),
    (StatesTellWhatHasLeft, [f"UPDATE order_lines SET cancelled = 1 WHERE order_id = '{OPEN}'"]),
    (
        StatesTellWhatHasLeft,
        [
            f"UPDATE order_lines SET cancelled = quantity WHERE order_id = '{OPEN}'",
            f"UPDATE orders SET state = 'shipped' WHERE id = '{OPEN}'",
        ],
    ),
    (StatesTellWhatHasLeft, [f"UPDATE order_lines SET sent = 1 WHERE order_id = '{SOLD}'"]),
    (StatesFitTheFulfilment, [f"UPDATE orders SET fulfilment = 'collect', state = 'shipped' WHERE id = '{OPEN}'"]),
    (StatesFitTheFulfilment, [f"UPDATE orders SET fulfilment = 'collect' WHERE id = '{SHIPPED}'"]),
    (StatesFitTheFulfilment, [f"UPDATE orders SET state = 'ready' WHERE id = '{OPEN}'"]),
    (StatesFitTheFulfilment, [f"UPDATE orders SET state = 'cancelled' WHERE id = '{SOLD}'"]),
    (OrdersAreInTheirMarketsCurrency, [f"UPDATE orders SET currency = 'USD' WHERE id = '{OPEN}'"]),
    (OrdersAreInTheirMarketsCurrency, [f"UPDATE orders SET channel = 'web-de' WHERE id = '{AMERICAN}'"]),
    (LedgersBalance, [LEDGER, f"DELETE FROM ledger_entries WHERE order_id = '{OPEN}'"]),
    (LedgersBalance, [LEDGER, f"UPDATE ledger_entries SET amount = 1 WHERE order_id = '{OPEN}'"]),
    (LedgersBalance, [LEDGER, f"DELETE FROM ledger_entries WHERE order_id = '{SOLD}' AND kind = 'payment'"]),
    (LedgersBalance, [LEDGER, f"DELETE FROM ledger_entries WHERE order_id = '{CANCELLED}' AND kind = 'charge'"]),
    (LedgersBalance, [f"UPDATE orders SET state = 'completed' WHERE id = '{OPEN}'"]),
    (PaidTendersAreInTheLedger, [f"UPDATE tenders SET state = 'paid' WHERE order_id = '{OPEN}'"]),
    (PaidTendersAreInTheLedger, [f"UPDATE tenders SET state = 'void' WHERE order_id = '{SOLD}'"]),
    (PaidTendersAreInTheLedger, [f"UPDATE tenders SET amount = 5900, change = 100 WHERE order_id = '{SOLD}'"]),
    (
        PaidTendersAreInTheLedger,
        [LEDGER, f"UPDATE ledger_entries SET kind = 'cancellation' WHERE order_id = '{SOLD}' AND kind = 'payment'"],
    ),
    (LedgersKeepToOneCurrency, [LEDGER, f"UPDATE ledger_entries SET currency = 'JPY' WHERE order_id = '{OPEN}'"]),
    (
        LedgersKeepToOneCurrency,
        [PAID_IN.format(OPEN, "EUR", "charge", 100), PAID_IN.format(OPEN, "JPY", "cancellation", -100)],
    ),
    (LedgersBalance, [f"UPDATE tenders SET amount = 1, given = 1 WHERE order_id = '{OPEN}'"]),
    (LedgersBalance, [f"UPDATE tenders SET state = 'void' WHERE order_id = '{SHIPPED}'"]),
    (DueTendersAreOfOpenOrders, [f"UPDATE tenders SET state = 'due' WHERE order_id = '{CANCELLED}'"]),
    (DueTendersAreOfOpenOrders, [f"UPDATE tenders SET state = 'due' WHERE order_id = '{SOLD}'"]),
    (EveryOrderIsToldOnce, [TIMELINE, f"DELETE FROM order_timeline WHERE order_id = '{OPEN}'"]),
    (EveryOrderIsToldOnce, [TIMELINE, f"UPDATE order_timeline SET what = 'forged' WHERE order_id = '{SOLD}'"]),
    (
        EveryOrderIsToldOnce,
        [SAID.format(OPEN)],
    ),
    (SentGoodsWereInShipments, [f"UPDATE order_lines SET sent = 1 WHERE order_id = '{OPEN}'"]),
    (SentGoodsWereInShipments, [f"UPDATE shipment_lines SET quantity = 2 WHERE order_id = '{SHIPPED}'"]),
    (SentGoodsWereInShipments, [f"DELETE FROM shipment_lines WHERE order_id = '{SOLD}'"]),
    (
        SentGoodsLeftTheShelf,
        [DRAWN_TWICE.format(SOLD), "UPDATE stock_pools SET supply = supply - 2 WHERE sku = 'CASE-BLK'"],
    ),
    (
        SentGoodsLeftTheShelf,
        [
            MOVED,
            f"DELETE FROM movements WHERE reference = '{SOLD}'",
            "UPDATE stock_pools SET supply = supply + 2 WHERE sku = 'CASE-BLK'",
        ],
    ),
    (SentGoodsLeftTheShelf, [MOVED, f"UPDATE movements SET kind = 'corrected' WHERE reference = '{SHIPPED}'"]),
    (SentGoodsLeftTheShelf, [MOVED, f"UPDATE movements SET reference = '{OPEN}' WHERE reference = '{SHIPPED}'"]),
    (SentGoodsLeftTheShelf, [f"UPDATE shipments SET location = 'munich' WHERE order_id = '{SOLD}'"]),
    (SentGoodsLeftTheShelf, [f"UPDATE shipments SET order_id = '{SOLD}' WHERE order_id = '{SHIPPED}'"]),
    (HandedOverMeansCompleted, [f"UPDATE shipments SET handed_over_at = NULL WHERE order_id = '{SOLD}'"]),
    (HandedOverMeansCompleted, [f"UPDATE shipments SET handed_over_at = left_at WHERE order_id = '{SHIPPED}'"]),
    (NoMoreComesBackThanWasSold, [CAME_BACK.format(SOLD, "r-1", 2 + 500)]),
    (NoMoreComesBackThanWasSold, [CAME_BACK.format(SOLD, "r-1", 2), CAME_BACK.format(SOLD, "r-2", 1)]),
    (NoMoreComesBackThanWasSold, [CAME_BACK.format(OPEN, "r-1", 1)]),
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

    laws = (*LAWS, *LEDGER_LAWS, *RETURNS)
    assert {law: planted.count(law) > 1 for law in laws} == dict.fromkeys(laws, True)


async def test_an_order_that_nobody_collected_is_open_for_an_hour_at_most(db: Database) -> None:
    """It is cancelled within minutes; until then it holds nothing, and that is no offence."""
    await plant(db, NOT_COLLECTED.format(OPEN), NO_LONGER_HELD, HOLDS_ENDED_LAST.format("13:00:00"))

    await every_law_holds(db)


async def test_everything_that_was_sold_may_come_back(db: Database) -> None:
    await plant(db, CAME_BACK.format(SOLD, "r-1", 1), CAME_BACK.format(SOLD, "r-2", 1))
    await report_anew(db)

    await every_law_holds(db)


async def test_what_was_sold_before_there_was_a_book_cites_none(db: Database) -> None:
    await plant(db, "UPDATE orders SET placed_at = '2026-10-01Z'", "UPDATE order_lines SET book = NULL")

    await no_law_is_broken(db, LinesCiteTheirBook)


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
    await report_anew(db)

    await every_law_holds(db)
