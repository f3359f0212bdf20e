"""Calls in trouble: what is refused, unclear, late or in two hands at once moves no money twice, and hides nothing."""

import asyncio
import json
from collections.abc import Coroutine
from contextvars import Context
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import AsyncAdaptedQueuePool

from orders.moving import lock_order
from orders.payments.calls import LEASE, Call, claim_calls, retry_call
from orders.payments.deadlines import keep_deadlines
from orders.payments.perform import CALL_S_MAX, perform, write_answer
from orders.payments.port import SeenPayment
from orders.payments.reconcile import reconcile_doubts
from orders.payments.rules import Operation
from orders.payments.stripe_gateway import StripeGateway
from tests.conftest import problem
from tests.front import Front, Instead, Parcel
from tests.paid_store import back, refunds
from tests.paying import Checkout, money
from tests.shop import rows
from tests.stories import eur

MINUTE = timedelta(minutes=1)
LOST = {"drop": 1}
OPEN_CALLS = """
    SELECT id, operation, payment_id, mandate_id, refund_id, facts, key, key_since, tries, sent_at FROM provider_calls
     WHERE state = 'intended' ORDER BY seq
"""


async def open_calls(shop: Checkout) -> list[Call]:
    """The calls that nobody has an answer to."""
    return [Call(row[0], Operation(row[1]), *row[2:]) for row in await rows(shop.db, OPEN_CALLS)]


# Two at once


def somebody(does: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Somebody else at work, with a connection of their own."""
    return asyncio.create_task(does, context=Context())


async def waits(shop: Checkout, how_many: int) -> None:
    """Come back when so many wait for somebody's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while await rows(shop.db, waiting) != [(how_many,)]:
            pass


async def charged_in_doubt(shop: Checkout) -> tuple[str, Call]:
    """An order whose charge was made, and nobody knows of it; and the call."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="later")
    lost = {"match": {"method": "POST", "path": "/v1/payment_intents", "nth": 1, "times": 2}, "fault": "drop_after"}
    await shop.sandbox.faults(lost, events=LOST)
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    [call] = await open_calls(shop)
    return order_id, call


REFUSED, TOO_MANY = 400, 429
NO = {REFUSED: "invalid_request_error", TOO_MANY: "rate_limit_error"}


@pytest.mark.parametrize("status", NO, ids=["refusal", "doubt"])
async def test_who_hears_nothing_and_who_found_it_out_never_wait_for_each_other(
    shop: Checkout, front: Front, status: int
) -> None:
    """One writes that the call came to nothing, the other what came of it; both wait while somebody has the order."""
    order_id, call = await charged_in_doubt(shop)
    found = await shop.gateway.find_payment(call.payment_id or "", await customer_of(shop, call))

    async def says_no(parcel: Parcel) -> web.Response:
        del parcel
        told = {"type": NO[status], "message": "no", "code": "resource_missing"}
        return web.json_response({"error": told}, status=status)

    front.instead, gateway = says_no, front.gateway()
    async with shop.db.transaction() as tx:
        await lock_order(tx, order_id)
        hears_no = somebody(perform(shop.db, gateway, call))
        await waits(shop, 1)
        found_out = somebody(write_answer(shop.db, call, found, shop.clock.now()))
        await waits(shop, 2)
    written, _ = await asyncio.gather(hears_no, found_out)
    await shop.settle()

    assert written is (status == REFUSED)
    assert ((await shop.payment(order_id))["state"], await open_calls(shop)) == ("captured", [])
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]


async def customer_of(shop: Checkout, call: Call) -> str:
    """The provider's id of the buyer whom a call charges."""
    found = "SELECT m.customer FROM payments p JOIN mandates m ON m.id = p.mandate_id WHERE p.id = :id"
    return str((await rows(shop.db, found, id=call.payment_id))[0][0])


# Looks that are refused


def refuses(method: str, path: str, times: int) -> Instead:
    """Refuse so many of these requests, and pass on the others."""
    left = times

    async def answer(parcel: Parcel) -> web.Response | None:
        nonlocal left
        if not left or parcel.method != method or not fnmatchcase(parcel.path, path):
            return None
        left -= 1
        return web.json_response({"error": {"type": NO[REFUSED], "message": "no"}}, status=REFUSED)

    return answer


async def test_a_refund_is_not_refused_because_a_look_at_it_was(shop: Checkout, front: Front) -> None:
    """It was made, the answer was a failure, and the list of refunds is refused for a moment: it is not made again."""
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.paid(("CHARGER", 1), total=3900)
    await shop.refund(order_id, **back(500))
    broken = {"match": {"method": "POST", "path": "/v1/refunds", "nth": 1, "times": 2}, "fault": "error_after"}
    await shop.sandbox.faults(broken, events=LOST)
    front.instead = refuses("GET", "/v1/refunds?*", 1)
    await shop.work()
    in_doubt = await shop.history(order_id)
    [refund] = in_doubt["refunds"]
    retried = await shop.operator.post(f"/v1/refunds/{refund['id']}/retry")
    await shop.sandbox.faults()
    await shop.pass_time(MINUTE)

    assert (refunds(in_doubt), problem(retried)) == ([("goodwill", 500, "intended")], (409, "move_not_allowed"))
    assert refunds(await shop.history(order_id)) == [("goodwill", 500, "succeeded")]
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("refund", -500)]
    assert await shop.cases() == []


async def test_a_payment_is_let_go_although_a_look_before_was_refused(shop: Checkout, front: Front) -> None:
    """Its time is over, and it is asked first whether its buyer has paid."""
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.begin(order_id)
    await shop.advance(30 * MINUTE)
    front.instead = refuses("GET", "/v1/payment_intents/*", 1)
    await keep_deadlines(shop.db, shop.clock.now())
    await shop.work()
    [in_doubt] = await open_calls(shop)
    await shop.pass_time(MINUTE)

    assert in_doubt.operation is Operation.CANCEL
    assert (await shop.payment(order_id))["state"] == "cancelled"
    assert await shop.cases() == []


async def test_what_stays_in_doubt_is_before_a_person_until_it_passes(shop: Checkout, front: Front) -> None:
    """The look before letting a payment go is refused for twenty minutes."""
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.place(("CHARGER", 1), total=3900)
    await shop.begin(order_id)
    await shop.advance(30 * MINUTE)
    front.instead = refuses("GET", "/v1/payment_intents/*", 11)
    await keep_deadlines(shop.db, shop.clock.now())
    for _ in range(9):
        await shop.work()
        await shop.advance(2 * MINUTE)
    early = await shop.cases()
    await shop.work()
    case = await shop.cases()
    await shop.advance(2 * MINUTE)
    await shop.work()
    await shop.advance(2 * MINUTE)
    await shop.settle()

    payment = await shop.payment(order_id)
    assert (early, case) == ([], [("call_stays_in_doubt", payment["id"])])
    assert payment["state"] == "cancelled"
    assert await rows(shop.db, "SELECT closed_by, note FROM payment_cases") == [("worker", "it passed by itself")]


# One call in two hands


async def test_a_call_in_two_hands_gets_one_new_key(shop: Checkout) -> None:
    """A day later its key is forgotten. Its holder slept over the lease, somebody else took it, and both look first.

    Neither finds it. Whoever comes second to the new key leaves the call alone, for as long as the other one has it.
    """
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="later")
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    [slept] = await claim_calls(shop.db, shop.clock.now(), 1)
    await shop.advance(timedelta(days=1))
    [awake] = await claim_calls(shop.db, shop.clock.now(), 1)
    both_looked = asyncio.Barrier(2)

    class LooksTogether(StripeGateway):
        async def find_payment(self, payment_id: str, customer: str | None) -> SeenPayment | None:
            found = await super().find_payment(payment_id, customer)
            await both_looked.wait()
            return found

    gateway = LooksTogether("sk_test_stories", base=shop.sandbox.url)
    done = await asyncio.gather(*(perform(shop.db, gateway, call) for call in (slept, awake)))
    await gateway.close()
    asked = {call["key"] for call in await shop.sandbox.calls() if call["path"] == "/v1/payment_intents"} - {None}
    await shop.settle()

    assert done == [False, True]
    assert len(asked) == 1
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]


async def test_whoever_lost_a_call_does_not_say_when_it_is_sent_again(shop: Checkout) -> None:
    """The provider is busy. The one who slept would have sent it again in two seconds, under somebody else's hands."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="later")
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    [slept] = await claim_calls(shop.db, shop.clock.now(), 1)
    await shop.advance(LEASE)
    [awake] = await claim_calls(shop.db, shop.clock.now(), 1)
    await shop.sandbox.faults({"match": {}, "fault": "rate_limit"})
    await perform(shop.db, shop.gateway, slept)
    [(until,)] = await rows(shop.db, "SELECT next_at FROM provider_calls WHERE state = 'intended'")
    await perform(shop.db, shop.gateway, awake)
    [(again,)] = await rows(shop.db, "SELECT next_at FROM provider_calls WHERE state = 'intended'")
    await shop.sandbox.faults()

    assert (slept.tries, awake.tries, slept.key) == (1, 2, awake.key)
    assert (until - shop.clock.now(), again - shop.clock.now()) == (LEASE, timedelta(seconds=4))


async def test_a_lease_outlasts_what_it_is_for(shop: Checkout) -> None:
    """A connection to read what the call is about, and the call; the rest is for clocks that are apart."""
    pool = shop.db.engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)

    assert (pool.timeout(), CALL_S_MAX, LEASE.total_seconds()) == (5, 25, 40)


# Captures that take nothing


def declines_captures(front: Front) -> Instead:
    """The bank does not honour its word: 402, with the payment as it is, and nothing is taken."""

    async def answer(parcel: Parcel) -> web.Response | None:
        if not fnmatchcase(parcel.path, "/v1/payment_intents/*/capture"):
            return None
        looked = await front.pass_on(parcel._replace(method="GET", path=parcel.path.removesuffix("/capture"), body=b""))
        assert isinstance(looked.body, bytes)
        error = {"type": "card_error", "code": "card_declined", "payment_intent": json.loads(looked.body)}
        return web.json_response({"error": error}, status=402)

    return answer


async def test_a_declined_capture_is_before_a_person_and_may_be_made_anew(shop: Checkout, front: Front) -> None:
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    front.instead = declines_captures(front)
    await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    await shop.settle()
    gone = await shop.history(order_id)
    cases = await shop.cases()
    [(call_id, state)] = await rows(shop.db, "SELECT id, state FROM provider_calls WHERE operation = 'capture'")
    front.instead = None
    async with shop.db.transaction() as tx:
        await retry_call(tx, call_id, shop.clock.now())
    await shop.settle()

    assert (gone["payments"][0]["state"], gone["owed"], state) == ("authorised", eur(3900), "refused")
    assert cases == [("capture_refused", gone["payments"][0]["id"])]
    history = await shop.history(order_id)
    assert (history["payments"][0]["state"], history["owed"]) == ("captured", eur(0))
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]


async def test_an_answer_without_the_money_is_no_success(shop: Checkout, front: Front) -> None:
    """200, and the payment is as it was."""
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")

    async def shows_it(parcel: Parcel) -> web.Response | None:
        if not fnmatchcase(parcel.path, "/v1/payment_intents/*/capture"):
            return None
        return await front.pass_on(parcel._replace(method="GET", path=parcel.path.removesuffix("/capture"), body=b""))

    front.instead = shows_it
    await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    await shop.settle()

    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    assert (case["kind"], case["facts"]["code"]) == ("capture_refused", "answered_without_taking_the_money")
    assert (await shop.history(order_id))["owed"] == eur(3900)


async def test_a_capture_after_one_that_was_declined_takes_what_is_its_own(shop: Checkout, front: Front) -> None:
    """Two parcels leave before either is paid for. The first one's money is declined, and later taken after all."""
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.paid(("CHARGER", 3), total=11700, payment="on_shipment")
    part = {"location": "wh-de", "lines": [{"line": 1, "quantity": 1}]}
    for _ in range(2):
        await shop.operator.post(f"/v1/orders/{order_id}/ship", part)
    declines = declines_captures(front)
    told: list[web.Response | None] = []

    async def declines_the_first(parcel: Parcel) -> web.Response | None:
        if not told and (no := await declines(parcel)) is not None:
            told.append(no)
            return no
        return None

    front.instead = declines_the_first
    await shop.settle()
    calls = await rows(shop.db, "SELECT id, state FROM provider_calls WHERE operation = 'capture' ORDER BY seq")
    moved = money(await shop.sandbox.ledger())
    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    lost = {"match": {"method": "POST", "path": "*/capture", "nth": 1, "times": 2}, "fault": "drop_after"}
    await shop.sandbox.faults(lost, events=LOST)
    async with shop.db.transaction() as tx:
        await retry_call(tx, calls[0][0], shop.clock.now())
    await shop.work()
    await shop.advance(2 * MINUTE)
    cleared = await reconcile_doubts(shop.db, shop.gateway, shop.clock.now())

    assert [state for _, state in calls] == ["refused", "answered"]
    assert (case["facts"]["call"], moved) == (calls[0][0], [("capture", 3900)])
    assert (cleared, await open_calls(shop)) == (1, [])
    assert money(await shop.sandbox.ledger()) == [("capture", 3900), ("capture", 3900)]
    assert (await shop.history(order_id))["owed"] == eur(3900)


# Answers from in front of the provider

NOT_STRIPE = [
    (502, "<html>Bad Gateway</html>"),
    (503, '{"error": {"type": "api_error", "message": "overloaded"}}'),
    (504, ""),
    (500, "<html>Server Error</html>"),
    (500, '{"message": "server error"}'),
]


@pytest.mark.parametrize(("status", "words"), NOT_STRIPE)
async def test_who_stands_in_front_gives_up_while_the_charge_is_still_under_way(
    shop: Checkout, front: Front, status: int, words: str
) -> None:
    """The charge is made a minute later. A look right now would not find it, and another key would charge twice."""
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="later")
    under_way: list[Parcel] = []

    async def gives_up(parcel: Parcel) -> web.Response | None:
        if (parcel.method, parcel.path) != ("POST", "/v1/payment_intents") or under_way:
            return None
        under_way.append(parcel)
        return web.Response(status=status, text=words, content_type="application/json")

    front.instead = gives_up
    await shop.sandbox.faults(events=LOST)
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    before = money(await shop.sandbox.ledger())
    [first] = under_way
    assert (await front.pass_on(first)).status == 200
    await shop.pass_time(MINUTE)

    assert before == []
    assert (await shop.payment(order_id))["state"] == "captured"
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]
    assert {parcel.headers["Idempotency-Key"] for parcel in under_way} == {first.headers["Idempotency-Key"]}
