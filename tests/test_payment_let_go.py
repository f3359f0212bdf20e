"""Letting go: who changes their mind, comes too late or is held up pays nothing, and keeps nothing from others."""

import asyncio
from contextvars import Context
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase

import msgspec
import pytest
from aiohttp import web
from sqlalchemy import text

from inventory.tasks import expire_due_holds
from orders.moving import lock_order
from orders.payments.begin import Ready, begin_payments
from orders.payments.calls import claim_calls, retry_call
from orders.payments.deadlines import keep_deadlines
from orders.payments.pay import open_at_provider
from orders.payments.perform import Heard, perform, take_in
from orders.payments.port import SeenPayment
from orders.payments.tasks import Caller
from tests.conftest import NOON, problem
from tests.front import Front, Parcel
from tests.paid_store import held
from tests.paying import Checkout, money
from tests.shop import rows
from tests.stories import eur
from tests.test_payment_groups import storefront, wish

MINUTE = timedelta(minutes=1)
CHARGER = ("CHARGER", 1)
OPENING = {"method": "POST", "path": "/v1/payment_intents"}
CALLS = "SELECT operation, state FROM provider_calls ORDER BY seq"


# Charges that nobody wants any more


@pytest.mark.parametrize("fault", ["rate_limit", "lock_timeout", "error_before"])
async def test_who_cancels_while_the_provider_is_in_trouble_is_not_charged_first(shop: Checkout, fault: str) -> None:
    order_id = await shop.paid(CHARGER, total=3900, payment="later")
    await shop.sandbox.faults({"match": OPENING, "fault": fault})
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    cancelled = await shop.operator.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed their mind"})
    await shop.sandbox.faults()
    await shop.pass_time(2 * MINUTE)

    assert cancelled.status_code == 200
    assert (await shop.payment(order_id))["state"] == "cancelled"
    assert money(await shop.sandbox.ledger()) == []
    assert "intended" not in {state for _, state in await rows(shop.db, CALLS)}


async def test_what_may_still_be_at_work_is_not_taken_for_undone(shop: Checkout) -> None:
    """The charge comes to the provider's books half a minute after nobody answered; it is neither lost nor doubled."""
    order_id = await shop.paid(CHARGER, total=3900, payment="later")
    await shop.sandbox.faults({"match": {**OPENING, "times": 1}, "fault": "drop_after"}, events={"drop": 1})
    finds, late = shop.gateway.find_payment, shop.clock.now() + timedelta(seconds=30)

    async def finds_late(payment_id: str, customer: str | None) -> SeenPayment | None:
        return await finds(payment_id, customer) if shop.clock.now() >= late else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.gateway, "find_payment", finds_late)
        await shop.operator.post(f"/v1/orders/{order_id}/charge")
        await shop.work()
        await shop.operator.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed their mind"})
        await shop.pass_time(2 * MINUTE)

    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -3900)]
    assert (await shop.history(order_id))["owed"] == eur(0)


@pytest.mark.parametrize("fault", ["drop_after", "error_after"])
async def test_who_cancels_after_a_charge_of_which_nobody_knows_gets_it_back(shop: Checkout, fault: str) -> None:
    """It was made: it is found before anything is sent again, and goes back once."""
    order_id = await shop.paid(CHARGER, total=3900, payment="later")
    await shop.sandbox.faults({"match": {**OPENING, "times": 1}, "fault": fault}, events={"drop": 1})
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    await shop.operator.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed their mind"})
    await shop.pass_time(2 * MINUTE)

    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -3900)]
    assert (await shop.history(order_id))["owed"] == eur(0)


async def test_what_was_refused_for_want_of_time_is_in_nobodys_doubt(shop: Checkout) -> None:
    order_id = await shop.paid(CHARGER, total=3900, payment="later")
    await shop.sandbox.faults({"match": OPENING, "fault": "rate_limit"})
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    [(sent_at, error)] = await rows(shop.db, "SELECT sent_at, last_error FROM provider_calls WHERE operation = 'open'")

    assert sent_at is None
    assert error.startswith("NotNow(")


# Cancellations that are refused


async def test_a_refused_cancellation_is_asked_for_once_and_is_before_a_person(shop: Checkout, front: Front) -> None:
    """The provider tells along with its no that the money is still reserved; that is no news to ask again for."""
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.paid(CHARGER, total=3900, payment="on_shipment")

    async def says_no(parcel: Parcel) -> web.Response | None:
        if not fnmatchcase(parcel.path, "/v1/payment_intents/*/cancel"):
            return None
        path = parcel.path.removesuffix("/cancel")
        seen = await front.pass_on(parcel._replace(method="GET", path=path, body=b""))
        assert isinstance(seen.body, bytes)
        told = {"type": "invalid_request_error", "code": "no", "payment_intent": msgspec.json.decode(seen.body)}
        return web.json_response({"error": told}, status=400)

    front.instead = says_no
    await shop.operator.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed their mind"})
    await shop.pass_time(4 * MINUTE, MINUTE)
    refused = await rows(shop.db, CALLS)
    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    front.instead = None
    async with shop.db.transaction() as tx:
        retried = await retry_call(tx, case["facts"]["call"], shop.clock.now())
    await shop.settle()

    assert refused == [("open", "answered"), ("cancel", "refused")]
    assert case["kind"] == "cancel_refused"
    assert retried
    assert (await shop.payment(order_id))["state"] == "cancelled"


# Buyers who come too late, and too often


async def test_a_page_that_asks_again_and_again_keeps_goods_for_two_hours_at_the_most(shop: Checkout) -> None:
    """It asks in the moment between a payment that was given up and its order being cancelled for it."""
    order_id = await shop.place(CHARGER, total=3900)
    path = f"/v1/orders/{order_id}/payments"
    answers = []
    for _ in range(8):
        answers.append((await shop.web.post(path)).status_code)
        await shop.advance(30 * MINUTE)
        await keep_deadlines(shop.db, shop.clock.now())
        await expire_due_holds(shop.db, shop.clock.now())
        await shop.deliver()
        async with Caller(shop.db, shop.gateway) as caller:  # Not `work`, which would cancel the order at once.
            while await caller.once():
                await caller.finish()
        answers.append((await shop.web.post(path)).status_code)
        await shop.settle()

    history = await shop.history(order_id)
    assert (history["order"]["state"], await held(shop, order_id)) == ("cancelled", 0)
    assert len(history["payments"]) == 4
    assert answers[:7] == [201] * 7
    assert set(answers[7:]) == {409}


# Somebody who is slow


async def test_who_slept_over_a_lease_shortens_nobodys_time(shop: Checkout) -> None:
    """Meanwhile the card is saved, and the goods are kept for as long as that takes."""
    await shop.sandbox.faults({"match": {}, "fault": "rate_limit"})
    order_id = await shop.place(CHARGER, total=3900, payment="later")
    await shop.web.post(f"/v1/orders/{order_id}/payments")
    await shop.advance(timedelta(seconds=5))
    [slept] = await claim_calls(shop.db, shop.clock.now(), 1)
    await shop.sandbox.faults()
    await shop.advance(timedelta(seconds=41))
    await shop.work()
    await shop.buyer_pays(await shop.begin(order_id))
    await shop.settle()
    await shop.sandbox.faults({"match": {}, "fault": "rate_limit"})
    await perform(shop.db, shop.gateway, slept)
    await shop.sandbox.faults()
    await shop.pass_time(45 * MINUTE, 5 * MINUTE)

    assert (await shop.history(order_id))["order"]["state"] == "placed"
    assert await held(shop, order_id) == 1


async def test_an_answer_is_kept_though_another_request_has_the_key(shop: Checkout) -> None:
    """The provider opened the payment; the request itself is told to come again, and then finds it open."""
    order_id = await shop.place(CHARGER, total=3900)
    [(principal,)] = await rows(shop.db, "SELECT principal FROM idempotency_keys LIMIT 1")
    waits, goes_on = asyncio.Event(), asyncio.Event()
    opens = shop.gateway.open_payment

    async def waiting(*args: object, **words: object) -> object:
        answer = await opens(*args, **words)  # type: ignore[arg-type]  # whatever it is asked with
        waits.set()
        await goes_on.wait()
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.gateway, "open_payment", waiting)
        asked = asyncio.create_task(shop.web.post(f"/v1/orders/{order_id}/payments", once="same"), context=Context())
        await waits.wait()
        async with shop.db.transaction() as tx:
            await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:k, 0))"), {"k": f"{principal} same"})
            goes_on.set()
            answer = await asked
    calls = await rows(shop.db, CALLS)
    page = await shop.begin(order_id, once="same")

    assert problem(answer) == (409, "idempotency_key_in_flight")
    assert calls == [("open", "answered")]
    assert page["payment"]["state"] == "waiting"


async def test_answers_about_payments_and_mandates_wait_for_orders_in_one_order(shop: Checkout) -> None:
    """A mandate of the first order and a payment of the second were opened, and somebody begins both again."""
    first = await shop.place(CHARGER, total=3900, payment="later")
    second = await shop.place(CHARGER, total=3900)
    web_shop = storefront("key_web", "web-de")
    async with shop.db.transaction() as tx:
        begun = await begin_payments(tx, [wish(web_shop, first, "a"), wish(web_shop, second, "b")], NOON)
    heard = []
    for ready in begun:
        assert isinstance(ready, Ready)
        asked = await open_at_provider(shop.db, shop.gateway, ready)
        assert asked is not None
        assert ready.begun.call is not None
        heard.append(Heard(ready.begun.call, asked.answer, asked.at))

    async def answers() -> None:
        async with shop.db.transaction() as tx:
            await take_in(tx, heard, NOON)

    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with shop.db.transaction() as tx:
        await lock_order(tx, first)
        late = asyncio.create_task(answers(), context=Context())
        async with asyncio.timeout(10):
            while await rows(shop.db, waiting) != [(1,)]:
                pass
        await lock_order(tx, second)
    await late

    assert first < second
    assert await rows(shop.db, CALLS) == [("ask_mandate", "answered"), ("open", "answered")]
