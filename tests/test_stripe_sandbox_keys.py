"""The sandbox's keys where the contract cannot reach: calls that cross, keys that die, what is not kept."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from tests.conftest import NOON
from tests.stripe_backends import StripeSandbox

HEADERS = {"Authorization": "Bearer sk_test_stories"}
PAY = {
    "amount": "1999",
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "allowed_payment_method_types[]": "card",
}


async def post(sandbox: StripeSandbox, path: str, form: dict[str, str], key: str) -> httpx.Response:
    """A call with a key, as it goes over the wire."""
    return await sandbox.http.post(f"/v1/{path}", data=form, headers={**HEADERS, "Idempotency-Key": key})


def code(answer: httpx.Response) -> Any:  # noqa: ANN401 - a code, or none
    """What an error is called."""
    return answer.json()["error"].get("code")


async def test_the_same_words_in_another_order_are_the_same_request(stripe_sandbox: StripeSandbox) -> None:
    first = await post(stripe_sandbox, "payment_intents", PAY, "k1")
    again = await post(stripe_sandbox, "payment_intents", dict(reversed(PAY.items())), "k1")

    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert again.headers["request-id"] != first.headers["request-id"]
    assert [row["amount"] for row in await stripe_sandbox.ledger()] == [1999]
    assert [(call["key"], call["status"], call["replayed"]) for call in await stripe_sandbox.calls()] == [
        ("k1", 200, False),
        ("k1", 200, True),
    ]


async def test_a_key_under_way_is_in_use(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.latency(200)

    crossing = await asyncio.gather(*(post(stripe_sandbox, "payment_intents", PAY, "k1") for _ in range(3)))

    first, *others = sorted(crossing, key=lambda answer: answer.status_code)
    assert (first.status_code, [answer.status_code for answer in others]) == (200, [409, 409])
    assert [code(answer) for answer in others] == ["idempotency_key_in_use"] * 2
    assert others[0].headers["stripe-should-retry"] == "true"
    assert (await post(stripe_sandbox, "payment_intents", PAY, "k1")).content == first.content
    assert [row["amount"] for row in await stripe_sandbox.ledger()] == [1999]


async def test_a_key_belongs_to_its_endpoint(stripe_sandbox: StripeSandbox) -> None:
    await post(stripe_sandbox, "customers", {}, "k1")

    other = await post(stripe_sandbox, "setup_intents", {}, "k1")

    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert "'/v1/setup_intents' vs '/v1/customers'" in other.json()["error"]["message"]


async def test_a_key_can_be_too_long(stripe_sandbox: StripeSandbox) -> None:
    longest = await post(stripe_sandbox, "customers", {}, "k" * 255)
    longer = await post(stripe_sandbox, "customers", {}, "k" * 256)

    assert (longest.status_code, longer.status_code) == (200, 400)


async def test_what_could_not_be_read_leaves_the_key_free(stripe_sandbox: StripeSandbox) -> None:
    wrong = await post(stripe_sandbox, "payment_intents", {**PAY, "amount": "much"}, "k1")
    right = await post(stripe_sandbox, "payment_intents", PAY, "k1")

    assert (wrong.status_code, right.status_code) == (400, 200)
    assert "idempotent-replayed" not in right.headers


async def test_what_failed_after_it_began_is_kept(stripe_sandbox: StripeSandbox) -> None:
    """The payment method comes to be in between; the key still says that there is none."""
    form = {"amount": "1999", "currency": "eur", "confirm": "true", "allowed_payment_method_types[]": "card"}
    wrong = await post(stripe_sandbox, "payment_intents", form, "k1")
    again = await post(stripe_sandbox, "payment_intents", form, "k1")

    assert (wrong.status_code, code(wrong)) == (400, "payment_intent_unexpected_state")
    assert (again.content, again.headers["idempotent-replayed"]) == (wrong.content, "true")


async def test_a_key_dies_after_a_day(stripe_sandbox: StripeSandbox) -> None:
    await stripe_sandbox.set_clock(NOON)
    first = await post(stripe_sandbox, "payment_intents", PAY, "k1")
    await stripe_sandbox.set_clock(NOON + timedelta(hours=24, seconds=-1))
    late = await post(stripe_sandbox, "payment_intents", PAY, "k1")
    await stripe_sandbox.set_clock(NOON + timedelta(hours=24))
    too_late = await post(stripe_sandbox, "payment_intents", PAY, "k1")

    assert late.content == first.content
    assert too_late.json()["id"] != first.json()["id"]
    assert len(await stripe_sandbox.ledger()) == 2
