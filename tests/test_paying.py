"""Paying: a buyer pays online, in every way there is, and books, goods and provider agree at every step."""

from datetime import timedelta

import pytest

from orders.payments.perform import heard_again
from orders.payments.port import InDoubt, NotSent
from tests.conftest import problem
from tests.paid_store import held
from tests.paying import DECLINED, VISA, WANTS_BUYER, Checkout, money, whats
from tests.shop import rows
from tests.stories import POOLS, eur, ledger

CHARGER = ("CHARGER", 1)
TO_BERLIN = {"fulfilment": "collect", "collect_at": "berlin"}


async def test_a_buyer_pays_now(shop: Checkout) -> None:
    order_id = await shop.place(("PHONE-WHT", 1), total=79900)
    page = await shop.begin(order_id)
    waiting = await shop.history(order_id)
    confirmed = await shop.buyer_pays(page)
    await shop.settle()

    assert (page["order"], page["publishable_key"], page["mandate"]) == (order_id, "pk_test_stories", None)
    assert (page["payment"]["state"], page["payment"]["amount"]) == ("waiting", eur(79900))
    assert waiting["owed"] == eur(79900)
    assert confirmed.json()["status"] == "succeeded"
    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("placed", eur(0))
    assert [(t["kind"], t["state"], t["amount"]) for t in history["order"]["tenders"]] == [
        ("online", "paid", eur(79900))
    ]
    [payment] = history["payments"]
    assert (payment["state"], payment["captured"], payment["refunded"]) == ("captured", eur(79900), eur(0))
    assert sorted(whats(history)) == ["confirmation_written", "payment_begun", "payment_captured", "placed"]
    assert await ledger(shop.db, order_id) == [("charge", 79900), ("payment", -79900)]
    assert money(await shop.sandbox.ledger()) == [("capture", 79900)]
    assert await rows(shop.db, "SELECT expires_at FROM holds WHERE reference = :id", id=order_id) == [(None,)]


async def test_the_goods_go_only_when_they_are_paid(shop: Checkout) -> None:
    order_id = await shop.place(("PHONE-WHT", 1), total=79900)
    path = f"/v1/orders/{order_id}"
    unpaid = await shop.operator.post(f"{path}/ship", {"location": "wh-de"})
    await shop.buyer_pays(await shop.begin(order_id))
    await shop.settle()
    shipped = await shop.operator.post(f"{path}/ship", {"location": "wh-de"})
    arrived = await shop.operator.post(f"{path}/hand-over", {"reference": "DHL-1"})

    assert problem(unpaid) == (409, "not_paid")
    assert unpaid.json()["facts"]["owed"] == 79900
    assert shipped.status_code == 200, shipped.text
    assert arrived.json()["order"]["state"] == "completed"
    assert await ledger(shop.db, order_id) == [("charge", 79900), ("payment", -79900)]


async def test_a_declined_card_is_followed_by_another(shop: Checkout) -> None:
    order_id = await shop.place(("CHARGER", 2), total=7800)
    page = await shop.begin(order_id)
    declined = await shop.buyer_pays(page, DECLINED)
    await shop.settle()
    after_decline = await shop.payment(order_id)
    again = await shop.begin(order_id)
    await shop.advance(timedelta(minutes=20))
    await shop.buyer_pays(again)
    await shop.settle()

    assert declined.status_code == 402
    assert (after_decline["state"], after_decline["decline_code"]) == ("waiting", "generic_decline")
    assert again["client_secret"] == page["client_secret"]
    history = await shop.history(order_id)
    assert (history["owed"], len(history["payments"])) == (eur(0), 1)
    assert sorted(whats(history, "payment")) == ["payment_begun", "payment_captured", "payment_declined"]
    detail = (await shop.operator.get(f"/v1/payments/{history['payments'][0]['id']}")).json()
    assert [(a["state"], a["decline_code"]) for a in detail["attempts"]] == [
        ("declined", "generic_decline"),
        ("succeeded", None),
    ]
    assert money(await shop.sandbox.ledger()) == [("capture", 7800)]


async def test_a_buyer_who_leaves_gives_the_goods_back(shop: Checkout) -> None:
    order_id = await shop.place(("PHONE-WHT", 5), total=399500)
    page = await shop.begin(order_id)
    sold_out = await shop.web.post(
        "/v1/orders", {"channel": "web-de", "lines": [{"sku": "PHONE-WHT", "quantity": 1}], "shown_total": eur(79900)}
    )
    await shop.advance(timedelta(minutes=31))
    await shop.keep_time()
    await shop.settle()
    too_late = await shop.buyer_pays(page)

    assert problem(sold_out) == (409, "not_enough_stock")
    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("cancelled", eur(0))
    assert history["payments"][0]["state"] == "cancelled"
    assert too_late.status_code == 400
    assert await held(shop, order_id) == 0
    assert ("PHONE-WHT", "wh-de", 5, 0, 0) in await rows(shop.db, POOLS)
    assert await shop.sandbox.ledger() == []


async def test_a_buyer_who_never_begins_gives_the_goods_back(shop: Checkout) -> None:
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.pass_time(timedelta(minutes=41), timedelta(minutes=1))

    history = await shop.history(order_id)
    assert (history["order"]["state"], history["payments"]) == ("cancelled", [])
    assert history["timeline"][-1]["facts"] == {"reason": "not paid in time"}


async def test_a_bank_asks_for_the_buyer(shop: Checkout) -> None:
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    asked = await shop.buyer_pays(page, WANTS_BUYER)
    await shop.settle()
    waiting = await shop.payment(order_id)
    await shop.sandbox.authenticate(asked.json()["id"], "succeed")
    await shop.settle()

    assert asked.json()["status"] == "requires_action"
    assert waiting["state"] == "action_required"
    assert (await shop.payment(order_id))["state"] == "captured"


async def test_the_storefront_says_that_its_buyer_is_back(shop: Checkout) -> None:
    """No webhook has come yet; when it does, it changes nothing."""
    order_id = await shop.place(("CHARGER", 1), total=3900)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    back = await shop.web.post(f"/v1/payments/{page['payment']['id']}/confirm")
    before = await shop.history(order_id)
    await shop.settle()

    assert (back.status_code, back.json()["payment"]["state"]) == (200, "captured")
    assert before["owed"] == eur(0)
    after = await shop.history(order_id)
    assert (after["order"], after["payments"], after["owed"]) == (before["order"], before["payments"], eur(0))
    assert await ledger(shop.db, order_id) == [("charge", 3900), ("payment", -3900)]


async def test_money_is_reserved_and_taken_as_the_goods_leave(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 3), ("PHONE-WHT", 1), total=91600, payment="on_shipment")
    reserved = await shop.history(order_id)
    path = f"/v1/orders/{order_id}"
    await shop.operator.post(f"{path}/ship", {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]})
    await shop.settle()
    part = await shop.history(order_id)
    shipped = await shop.operator.post(f"{path}/ship", {"location": "wh-de"})
    early = await shop.operator.post(f"{path}/hand-over", {})
    await shop.settle()
    arrived = await shop.operator.post(f"{path}/hand-over", {})

    assert (reserved["payments"][0]["state"], reserved["owed"]) == ("authorised", eur(91600))
    assert (part["payments"][0]["state"], part["payments"][0]["captured"], part["owed"]) == (
        "authorised", eur(3900), eur(87700),
    )  # fmt: skip
    assert shipped.status_code == 200
    assert problem(early) == (409, "not_paid")
    assert arrived.status_code == 200, arrived.text
    assert (arrived.json()["owed"], arrived.json()["payments"][0]["state"]) == (eur(0), "captured")
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("capture", 87700)]


async def test_what_was_not_sent_is_let_go(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    path = f"/v1/orders/{order_id}"
    await shop.operator.post(f"{path}/ship", {"location": "wh-de", "lines": [{"line": 1, "quantity": 2}]})
    await shop.operator.post(f"{path}/cancel", {"reason": "the last one is broken"})
    await shop.settle()

    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("shipped", eur(0))
    assert (history["payments"][0]["state"], history["payments"][0]["captured"]) == ("captured", eur(7800))
    assert money(await shop.sandbox.ledger()) == [("capture", 7800)]


async def test_a_cancelled_order_gives_its_money_back(shop: Checkout) -> None:
    order_id = await shop.paid(("PHONE-WHT", 1), total=79900)
    cancelled = await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
    await shop.settle()

    assert cancelled.status_code == 200, cancelled.text
    assert (cancelled.json()["owed"], cancelled.json()["refunds"][0]["state"]) == (eur(-79900), "intended")
    history = await shop.history(order_id)
    assert (history["owed"], history["refunds"][0]["state"]) == (eur(0), "succeeded")
    assert history["payments"][0]["refunded"] == eur(79900)
    assert money(await shop.sandbox.ledger()) == [("capture", 79900), ("refund", -79900)]


async def test_reserved_money_is_let_go_when_the_order_is_cancelled(shop: Checkout) -> None:
    order_id = await shop.paid(("PHONE-WHT", 1), total=79900, payment="on_shipment")
    await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"})
    await shop.settle()

    history = await shop.history(order_id)
    assert (history["order"]["state"], history["payments"][0]["state"]) == ("cancelled", "cancelled")
    assert await shop.sandbox.ledger() == []


async def test_what_is_collected_was_paid_before(shop: Checkout) -> None:
    order_id = await shop.paid(("CASE-BLK", 2), total=5800, **TO_BERLIN)
    path = f"/v1/orders/{order_id}"
    ready = await shop.till.post(f"{path}/ready", {"location": "berlin"})
    twice = await shop.till.post(
        f"{path}/collect", {"location": "berlin", "tenders": [{"kind": "cash", "given": eur(5800)}]}
    )
    collected = await shop.till.post(f"{path}/collect", {"location": "berlin"})

    assert ready.status_code == 200, ready.text
    assert problem(twice) == (422, "tenders_do_not_add_up")
    assert (collected.status_code, collected.json()["order"]["state"]) == (200, "completed")


async def test_a_card_is_saved_now_and_charged_later(shop: Checkout) -> None:
    order_id = await shop.place(("PHONE-WHT", 1), total=79900, payment="later")
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    await shop.settle()
    saved = await shop.history(order_id)
    nothing = await shop.web.post(f"/v1/orders/{order_id}/payments")
    charged = await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.settle()

    assert (page["payment"], page["mandate"]["state"]) == (None, "waiting")
    assert "mandate_given" in whats(saved)
    assert problem(nothing) == (409, "nothing_to_pay")
    assert charged.json()["payments"][0]["state"] == "intended"
    history = await shop.history(order_id)
    assert (history["owed"], history["payments"][0]["state"], history["payments"][0]["purpose"]) == (
        eur(0), "captured", "balance",
    )  # fmt: skip
    assert money(await shop.sandbox.ledger()) == [("capture", 79900)]


async def test_a_deposit_is_paid_now_and_the_rest_is_charged_later(shop: Checkout) -> None:
    order_id = await shop.paid(("PHONE-WHT", 1), total=79900, payment="later", deposit=eur(10000))
    deposited = await shop.history(order_id)
    await shop.advance(timedelta(days=1))
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.settle()

    assert (deposited["owed"], deposited["payments"][0]["purpose"]) == (eur(69900), "deposit")
    history = await shop.history(order_id)
    assert history["owed"] == eur(0)
    assert [(p["purpose"], p["captured"]) for p in history["payments"]] == [
        ("deposit", eur(10000)),
        ("balance", eur(69900)),
    ]
    assert money(await shop.sandbox.ledger()) == [("capture", 10000), ("capture", 69900)]


async def test_a_charge_that_fails_gives_its_buyer_a_window(shop: Checkout) -> None:
    order_id = await shop.paid(("PHONE-WHT", 1), total=79900, payment="later", method="pm_card_chargeCustomerFail")
    await shop.advance(timedelta(days=1))
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.settle()
    waiting = await shop.payment(order_id)
    [told] = await rows(shop.db, "SELECT body FROM outbox_messages WHERE topic = 'buyer_needed'")
    page = (await shop.web.get(f"/v1/payment-links/{told[0]['link']}")).json()
    await shop.buyer_pays(page, VISA)
    await shop.settle()

    assert (waiting["state"], waiting["decline_code"], waiting["deadline"]) == (
        "waiting", "generic_decline", "2026-11-05T12:00:00Z",
    )  # fmt: skip
    assert (page["order"], page["payment"]["amount"]) == (order_id, eur(79900))
    history = await shop.history(order_id)
    assert (history["owed"], history["order"]["state"]) == (eur(0), "placed")
    assert await rows(shop.db, "SELECT expires_at FROM holds WHERE reference = :id", id=order_id) == [(None,)]


async def test_a_window_that_passes_ends_the_order_and_gives_the_deposit_back(shop: Checkout) -> None:
    order_id = await shop.place(("PHONE-WHT", 1), total=79900, payment="later", deposit=eur(10000))
    asked = await shop.buyer_pays(await shop.begin(order_id), WANTS_BUYER)
    await shop.sandbox.authenticate(asked.json()["id"])
    await shop.settle()
    await shop.advance(timedelta(days=1))
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.settle()
    wanted = await shop.payment(order_id)
    await shop.advance(timedelta(hours=48, minutes=1))
    await shop.keep_time()
    await shop.settle()

    assert (wanted["state"], wanted["decline_code"]) == ("waiting", "authentication_required")
    history = await shop.history(order_id)
    assert (history["order"]["state"], history["owed"]) == ("cancelled", eur(0))
    assert money(await shop.sandbox.ledger()) == [("capture", 10000), ("refund", -10000)]
    assert ("PHONE-WHT", "wh-de", 5, 0, 0) in await rows(shop.db, POOLS)


@pytest.mark.parametrize("plan", ["now", "later"])
async def test_a_buyer_notices_nothing_of_one_lost_answer(shop: Checkout, plan: str) -> None:
    """Neither when they begin nor when they come back; what is asked again is asked under the same key."""
    order_id = await shop.place(CHARGER, total=3900, payment=plan)
    path = "/v1/payment_intents" if plan == "now" else "/v1/setup_intents"
    opening = {"match": {"method": "POST", "path": path, "times": 1}, "fault": "drop_after"}
    looking = {"match": {"method": "GET", "path": f"{path}/*", "times": 1}, "fault": "drop_after"}
    await shop.sandbox.faults(opening, looking)
    page = await shop.begin(order_id)
    await shop.buyer_pays(page)
    thing = page["payment"] or page["mandate"]
    back = await shop.web.post(f"/v1/payments/{thing['id']}/confirm")
    calls = [(call["method"], call["fault"]) for call in await shop.sandbox.calls() if call["path"].startswith(path)]
    await shop.settle()

    assert back.status_code == 200, back.text
    assert calls == [("POST", "drop_after"), ("POST", None), ("POST", None), ("GET", "drop_after"), ("GET", None)]
    assert (await shop.history(order_id))["owed"] == eur(0 if plan == "now" else 3900)
    assert await rows(shop.db, "SELECT tries FROM provider_calls") == [(1,)]
    assert money(await shop.sandbox.ledger()) == ([("capture", 3900)] if plan == "now" else [])


async def test_a_buyer_hears_when_two_answers_were_lost(shop: Checkout) -> None:
    order_id = await shop.place(CHARGER, total=3900)
    lost = {"match": {"method": "POST", "path": "/v1/payment_intents", "times": 2}, "fault": "drop_after"}
    await shop.sandbox.faults(lost)
    away = await shop.web.post(f"/v1/orders/{order_id}/payments")
    await shop.advance(timedelta(seconds=5))
    await shop.work()
    page = await shop.begin(order_id)

    assert problem(away) == (503, "payment_provider_away")
    assert page["payment"]["state"] == "waiting"
    assert await rows(shop.db, "SELECT count(*)::int FROM payments") == [(1,)]


async def test_what_was_lost_stays_in_doubt_where_there_is_no_room_to_ask_again() -> None:
    """Taken for not sent, it would go back to the end of the line as if the provider had never heard of it."""
    said = iter([InDoubt("no answer"), NotSent("the line is full")])

    async def asking() -> None:
        raise next(said)

    with pytest.raises(InDoubt, match="no answer"):
        await heard_again(asking)
