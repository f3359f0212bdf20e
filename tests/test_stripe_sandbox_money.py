"""Money in the sandbox over time: holds, captures in parts, refunds that fail, debits, disputes, the ledger."""

import json
from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.conftest import NOON
from tests.stripe_backends import StripeSandbox, plain

CARDS: Any = {"currency": "eur", "confirm": True, "allowed_payment_method_types": ["card"]}
WEEK = timedelta(days=7)
Paid = stripe.PaymentIntent


async def pay(client: stripe.StripeClient, amount: int, method: str = "pm_card_visa", **words: object) -> Paid:
    """Pay at once by a card."""
    said: Any = {**CARDS, "amount": amount, "payment_method": method, **words}
    return await client.v1.payment_intents.create_async(said)


async def told(sandbox: StripeSandbox) -> list[str]:
    """The events since the last look, by their types."""
    return [json.loads(delivery["body"])["type"] for delivery in await sandbox.deliver()]


async def moved(sandbox: StripeSandbox) -> list[tuple[str, int]]:
    """The ledger in short."""
    return [(row["kind"], row["amount"]) for row in await sandbox.ledger()]


def multicapture_of(paid: Paid) -> str:
    """Whether a payment's charge, which came with it, may be captured in parts."""
    status: str = plain(paid)["latest_charge"]["payment_method_details"]["card"]["multicapture"]["status"]
    return status


async def test_a_hold_that_nobody_captures_expires(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    await stripe_sandbox.set_clock(NOON)
    held = await pay(client, 5000, capture_method="manual")
    await stripe_sandbox.set_clock(NOON + WEEK - timedelta(seconds=1))
    assert (await client.v1.payment_intents.retrieve_async(held.id)).status == "requires_capture"
    await told(stripe_sandbox)

    await stripe_sandbox.set_clock(NOON + WEEK)

    assert await told(stripe_sandbox) == ["charge.expired", "payment_intent.canceled"]
    over = await client.v1.payment_intents.retrieve_async(held.id)
    assert (over.status, over.cancellation_reason, over.amount_capturable) == ("canceled", "expired", 0)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.payment_intents.capture_async(held.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert await moved(stripe_sandbox) == []


async def test_what_was_only_held_is_not_refunded(stripe_sandbox: StripeSandbox) -> None:
    """Before 2025-03-31.basil letting go looked like a refund."""
    client = stripe_sandbox.client()
    held = await pay(client, 5000, capture_method="manual", expand=["latest_charge"])
    await told(stripe_sandbox)

    await client.v1.payment_intents.cancel_async(held.id)

    charge = plain(held)["latest_charge"]
    assert plain(await client.v1.charges.retrieve_async(charge["id"])) == charge
    assert (await client.v1.refunds.list_async({})).data == []
    assert await told(stripe_sandbox) == ["payment_intent.canceled"]


async def test_a_hold_is_captured_in_parts_where_the_card_allows_it(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    options = {"card": {"request_multicapture": "if_available"}}
    held = await pay(client, 5000, capture_method="manual", payment_method_options=options)
    capture = client.v1.payment_intents.capture_async

    first = await capture(held.id, {"amount_to_capture": 1000, "final_capture": False})
    second = await capture(held.id, {"amount_to_capture": 2500, "final_capture": False})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await capture(held.id, {"amount_to_capture": 1501, "final_capture": False})
    last = await capture(held.id, {"amount_to_capture": 500})

    assert (first.status, first.amount_received, first.amount_capturable) == ("requires_capture", 1000, 4000)
    assert (second.amount_received, second.amount_capturable) == (3500, 1500)
    assert refused.value.code == "amount_too_large"
    assert (last.status, last.amount_received, last.amount_capturable) == ("succeeded", 4000, 0)
    assert await moved(stripe_sandbox) == [("capture", 1000), ("capture", 2500), ("capture", 500)]
    back = await client.v1.refunds.create_async({"payment_intent": held.id})
    assert back.amount == 4000


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_mastercard", "pm_card_amex"])
@pytest.mark.parametrize(("asked", "agreed"), [(False, True), (True, False)])
async def test_parts_are_only_for_who_asks_and_agreed_on_a_price(
    stripe_sandbox: StripeSandbox, method: str, *, asked: bool, agreed: bool
) -> None:
    """Without parts, the first capture is the last: whatever it leaves is let go."""
    client = stripe_sandbox.client()
    await stripe_sandbox.multicapture(available=agreed)
    options = {"card": {"request_multicapture": "if_available"}} if asked else {}
    held = await pay(
        client, 5000, method, capture_method="manual", payment_method_options=options, expand=["latest_charge"]
    )
    capture = client.v1.payment_intents.capture_async

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await capture(held.id, {"amount_to_capture": 1000, "final_capture": False})
    first = await capture(held.id, {"amount_to_capture": 1000})
    with pytest.raises(stripe.InvalidRequestError) as too_late:
        await capture(held.id, {"amount_to_capture": 4000})

    assert multicapture_of(held) == "unavailable"
    assert refused.value.param == "final_capture"
    assert (first.status, first.amount_received, first.amount_capturable) == ("succeeded", 1000, 0)
    assert too_late.value.code == "payment_intent_unexpected_state"
    assert await moved(stripe_sandbox) == [("capture", 1000)]


async def test_what_was_agreed_on_later_changes_no_hold(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    words: dict[str, Any] = {
        "capture_method": "manual",
        "payment_method_options": {"card": {"request_multicapture": "if_available"}},
        "expand": ["latest_charge"],
    }
    told = []
    for available in (True, False, True):
        await stripe_sandbox.multicapture(available=available)
        told.append(await pay(client, 5000, **words))
    first, second, third = told

    assert [multicapture_of(held) for held in told] == ["available", "unavailable", "available"]
    for held in (first, third):
        part = await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 1, "final_capture": False})
        assert (part.status, part.amount_capturable) == ("requires_capture", 4999)
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.capture_async(second.id, {"amount_to_capture": 1, "final_capture": False})
    await stripe_sandbox.multicapture(available=False)
    await stripe_sandbox.reset()
    assert multicapture_of(await pay(client, 5000, **words)) == "available"


async def test_what_was_captured_of_a_hold_stays_when_the_rest_is_let_go(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    await stripe_sandbox.set_clock(NOON)
    options = {"card": {"request_multicapture": "if_available"}}
    ends = []
    for end in ("expires", "cancelled", "released"):
        held = await pay(client, 5000, capture_method="manual", payment_method_options=options)
        await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 1000, "final_capture": False})
        if end == "cancelled":
            await client.v1.payment_intents.cancel_async(held.id)
        elif end == "released":
            await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 0})
        ends.append(held.id)
    await stripe_sandbox.set_clock(NOON + WEEK)

    for end in ends:
        over = await client.v1.payment_intents.retrieve_async(end)
        assert (over.status, over.amount_received, over.amount_capturable) == ("succeeded", 1000, 0)


async def test_a_refund_may_fail_after_it_succeeded(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    await stripe_sandbox.set_clock(NOON)
    paid = await pay(client, 1000, "pm_card_refundFail", metadata={"order": "ord_1"})
    back = await client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 400})
    await told(stripe_sandbox)

    await stripe_sandbox.set_clock(NOON + timedelta(minutes=1))

    assert await told(stripe_sandbox) == ["refund.updated", "refund.failed", "charge.refund.updated"]
    failed = await client.v1.refunds.retrieve_async(back.id)
    assert (back.status, failed.status, failed.failure_reason) == ("succeeded", "failed", "expired_or_canceled_card")
    charge = await client.v1.charges.retrieve_async(str(paid.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert await stripe_sandbox.ledger(after=1) == [
        {
            "seq": seq,
            "at": int((NOON + timedelta(minutes=minutes)).timestamp()),
            "kind": kind,
            "payment_intent": paid.id,
            "object": back.id,
            "amount": amount,
            "currency": "eur",
            "metadata": {"order": "ord_1"},
        }
        for seq, minutes, kind, amount in ((2, 0, "refund", -400), (3, 1, "refund_failed", 400))
    ]


async def test_a_refund_may_wait(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    await stripe_sandbox.set_clock(NOON)
    paid = await pay(client, 1000, "pm_card_pendingRefund")
    back = await client.v1.refunds.create_async({"payment_intent": paid.id})
    await told(stripe_sandbox)

    await stripe_sandbox.set_clock(NOON + timedelta(minutes=1))

    assert await told(stripe_sandbox) == ["refund.updated", "charge.refund.updated"]
    assert (back.status, (await client.v1.refunds.retrieve_async(back.id)).status) == ("pending", "succeeded")
    assert await moved(stripe_sandbox) == [("capture", 1000), ("refund", -1000)]


@pytest.mark.parametrize(
    ("iban", "status", "rows"),
    [
        ("DE89370400440532013000", "succeeded", [("capture", 1999)]),
        ("DE62370400440532013001", "requires_payment_method", []),
    ],
)
async def test_a_debit_is_decided_later(
    stripe_sandbox: StripeSandbox, iban: str, status: str, rows: list[tuple[str, int]]
) -> None:
    client = stripe_sandbox.client()
    await stripe_sandbox.set_clock(NOON)
    method = await client.v1.payment_methods.create_async({"type": "sepa_debit", "sepa_debit": {"iban": iban}})
    asked = await pay(client, 1999, method.id, allowed_payment_method_types=["sepa_debit"])
    assert (asked.status, await moved(stripe_sandbox)) == ("processing", [])
    assert await told(stripe_sandbox) == ["payment_intent.created", "charge.pending", "payment_intent.processing"]

    await stripe_sandbox.set_clock(NOON + timedelta(seconds=10))

    assert (await client.v1.payment_intents.retrieve_async(asked.id)).status == status
    assert await moved(stripe_sandbox) == rows


async def test_a_dispute_takes_the_money_and_may_bring_it_back(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    paid = await pay(client, 1999, "pm_card_createDispute")
    [dispute] = (await client.v1.disputes.list_async({"payment_intent": paid.id})).data
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 1999)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.refunds.create_async({"payment_intent": paid.id})
    assert refused.value.code == "charge_disputed"
    assert (await told(stripe_sandbox))[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]

    won = await client.v1.disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})

    assert won.status == "won"
    assert await told(stripe_sandbox) == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]
    assert await moved(stripe_sandbox) == [("capture", 1999), ("dispute", -1999), ("dispute_won", 1999)]
    assert (await client.v1.refunds.create_async({"payment_intent": paid.id})).amount == 1999


async def test_any_payment_can_be_disputed_by_hand(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    paid = await pay(client, 1999)
    opened = await stripe_sandbox.dispute(paid.id)
    looked_at = await stripe_sandbox.dispute(paid.id, "under_review")
    lost = await stripe_sandbox.dispute(paid.id, "lost")

    assert [each["status"] for each in (opened, looked_at, lost)] == ["needs_response", "under_review", "lost"]
    assert (await told(stripe_sandbox))[-2:] == ["charge.dispute.updated", "charge.dispute.closed"]
    assert await moved(stripe_sandbox) == [("capture", 1999), ("dispute", -1999)]
    charge = await client.v1.charges.retrieve_async(str(paid.latest_charge))
    assert charge.disputed


async def test_an_inquiry_only_asks(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    paid = await pay(client, 1999, "pm_card_createDisputeInquiry")

    [dispute] = (await client.v1.disputes.list_async({})).data

    assert (dispute.payment_intent, dispute.status) == (paid.id, "warning_needs_response")
    assert await moved(stripe_sandbox) == [("capture", 1999)]
    assert (await client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 100})).status == "succeeded"


async def test_the_balance_is_what_the_ledger_adds_up_to(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    paid = await pay(client, 1999)
    await pay(client, 500, currency="usd")
    await client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 99})

    balance = await client.v1.balance.retrieve_async()

    assert {each.currency: each.amount for each in balance.available} == {"eur": 1900, "usd": 500}
    assert (await client.v1.accounts.retrieve_current_async()).country == "DE"
