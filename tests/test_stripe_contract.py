"""What Stripe does, as far as we rely on it: asked of our sandbox, of localstripe, and of Stripe's test mode."""

from typing import Any

import pytest
import stripe

from tests.stripe_backends import Backend, charge_of, plain


async def test_a_customer_is_kept_with_what_we_wrote_beside_it(backend: Backend) -> None:
    customers = backend.client.v1.customers
    made = await customers.create_async(
        {"email": "ines@example.com", "name": "Ines", "metadata": {"customer": "cst_1", "shop": "de"}}
    )

    await customers.update_async(made.id, {"name": "Ines B.", "metadata": {"shop": "at", "since": "2026"}})
    known = await customers.retrieve_async(made.id)

    assert made.id.startswith("cus_")
    assert (known.email, known.name) == ("ines@example.com", "Ines B.")
    assert plain(known.metadata) == {"customer": "cst_1", "shop": "at", "since": "2026"}


async def test_a_card_pays_at_once(backend: Backend) -> None:
    paid = await backend.pay(1999, metadata={"order": "ord_1"}, expand=["latest_charge"])

    assert (paid.status, paid.amount, paid.currency) == ("succeeded", 1999, "eur")
    assert plain(paid.metadata) == {"order": "ord_1"}
    charge = paid.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.status, charge.captured, charge.paid, charge.amount) == ("succeeded", True, True, 1999)
    assert (charge.amount_refunded, charge.refunded) == (0, False)


async def test_what_was_received_stands_on_the_intent(backend: Backend) -> None:
    paid = await backend.pay(1999)

    assert (paid.amount_received, paid.amount_capturable) == (1999, 0)
    charge = await backend.client.v1.charges.retrieve_async(charge_of(paid))
    assert (charge.amount_captured, charge.payment_intent, charge.payment_method) == (
        1999,
        paid.id,
        paid.payment_method,
    )


async def test_an_intent_waits_to_be_confirmed(backend: Backend) -> None:
    intents = backend.client.v1.payment_intents
    said: Any = {"amount": 1999, "currency": "eur", **backend.cards}
    empty = await intents.create_async(said)
    said["payment_method"] = "pm_card_visa"
    ready = await intents.create_async(said)

    confirmed = await intents.confirm_async(ready.id)

    assert (empty.status, ready.status, confirmed.status) == (
        "requires_payment_method",
        "requires_confirmation",
        "succeeded",
    )
    assert empty.client_secret is not None
    assert empty.client_secret.startswith(f"{empty.id}_secret_")
    assert ready.latest_charge is None


async def test_a_payment_method_can_be_named_when_confirming(backend: Backend) -> None:
    intents = backend.client.v1.payment_intents
    said: Any = {"amount": 1999, "currency": "eur", **backend.cards}
    intent = await intents.create_async(said)

    confirmed = await intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})

    assert confirmed.status == "succeeded"


async def test_a_decline_is_a_402_that_leaves_the_intent_open(backend: Backend) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await backend.pay(1999, "pm_card_visa_chargeDeclined")

    error = declined.value
    assert (error.http_status, error.code) == (402, "card_declined")
    assert error.error is not None
    assert error.error.decline_code == "generic_decline"
    intent = error.error.payment_intent
    assert intent is not None
    known = await backend.client.v1.payment_intents.retrieve_async(intent.id)
    assert (known.status, known.payment_method, known.amount_received) == ("requires_payment_method", None, 0)
    assert known.last_payment_error is not None
    assert known.last_payment_error.decline_code == "generic_decline"
    charge = await backend.client.v1.charges.retrieve_async(charge_of(known))
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, "card_declined")


async def test_another_card_pays_what_the_first_did_not(backend: Backend) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await backend.pay(1999, "pm_card_visa_chargeDeclined")
    assert declined.value.error is not None
    intent = declined.value.error.payment_intent
    assert intent is not None

    paid = await backend.client.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_mastercard"})

    assert (paid.id, paid.status, paid.last_payment_error) == (intent.id, "succeeded", None)


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
async def test_declines_say_why(backend: Backend, method: str, code: str, decline_code: str) -> None:
    with pytest.raises(stripe.CardError) as declined:
        await backend.pay(1999, method)

    assert declined.value.error is not None
    assert (declined.value.code, declined.value.error.decline_code) == (code, decline_code)


async def test_a_hold_is_captured_later(backend: Backend) -> None:
    held = await backend.pay(5000, capture_method="manual")
    captured = await backend.client.v1.payment_intents.capture_async(held.id)

    assert held.status == "requires_capture"
    assert captured.status == "succeeded"


async def test_a_hold_says_what_and_until_when(backend: Backend) -> None:
    held = await backend.pay(5000, capture_method="manual", expand=["latest_charge"])

    assert (held.amount_capturable, held.amount_received) == (5000, 0)
    charge = held.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.captured, charge.amount_captured, charge.paid) == (False, 0, True)
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.capture_before == charge.created + 7 * 24 * 3600


async def test_less_may_be_captured_than_was_held(backend: Backend) -> None:
    held = await backend.pay(5000, capture_method="manual")

    captured = await backend.client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 3000})

    assert (captured.status, captured.amount) == ("succeeded", 5000)
    assert (captured.amount_received, captured.amount_capturable) == (3000, 0)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 2000})
    assert refused.value.code == "payment_intent_unexpected_state"


async def test_more_than_was_held_is_not_captured(backend: Backend) -> None:
    held = await backend.pay(5000, capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 5001})

    assert refused.value.http_status == 400
    known = await backend.client.v1.payment_intents.retrieve_async(held.id)
    assert known.status == "requires_capture"


async def test_a_capture_that_is_too_large_says_so(backend: Backend) -> None:
    held = await backend.pay(5000, capture_method="manual")

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 5001})

    assert (refused.value.param, refused.value.code) == ("amount_to_capture", "amount_too_large")


async def test_a_hold_is_let_go(backend: Backend) -> None:
    held = await backend.pay(5000, capture_method="manual")

    canceled = await backend.client.v1.payment_intents.cancel_async(held.id)

    assert canceled.status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        await backend.client.v1.payment_intents.confirm_async(held.id)


async def test_a_hold_that_was_let_go_is_gone(backend: Backend) -> None:
    intents = backend.client.v1.payment_intents
    held = await backend.pay(5000, capture_method="manual")

    canceled = await intents.cancel_async(held.id, {"cancellation_reason": "requested_by_customer"})

    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "requested_by_customer")
    assert (canceled.amount_capturable, canceled.amount_received) == (0, 0)
    charge = await backend.client.v1.charges.retrieve_async(charge_of(held))
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (0, 0, False)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await intents.capture_async(held.id)
    assert refused.value.code == "payment_intent_unexpected_state"


async def test_an_intent_can_be_cancelled_before_it_is_paid(backend: Backend) -> None:
    said: Any = {"amount": 1999, "currency": "eur", **backend.cards}
    intent = await backend.client.v1.payment_intents.create_async(said)

    canceled = await backend.client.v1.payment_intents.cancel_async(intent.id)

    assert canceled.status == "canceled"


async def test_what_is_paid_is_not_cancelled(backend: Backend) -> None:
    paid = await backend.pay(1999)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.payment_intents.cancel_async(paid.id)

    assert refused.value.http_status == 400
    assert (await backend.client.v1.payment_intents.retrieve_async(paid.id)).status == "succeeded"


async def test_a_refusal_shows_the_intent_as_it_is(backend: Backend) -> None:
    paid = await backend.pay(1999)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await backend.client.v1.payment_intents.cancel_async(paid.id)

    error = refused.value
    assert error.code == "payment_intent_unexpected_state"
    assert error.error is not None
    assert error.error.payment_intent is not None
    assert (error.error.payment_intent.id, error.error.payment_intent.status) == (paid.id, "succeeded")


async def test_a_holder_who_is_there_is_asked(backend: Backend) -> None:
    asked = await backend.pay(1999, await backend.card_that_asks_its_holder())

    assert asked.status == "requires_action"
    assert asked.next_action is not None
    assert asked.next_action.type == "use_stripe_sdk"


async def test_a_redirect_leads_back_to_the_shop(backend: Backend) -> None:
    asked = await backend.pay(1999, "pm_card_authenticationRequired", return_url="https://shop.example.com/paid")

    assert asked.status == "requires_action"
    assert asked.next_action is not None
    assert asked.next_action.redirect_to_url is not None
    assert asked.next_action.redirect_to_url.return_url == "https://shop.example.com/paid"


async def test_a_holder_who_is_away_cannot_be_asked(backend: Backend) -> None:
    customer, method = await backend.customer_with(await backend.card_that_asks_its_holder())

    with pytest.raises(stripe.CardError) as declined:
        await backend.pay(1999, method, customer=customer, off_session=True)

    error = declined.value
    assert (error.http_status, error.code) == (402, "authentication_required")
    assert error.error is not None
    assert error.error.payment_method is not None
    assert error.error.payment_method.id == method
    assert error.error.payment_intent is not None
    assert error.error.payment_intent.status == "requires_payment_method"


async def test_a_mandate_is_set_up(backend: Backend) -> None:
    customer = await backend.client.v1.customers.create_async({"email": "ines@example.com"})
    said: Any = {"customer": customer.id, "usage": "off_session", **backend.cards}
    setup = await backend.client.v1.setup_intents.create_async(said)

    done = await backend.client.v1.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_visa"})

    assert (setup.status, done.status, done.usage) == ("requires_payment_method", "succeeded", "off_session")
    assert (done.customer, done.id) == (customer.id, setup.id)


async def test_a_mandate_keeps_the_card_and_is_charged_later(backend: Backend) -> None:
    customer = await backend.client.v1.customers.create_async({"email": "ines@example.com"})
    said: Any = {"customer": customer.id, **backend.cards}
    setup = await backend.client.v1.setup_intents.create_async(said)
    done = await backend.client.v1.setup_intents.confirm_async(setup.id, {"payment_method": "pm_card_visa"})

    method = await backend.client.v1.payment_methods.retrieve_async(str(done.payment_method))
    paid = await backend.pay(1999, method.id, customer=customer.id, off_session=True)

    assert method.customer == customer.id
    assert (paid.status, paid.payment_method) == ("succeeded", method.id)


async def test_a_kept_card_is_charged_when_its_holder_is_away(backend: Backend) -> None:
    customer, method = await backend.customer_with("pm_card_visa")

    paid = await backend.pay(1999, method, customer=customer, off_session=True)

    assert (paid.status, paid.customer, paid.payment_method) == ("succeeded", customer, method)


async def test_a_kept_card_may_decline_later(backend: Backend) -> None:
    customer, method = await backend.customer_with("pm_card_chargeCustomerFail")

    with pytest.raises(stripe.CardError) as declined:
        await backend.pay(1999, method, customer=customer, off_session=True)

    assert declined.value.code == "card_declined"


async def test_a_card_that_declines_cannot_be_kept(backend: Backend) -> None:
    customer = await backend.client.v1.customers.create_async({})

    with pytest.raises(stripe.CardError) as declined:
        await backend.client.v1.payment_methods.attach_async("pm_card_visa_chargeDeclined", {"customer": customer.id})

    assert declined.value.code == "card_declined"


async def test_a_kept_card_is_listed_until_it_is_let_go(backend: Backend) -> None:
    customer, method = await backend.customer_with("pm_card_visa")
    said: Any = {"customer": customer, "type": "card"}
    kept = await backend.client.v1.payment_methods.list_async(said)

    await backend.client.v1.payment_methods.detach_async(method)
    left = await backend.client.v1.payment_methods.list_async(said)

    assert ([each.id for each in kept.data], [each.id for each in left.data]) == ([method], [])


async def test_somebody_elses_card_does_not_pay(backend: Backend) -> None:
    _, method = await backend.customer_with("pm_card_visa")
    stranger = await backend.client.v1.customers.create_async({})

    with pytest.raises(stripe.InvalidRequestError):
        await backend.pay(1999, method, customer=stranger.id)
    with pytest.raises(stripe.InvalidRequestError):
        await backend.pay(1999, method)
