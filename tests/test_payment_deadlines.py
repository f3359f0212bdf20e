"""Deadlines: whoever leaves, and whenever, the order is soon paid, or its goods are free again; nothing hangs."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from orders.payments.deadlines import keep_deadlines
from tests.conftest import NOON, Json, problem
from tests.paid_store import held, intent_of
from tests.paying import DECLINED, WANTS_BUYER, Checkout, money, whats
from tests.shop import rows
from tests.stories import POOLS, eur, ledger, plant, told

MINUTE = timedelta(minutes=1)
HOLD = timedelta(minutes=40)
"""How long goods are kept after the buyer's last sign of life: thirty minutes to pay, and ten to hear of it."""
ALL_FREE = ("CHARGER", "wh-de", 300, 0, 0)
LOST = {"drop": 1}
BUSY = {"match": {}, "fault": "rate_limit"}
AWAY = {"match": {}, "fault": "error_before"}
MANDATES = "SELECT state FROM mandates WHERE state <> 'cancelled'"
UNTIL = "SELECT expires_at FROM holds WHERE reference = :id AND ended_at IS NULL"


async def kept_until(shop: Checkout, order_id: str) -> datetime | None:
    """Until when the goods of an order are kept."""
    [(until,)] = await rows(shop.db, UNTIL, id=order_id)
    return until  # type: ignore[no-any-return]  # whatever the column holds


def why_cancelled(history: Json) -> str | None:
    """Why an order was cancelled, if it was."""
    found = [entry["facts"]["reason"] for entry in history["timeline"] if entry["what"] == "cancelled"]
    return str(found[0]) if found else None


async def is_free_again(shop: Checkout, order_id: str) -> bool:
    """Whether an order is over, nothing of it is held, and nobody has money that is not theirs."""
    history = await shop.history(order_id)
    over = (history["order"]["state"], history["owed"]) == ("cancelled", eur(0))
    moved = sum(amount for _, amount in money(await shop.sandbox.ledger()))
    return over and await held(shop, order_id) == 0 and ALL_FREE in await rows(shop.db, POOLS) and moved == 0


# The buyer closes the tab.


async def leave_at_once(shop: Checkout, order_id: str) -> None:
    """They placed the order, and never asked to pay it."""
    del shop, order_id


async def leave_after_beginning(shop: Checkout, order_id: str) -> None:
    """They saw the page with the provider's form."""
    await shop.begin(order_id)


async def leave_after_a_decline(shop: Checkout, order_id: str) -> None:
    """Their card was declined."""
    await shop.buyer_pays(await shop.begin(order_id), DECLINED)


async def leave_at_the_bank(shop: Checkout, order_id: str) -> None:
    """Their bank's page is open, and closed."""
    await shop.buyer_pays(await shop.begin(order_id), WANTS_BUYER)


async def leave_after_the_bank_said_no(shop: Checkout, order_id: str) -> None:
    """They did not know the word that their bank wanted to hear."""
    asked = await shop.buyer_pays(await shop.begin(order_id), WANTS_BUYER)
    await shop.sandbox.authenticate(asked.json()["id"], "fail")


async def leave_after_confirming(shop: Checkout, order_id: str) -> None:
    """They paid, and never came back to the shop."""
    await shop.buyer_pays(await shop.begin(order_id))


async def leave_after_the_bank_said_yes(shop: Checkout, order_id: str) -> None:
    """They paid at their bank, and never came back to the shop."""
    asked = await shop.buyer_pays(await shop.begin(order_id), WANTS_BUYER)
    await shop.sandbox.authenticate(asked.json()["id"])


Leaving = Callable[[Checkout, str], Awaitable[None]]
UNPAID: list[Leaving] = [
    leave_at_once, leave_after_beginning, leave_after_a_decline, leave_at_the_bank, leave_after_the_bank_said_no,
]  # fmt: skip
PAID: list[Leaving] = [leave_after_confirming, leave_after_the_bank_said_yes]
PLANS: dict[str, Json] = {
    "now": {"payment": "now"},
    "on_shipment": {"payment": "on_shipment"},
    "later": {"payment": "later"},
    "deposit": {"payment": "later", "deposit": eur(1000)},
}

SECURED: dict[str, tuple[list[str], int]] = {
    "now": (["captured"], 0),
    "on_shipment": (["authorised"], 3900),
    "later": ([], 3900),
    "deposit": (["captured"], 2900),
}
"""How the payments of a buyer who paid stand, and what is still owed."""


@pytest.mark.parametrize("events", [{}, LOST], ids=["heard", "lost"])
@pytest.mark.parametrize("plan", PLANS)
async def test_whoever_leaves_has_paid_or_gives_the_goods_back_within_the_hold(
    shop: Checkout, plan: str, events: Json
) -> None:
    """Buyers leave at every step, and no news may come: in the end the provider is looked at, and decides."""
    await shop.sandbox.faults(events=events)
    orders = {}
    for leaving in UNPAID + PAID:
        orders[leaving] = await shop.place(("CHARGER", 1), total=3900, **PLANS[plan])
        await leaving(shop, orders[leaving])
    before = [await held(shop, order_id) for order_id in orders.values()]
    await shop.pass_time(HOLD + MINUTE, timedelta(minutes=4))
    histories = {leaving: await shop.history(order_id) for leaving, order_id in orders.items()}

    assert before == [1] * len(orders)
    for leaving in UNPAID:
        assert why_cancelled(histories[leaving]) == "not paid in time", leaving
        assert {payment["state"] for payment in histories[leaving]["payments"]} <= {"cancelled"}, leaving
    for leaving in PAID:
        history = histories[leaving]
        assert (history["order"]["state"], await kept_until(shop, orders[leaving])) == ("placed", None), leaving
        assert ([payment["state"] for payment in history["payments"]], history["owed"]["amount"]) == SECURED[plan]
    assert ("CHARGER", "wh-de", 300, len(PAID), 0) in await rows(shop.db, POOLS)
    taken = {"now": [("capture", 3900)] * len(PAID), "deposit": [("capture", 1000)] * len(PAID)}
    assert money(await shop.sandbox.ledger()) == taken.get(plan, [])
    assert await rows(shop.db, MANDATES) == [("active",)] * (len(PAID) if plan in {"later", "deposit"} else 0)
    assert await shop.cases() == []


async def test_each_sign_of_life_gives_another_half_hour_and_two_hours_are_all(shop: Checkout) -> None:
    order_id = await shop.place(("CHARGER", 1), total=3900)
    placed = await kept_until(shop, order_id)
    await shop.advance(20 * MINUTE)
    page = await shop.begin(order_id)
    begun = await kept_until(shop, order_id)
    deadlines, kept = [], []
    for minutes in (25, 25, 25, 25, 15):
        await shop.advance(minutes * MINUTE)
        await shop.keep_time()
        await shop.buyer_pays(page, DECLINED)
        await shop.settle()
        deadlines.append((await shop.payment(order_id))["deadline"])
        kept.append(await kept_until(shop, order_id))
    await shop.pass_time(10 * MINUTE, 5 * MINUTE)

    assert (placed, begun) == (NOON + 40 * MINUTE, NOON + 60 * MINUTE)
    # They began at 12:20; two hours later nobody waits any longer.
    assert deadlines == [
        "2026-11-02T13:15:00Z", "2026-11-02T13:40:00Z", "2026-11-02T14:05:00Z", "2026-11-02T14:20:00Z",
        "2026-11-02T14:20:00Z",
    ]  # fmt: skip
    assert kept == [NOON + minutes * MINUTE for minutes in (85, 110, 135, 150, 150)]
    assert await is_free_again(shop, order_id)


async def test_asking_to_pay_again_and_again_keeps_nothing_from_others(shop: Checkout) -> None:
    """To look at the page is no sign of life: only trying to pay is."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    for _ in range(6):
        await shop.web.post(f"/v1/orders/{order_id}/payments")
        await shop.pass_time(7 * MINUTE, 7 * MINUTE)

    assert await is_free_again(shop, order_id)


async def test_a_buyer_who_pays_in_the_last_minute_keeps_the_goods(shop: Checkout) -> None:
    """Their time is over, but nobody has told the provider yet when they confirm; and the news of it is lost."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    await shop.sandbox.faults(events=LOST)
    await shop.advance(30 * MINUTE)
    await shop.buyer_pays(page)
    await shop.keep_time()
    await shop.work()

    history = await shop.history(order_id)
    assert (history["payments"][0]["state"], history["owed"]) == ("captured", eur(0))
    assert await kept_until(shop, order_id) is None
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]


async def test_a_buyer_who_reserved_the_money_and_cancels_as_the_time_runs_out_has_it_back(shop: Checkout) -> None:
    """It is asked whether they paid, since their time is over; by the answer, their order is cancelled."""
    order_id = await shop.place(("CHARGER", 1), total=3900, payment="on_shipment")
    page = await shop.begin(order_id)
    await shop.sandbox.faults(events=LOST)
    await shop.buyer_pays(page)
    await shop.advance(30 * MINUTE)
    await keep_deadlines(shop.db, shop.clock.now())
    cancelled = await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "took too long"})
    await shop.work()

    assert cancelled.status_code == 200, cancelled.text
    assert await is_free_again(shop, order_id)
    assert (await shop.payment(order_id))["state"] == "cancelled"
    intent = await shop.sandbox.client().v1.payment_intents.retrieve_async(await intent_of(shop, order_id))
    assert intent.status == "canceled"


async def test_who_paid_while_nobody_could_know_of_it_gets_everything_back(shop: Checkout) -> None:
    """The provider is out of reach from the moment of paying until long after the goods were given to others."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    await shop.sandbox.faults(events=LOST)
    await shop.buyer_pays(page)
    await shop.sandbox.faults(BUSY, events=LOST)
    await shop.pass_time(HOLD + MINUTE, 4 * MINUTE)
    over = await shop.history(order_id)
    free = await held(shop, order_id)
    await shop.sandbox.faults(events=LOST)
    await shop.pass_time(5 * MINUTE, MINUTE)

    assert (over["order"]["state"], over["payments"][0]["state"], free) == ("cancelled", "waiting", 0)
    assert why_cancelled(over) == "not paid in time"
    assert await is_free_again(shop, order_id)
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -3900)]
    assert await ledger(shop.db, order_id) == [
        ("charge", 3900), ("repayment", 3900), ("cancellation", -3900), ("payment", -3900),
    ]  # fmt: skip


async def test_what_a_person_has_to_look_at_is_not_asked_about_again_and_again(shop: Checkout) -> None:
    """Somebody changed the amount at the provider before the buyer paid: it is not what we asked for."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    intent = await intent_of(shop, order_id)
    await shop.sandbox.client().v1.payment_intents.update_async(intent, {"amount": 4900})
    await shop.buyer_pays(page)
    await shop.settle()
    await shop.pass_time(HOLD + MINUTE, 4 * MINUTE)
    over = await shop.history(order_id)
    asked = len(await shop.sandbox.calls())
    await shop.pass_time(60 * MINUTE, 4 * MINUTE)

    assert (over["order"]["state"], await held(shop, order_id)) == ("cancelled", 0)
    assert len(await shop.sandbox.calls()) == asked
    assert await shop.cases() == [("payment_differs", over["payments"][0]["id"])]
    assert money(await shop.sandbox.ledger()) == [("capture", 4900)]


# The provider is away.


async def test_orders_are_taken_while_the_provider_is_away_and_paid_through_the_link(shop: Checkout) -> None:
    await shop.sandbox.faults(AWAY)
    order_id = await shop.place(("CHARGER", 1), total=3900)
    refused = await shop.web.post(f"/v1/orders/{order_id}/payments", once="pay")
    again = await shop.web.post(f"/v1/orders/{order_id}/payments", once="pay")
    await shop.sandbox.faults(BUSY)
    await shop.pass_time(timedelta(hours=3), 10 * MINUTE)
    noted, kept = await shop.payment(order_id), await held(shop, order_id)
    early = await told(shop.db, "buyer_needed")
    await shop.sandbox.faults()
    await shop.pass_time(3 * MINUTE, MINUTE)
    [needed] = await told(shop.db, "buyer_needed")
    page = (await shop.web.get(f"/v1/payment-links/{needed['link']}")).json()
    resumed = await shop.begin(order_id, once="pay")
    await shop.advance(20 * MINUTE)
    await shop.buyer_pays(page)
    await shop.settle()

    assert [problem(answer) for answer in (refused, again)] == [(503, "payment_provider_away")] * 2
    assert refused.headers["retry-after"] == "5"
    assert (noted["state"], kept, early) == ("intended", 1, [])
    assert (needed["order_id"], needed["payment_id"]) == (order_id, noted["id"])
    assert page["client_secret"] == resumed["client_secret"]
    history = await shop.history(order_id)
    assert (history["owed"], len(history["payments"])) == (eur(0), 1)
    assert await kept_until(shop, order_id) is None
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]


@pytest.mark.parametrize("plan", PLANS)
async def test_goods_are_kept_for_a_day_while_the_provider_is_away_and_no_longer(shop: Checkout, plan: str) -> None:
    """It has too much to do for anybody, all day long."""
    await shop.sandbox.faults(BUSY)
    order_id = await shop.place(("CHARGER", 1), total=3900, **PLANS[plan])
    await shop.web.post(f"/v1/orders/{order_id}/payments")
    await shop.pass_time(timedelta(hours=23, minutes=40), 20 * MINUTE)
    kept = await held(shop, order_id)
    await shop.pass_time(30 * MINUTE, 10 * MINUTE)
    over = await shop.history(order_id)
    free = await held(shop, order_id)
    await shop.sandbox.faults()
    await shop.pass_time(5 * MINUTE, MINUTE)

    assert (kept, free) == (1, 0)
    assert why_cancelled(over) == "not paid in time"
    assert await is_free_again(shop, order_id)
    assert {payment["state"] for payment in (await shop.history(order_id))["payments"]} <= {"cancelled"}
    assert await rows(shop.db, "SELECT count(*) FROM provider_calls WHERE state = 'intended'") == [(0,)]
    assert await told(shop.db, "buyer_needed") == []
    assert await shop.cases() == []


# What is reserved.


async def test_reserved_money_is_taken_twelve_hours_before_it_expires(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    reserved = await shop.payment(order_id)
    await shop.advance(timedelta(days=6, hours=11, minutes=59, seconds=59))
    await shop.keep_time()
    await shop.settle()
    a_second_before = (await shop.payment(order_id))["state"]
    await shop.advance(timedelta(seconds=1))
    await keep_deadlines(shop.db, shop.clock.now())
    await keep_deadlines(shop.db, shop.clock.now())
    wanted = await rows(shop.db, "SELECT facts FROM provider_calls WHERE operation = 'capture'")
    await shop.settle()

    assert (reserved["state"], reserved["capture_before"]) == ("authorised", "2026-11-09T12:00:00Z")
    assert a_second_before == "authorised"
    assert wanted == [({"last": True, "amount": 3900, "expected": 3900},)]
    history = await shop.history(order_id)
    assert (history["payments"][0]["state"], history["owed"]) == ("captured", eur(0))
    assert sorted(whats(history, "capture", "payment_captured")) == ["captured_before_expiry", "payment_captured"]
    assert await kept_until(shop, order_id) is None
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]


async def test_the_rest_of_what_is_reserved_is_taken_while_goods_are_still_to_leave(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    path = f"/v1/orders/{order_id}/ship"
    await shop.operator.post(path, {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]})
    await shop.settle()
    await shop.advance(timedelta(days=6, hours=12))
    await shop.keep_time()
    await shop.settle()
    shipped = await shop.operator.post(path, {"location": "wh-de"})
    await shop.settle()

    assert shipped.status_code == 200, shipped.text
    assert ((await shop.payment(order_id))["state"], (await shop.history(order_id))["owed"]) == ("captured", eur(0))
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("capture", 7800)]


async def test_what_is_reserved_for_a_cancelled_order_is_let_go_and_not_taken(shop: Checkout) -> None:
    """The provider would not let go when it was asked first; before it expires it is asked again."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
    await plant(shop.db, "UPDATE provider_calls SET state = 'refused' WHERE operation = 'cancel'")
    await shop.settle()
    stuck = await shop.payment(order_id)
    await shop.advance(timedelta(days=6, hours=12))
    await shop.keep_time()
    await shop.settle()

    assert (stuck["state"], (await shop.payment(order_id))["state"]) == ("authorised", "cancelled")
    assert await shop.sandbox.ledger() == []


async def test_what_expired_all_the_same_ends_the_order(shop: Checkout) -> None:
    """Nobody was at work for a week: the provider let the money go, so the goods are free again."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    await shop.advance(timedelta(days=7, seconds=1))
    late = await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    await shop.keep_time()
    await shop.settle()

    assert problem(late) == (409, "not_paid")
    assert await is_free_again(shop, order_id)
    assert (await shop.payment(order_id))["state"] == "cancelled"


# A means of payment to be saved.


async def test_a_mandate_is_looked_at_before_it_is_given_up(shop: Checkout) -> None:
    """At the deadline it is asked for once more; while the provider is away, three minutes longer, and no more."""
    order_id = await shop.place(("CHARGER", 1), total=3900, payment="later")
    await shop.begin(order_id)
    await shop.sandbox.faults(AWAY)
    await shop.advance(30 * MINUTE)
    states = []
    for _ in range(3):
        await shop.keep_time()
        await shop.work()
        states += await rows(shop.db, "SELECT state FROM mandates")
        await shop.advance(timedelta(minutes=1, seconds=30))

    assert states == [("waiting",), ("waiting",), ("cancelled",)]
    assert await is_free_again(shop, order_id)
