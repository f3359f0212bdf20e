"""Openings refused: what the provider will not open for a reason of ours costs nobody their card or their order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web

from orders.payments import stripe_words
from orders.payments.deadlines import keep_deadlines
from tests.conftest import problem
from tests.front import Front, Instead, Parcel
from tests.paying import Checkout, checkout, money, whats
from tests.shop import rows
from tests.stories import POOLS, eur

MINUTE = timedelta(minutes=1)
CHARGER = ("CHARGER", 1)
CALLS = "SELECT operation, state, key = id FROM provider_calls ORDER BY seq"


def account_may_not(*paths: str) -> Instead:
    """The provider has put our account on hold: whatever is to be opened is refused."""

    async def answer(parcel: Parcel) -> web.Response | None:
        if parcel.method != "POST" or parcel.path not in paths:
            return None
        told = {"type": "invalid_request_error", "code": "account_on_hold", "message": "Your account is on hold."}
        return web.json_response({"error": told}, status=400)

    return answer


async def test_no_card_is_forgotten_for_what_is_wrong_with_our_account(shop: Checkout, front: Front) -> None:
    """Every charge of a batch is refused alike. One case tells of it; when it is put right they are charged."""
    shop = replace(shop, gateway=front.gateway())
    orders = [await shop.paid(CHARGER, total=3900, payment="later") for _ in range(3)]
    front.instead = account_may_not("/v1/payment_intents")
    for order_id in orders:
        await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.pass_time(timedelta(days=3), timedelta(hours=6))
    before = [await shop.history(order_id) for order_id in orders]
    [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
    front.instead = None
    await shop.pass_time(3 * MINUTE, MINUTE)

    assert [(one["order"]["state"], one["payments"][0]["state"]) for one in before] == [("placed", "intended")] * 3
    assert [whats(one, "saved_means_refused") for one in before] == [[]] * 3
    assert (case["kind"], case["subject"], case["facts"]["error"]) == (
        "opening_refused", "account_on_hold", "account_on_hold: InvalidRequestError: Your account is on hold.",
    )  # fmt: skip
    assert [(await shop.history(order_id))["owed"] for order_id in orders] == [eur(0)] * 3
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)] * 3


@pytest.mark.parametrize(("plan", "path"), [("now", "/v1/payment_intents"), ("later", "/v1/setup_intents")])
async def test_no_order_is_lost_while_our_account_is_on_hold(
    shop: Checkout, front: Front, plan: str, path: str
) -> None:
    """The buyer is told to come again, and does so an hour later."""
    async with checkout(shop.db, shop.clock, shop.sandbox, front.gateway()) as fronted:
        order_id = await fronted.place(CHARGER, total=3900, payment=plan)
        front.instead = account_may_not(path)
        away = await fronted.web.post(f"/v1/orders/{order_id}/payments")
        await fronted.pass_time(60 * MINUTE, 10 * MINUTE)
        front.instead = None
        await fronted.pass_time(3 * MINUTE, MINUTE)
        await fronted.buyer_pays(await fronted.begin(order_id))
        await fronted.settle()

        assert problem(away) == (503, "payment_provider_away")
        history = await fronted.history(order_id)
        assert (history["order"]["state"], history["owed"]) == ("placed", eur(0 if plan == "now" else 3900))
        assert await fronted.cases() == [("opening_refused", "account_on_hold")]


@pytest.mark.parametrize(("plan", "path"), [("now", "/v1/payment_intents"), ("later", "/v1/setup_intents")])
async def test_who_is_refused_for_a_day_is_let_go_with_the_goods(
    shop: Checkout, front: Front, plan: str, path: str
) -> None:
    async with checkout(shop.db, shop.clock, shop.sandbox, front.gateway()) as fronted:
        goods = await rows(fronted.db, POOLS)
        order_id = await fronted.place(CHARGER, total=3900, payment=plan)
        front.instead = account_may_not(path)
        await fronted.web.post(f"/v1/orders/{order_id}/payments")
        await fronted.pass_time(timedelta(hours=25), timedelta(minutes=30))
        await fronted.pass_time(5 * MINUTE, MINUTE)

        assert (await fronted.history(order_id))["order"]["state"] == "cancelled"
        assert [state for _, state, _ in await rows(fronted.db, CALLS)] in (["refused", "answered"], ["refused"])
        assert await rows(fronted.db, POOLS) == goods


async def test_a_charge_that_nobody_wants_any_more_is_not_asked_for_again(shop: Checkout, front: Front) -> None:
    shop = replace(shop, gateway=front.gateway())
    order_id = await shop.paid(CHARGER, total=3900, payment="later")
    front.instead = account_may_not("/v1/payment_intents")
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    await shop.operator.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed their mind"})
    await shop.pass_time(4 * MINUTE, MINUTE)
    front.instead = None
    await shop.pass_time(4 * MINUTE, MINUTE)

    assert await rows(shop.db, CALLS) == [
        ("ask_mandate", "answered", True), ("open", "refused", False), ("cancel", "answered", True),
    ]  # fmt: skip
    assert (await shop.payment(order_id))["state"] == "cancelled"
    assert money(await shop.sandbox.ledger()) == []


async def test_an_amount_that_is_never_taken_is_no_order(shop: Checkout) -> None:
    order_id = await shop.place(CHARGER, total=3900, payment="later", deposit=eur(49))
    refused = await shop.web.post(f"/v1/orders/{order_id}/payments")
    await shop.settle()

    assert problem(refused) == (422, "payment_refused")
    assert refused.json()["facts"]["reason"] == "amount_too_small"
    assert (await shop.history(order_id))["order"]["state"] == "cancelled"


async def test_a_rest_too_small_to_charge_costs_nobody_their_order(shop: Checkout) -> None:
    """Thirty cents are left after a deposit: no card is to blame, and a person decides."""
    order_id = await shop.paid(CHARGER, total=3900, payment="later", deposit=eur(3870))
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.pass_time(timedelta(days=3), timedelta(hours=6))
    history = await shop.history(order_id)
    [rest] = [one for one in history["payments"] if one["purpose"] == "balance"]

    assert (history["order"]["state"], rest["state"]) == ("placed", "intended")
    assert await shop.cases() == [("opening_refused", rest["id"])]
    assert money(await shop.sandbox.ledger()) == [("capture", 3870)]


async def test_an_answer_that_is_not_understood_is_a_doubt(shop: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The charge was made, and this release does not know the word for it; the next one finds it."""
    order_id = await shop.paid(CHARGER, total=3900, payment="later")
    with monkeypatch.context() as old:
        old.delitem(stripe_words._PAYMENTS, "succeeded")  # noqa: SLF001 - a release that does not know the word
        await shop.operator.post(f"/v1/orders/{order_id}/charge")
        await shop.work()
        [(state, error)] = await rows(shop.db, "SELECT state, last_error FROM provider_calls WHERE operation = 'open'")
    await shop.advance(2 * MINUTE)
    await keep_deadlines(shop.db, shop.clock.now())
    await shop.settle()

    assert (state, "succeeded" in error) == ("intended", True)
    assert (await shop.history(order_id))["owed"] == eur(0)
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]
