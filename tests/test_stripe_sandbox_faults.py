"""What goes wrong in the sandbox on purpose, and what is left afterwards: nothing, or the whole thing once."""

import asyncio
from typing import Any

import pytest
import stripe

from tests.stripe_backends import StripeSandbox

PAY: Any = {
    "amount": 1999,
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "confirm": True,
    "allowed_payment_method_types": ["card"],
}
KEY: Any = {"idempotency_key": "k1"}
CREATE = {"method": "POST", "path": "/v1/payment_intents"}


@pytest.mark.parametrize(
    ("fault", "heard", "retried", "done"),
    [
        ("error_before", stripe.APIError, "true", 0),
        ("error_after", stripe.APIError, "false", 1),
        ("drop_after", stripe.APIConnectionError, None, 1),
        ("rate_limit", stripe.RateLimitError, None, 0),
        ("lock_timeout", stripe.RateLimitError, "true", 0),
        ("hang", stripe.APIConnectionError, None, 0),
        ("hang_after", stripe.APIConnectionError, None, 1),
    ],
)
async def test_a_fault_does_nothing_or_everything(
    stripe_sandbox: StripeSandbox, fault: str, heard: type[stripe.StripeError], retried: str | None, done: int
) -> None:
    client = stripe_sandbox.client(timeout_s=0.3)
    await stripe_sandbox.faults({"match": {**CREATE, "nth": 1}, "fault": fault})

    with pytest.raises(heard) as raised:
        await client.v1.payment_intents.create_async(PAY, KEY)

    headers = raised.value.headers or {}
    assert headers.get("stripe-should-retry") == retried
    assert len((await client.v1.payment_intents.list_async({})).data) == done
    assert [row["kind"] for row in await stripe_sandbox.ledger()] == ["capture"] * done
    [call] = [call for call in await stripe_sandbox.calls() if call["method"] == "POST"]
    assert (call["fault"], call["key"], call["status"]) == (fault, "k1", raised.value.http_status)


@pytest.mark.parametrize("fault", ["error_before", "drop_after", "rate_limit", "lock_timeout", "hang", "hang_after"])
async def test_the_same_key_brings_it_to_its_end(stripe_sandbox: StripeSandbox, fault: str) -> None:
    client = stripe_sandbox.client(timeout_s=0.3)
    await stripe_sandbox.faults({"match": {**CREATE, "nth": 1}, "fault": fault})
    with pytest.raises(stripe.StripeError):
        await client.v1.payment_intents.create_async(PAY, KEY)

    paid = await client.v1.payment_intents.create_async(PAY, KEY)

    assert paid.status == "succeeded"
    assert [row["payment_intent"] for row in await stripe_sandbox.ledger()] == [paid.id]


async def test_a_server_error_is_all_a_key_will_ever_say(stripe_sandbox: StripeSandbox) -> None:
    """The payment is there all the same, and is found by what was written beside it."""
    client = stripe_sandbox.client()
    await stripe_sandbox.faults({"match": {**CREATE, "nth": 1}, "fault": "error_after"})
    said: Any = {**PAY, "metadata": {"order": "ord_1"}}
    bodies = []
    for _ in range(2):
        with pytest.raises(stripe.APIError) as broken:
            await client.v1.payment_intents.create_async(said, KEY)
        bodies.append((broken.value.http_status, broken.value.http_body))

    found = await client.v1.payment_intents.search_async({"query": "metadata['order']:'ord_1'"})

    assert bodies[0] == bodies[1]
    assert bodies[0][0] == 500
    assert [each.status for each in found.data] == ["succeeded"]


async def test_the_sdk_repeats_what_it_should(stripe_sandbox: StripeSandbox) -> None:
    """With its own retries on: lost answers, locks and errors before anything began, each under one key."""
    client = stripe_sandbox.client(retries=2)
    for fault in ("drop_after", "lock_timeout", "error_before"):
        await stripe_sandbox.faults({"match": {**CREATE, "nth": 1}, "fault": fault})
        assert (await client.v1.payment_intents.create_async(PAY)).status == "succeeded"

    assert len(await stripe_sandbox.ledger()) == 3
    assert [call["fault"] for call in await stripe_sandbox.calls()] == [
        *("drop_after", None),
        *("lock_timeout", None),
        *("error_before", None),
    ]


async def test_faults_count_what_they_match(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    intent = await client.v1.payment_intents.create_async({"amount": 1999, "currency": "eur"})
    await stripe_sandbox.faults(
        {"match": {"method": "GET", "path": "/v1/payment_intents/*", "nth": 2, "times": 2}, "fault": "rate_limit"},
        {"match": {"path": "/v1/customers*", "times": 1}, "fault": "error_before"},
    )

    answers = []
    for _ in range(5):
        try:
            await client.v1.payment_intents.retrieve_async(intent.id)
            answers.append("fine")
        except stripe.RateLimitError:
            answers.append("too many")
    with pytest.raises(stripe.APIError):
        await client.v1.customers.list_async({})
    await client.v1.customers.list_async({})

    assert answers == ["fine", "too many", "too many", "fine", "fine"]


async def test_a_fault_may_be_meant_for_one_caller(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.faults({"match": {"agent": "shop/* (night)", "times": 1}, "fault": "rate_limit"})

    for agent in ("shop/1 (day)", "shop/1 (night)", "shop/2 (night)"):
        headers = {"Authorization": "Bearer sk_test_stories", "User-Agent": agent}
        await stripe_sandbox.http.get("/v1/balance", headers=headers)

    assert [(call["agent"], call["status"]) for call in await stripe_sandbox.calls()] == [
        ("shop/1 (day)", 200),
        ("shop/1 (night)", 429),
        ("shop/2 (night)", 200),
    ]


async def test_a_share_falls_the_same_way_again(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    script = {"match": {"method": "GET", "path": "/v1/balance", "share": 0.3}, "fault": "rate_limit"}

    async def throw(seed: int) -> list[str | None]:
        await stripe_sandbox.reset()
        await stripe_sandbox.faults(script, seed=seed)
        for _ in range(40):
            try:
                await client.v1.balance.retrieve_async()
            except stripe.RateLimitError:
                continue
        return [call["fault"] for call in await stripe_sandbox.calls()]

    first, again, other = await throw(1), await throw(1), await throw(2)

    assert first == again
    assert first != other
    assert 4 <= first.count("rate_limit") <= 20


async def test_a_caller_who_hangs_does_not_hold_up_the_others(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client(timeout_s=0.3)
    await stripe_sandbox.faults({"match": {**CREATE, "times": 5}, "fault": "hang"})

    hanging = [asyncio.create_task(client.v1.payment_intents.create_async(PAY)) for _ in range(5)]
    await stripe_sandbox.client().v1.customers.create_async({})
    heard = await asyncio.gather(*hanging, return_exceptions=True)

    assert [type(each) for each in heard] == [stripe.APIConnectionError] * 5
