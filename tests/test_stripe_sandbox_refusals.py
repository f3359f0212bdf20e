"""What Stripe refuses, the sandbox refuses as well: who is content here would be surprised there."""

from typing import Any

import pytest
import stripe

from commerce.stripe_sandbox.currencies import AMOUNT_MIN, CURRENCIES
from tests.stripe_backends import StripeSandbox

IBAN: Any = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}}
CARDS: Any = {"allowed_payment_method_types": ["card"]}


async def test_a_setup_for_cards_takes_no_bank_account(stripe_sandbox: StripeSandbox) -> None:
    client = stripe_sandbox.client()
    setup = await client.v1.setup_intents.create_async(CARDS)

    with pytest.raises(stripe.InvalidRequestError, match="This SetupIntent does not accept sepa_debit") as refused:
        await client.v1.setup_intents.confirm_async(setup.id, {"payment_method_data": IBAN})

    left = await client.v1.setup_intents.retrieve_async(setup.id)
    assert (refused.value.param, left.status, left.payment_method) == (
        "payment_method",
        "requires_payment_method",
        None,
    )


@pytest.mark.parametrize("kind", ["payment_intents", "setup_intents"])
async def test_a_way_back_is_for_who_confirms(stripe_sandbox: StripeSandbox, kind: str) -> None:
    said = {"amount": 1999, "currency": "eur"} if kind == "payment_intents" else {}
    service: Any = getattr(stripe_sandbox.client().v1, kind)

    with pytest.raises(stripe.InvalidRequestError, match="unless `confirm` is true") as refused:
        await service.create_async({**said, "return_url": "https://shop.example.com/paid"})

    assert refused.value.param == "return_url"


async def test_a_customer_who_was_deleted_keeps_nothing(stripe_sandbox: StripeSandbox) -> None:
    """Only asking for the customer itself is answered: it says that it is deleted."""
    client = stripe_sandbox.client()
    methods = client.v1.payment_methods
    gone = (await client.v1.customers.create_async({})).id
    await methods.attach_async("pm_card_visa", {"customer": gone})
    await client.v1.customers.delete_async(gone)

    heard = []
    for asked in (
        methods.attach_async("pm_card_visa", {"customer": gone}),
        methods.list_async({"customer": gone}),
        client.v1.customers.payment_methods.list_async(gone),
        client.v1.customers.update_async(gone, {"name": "Ines"}),
        client.v1.customers.delete_async(gone),
        client.v1.payment_intents.create_async({"amount": 1999, "currency": "eur", "customer": gone}),
        client.v1.setup_intents.create_async({"customer": gone}),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=f"No such customer: '{gone}'") as refused:
            await asked
        heard.append((refused.value.http_status, refused.value.code, refused.value.param))

    by_parameter, by_path = (400, "resource_missing", "customer"), (404, "resource_missing", "id")
    assert heard == [
        by_parameter,
        by_parameter,
        (404, "resource_missing", "customer"),
        by_path,
        by_path,
        by_parameter,
        by_parameter,
    ]
    assert (await client.v1.customers.retrieve_async(gone)).deleted is True


@pytest.mark.parametrize("currency", ["xqz", "iqd", "euro", "€uo"])
async def test_money_that_stripe_does_not_take_is_refused(stripe_sandbox: StripeSandbox, currency: str) -> None:
    client = stripe_sandbox.client()

    with pytest.raises(stripe.InvalidRequestError, match=f"Invalid currency: {currency}.") as refused:
        await client.v1.payment_intents.create_async({"amount": 1999, "currency": currency})

    assert refused.value.param == "currency"


def test_what_has_a_least_amount_is_a_currency() -> None:
    assert AMOUNT_MIN.keys() - CURRENCIES == set()


@pytest.mark.parametrize(
    ("currency", "whole", "odd", "code"),
    [
        ("isk", 39_000, 39_001, "invalid_charge_amount_no_decimal_compatible"),
        ("ugx", 39_000, 39_050, "invalid_charge_amount_no_decimal_compatible"),
        ("kwd", 39_000, 39_005, "invalid_charge_amount"),
    ],
)
async def test_fractions_that_stripe_does_not_take_are_refused(
    stripe_sandbox: StripeSandbox, currency: str, whole: int, odd: int, code: str
) -> None:
    intents, refunds = stripe_sandbox.client().v1.payment_intents, stripe_sandbox.client().v1.refunds
    held = await intents.create_async({
        "amount": whole, "currency": currency, "capture_method": "manual", "allowed_payment_method_types": ["card"],
        "payment_method": "pm_card_visa", "confirm": True,
    })  # fmt: skip
    heard = []
    for asking in (
        intents.create_async({"amount": odd, "currency": currency}),
        intents.capture_async(held.id, {"amount_to_capture": odd - 1000}),
        intents.capture_async(held.id),
        refunds.create_async({"payment_intent": held.id, "amount": odd - 1000}),
    ):
        try:
            heard.append((await asking).status)
        except stripe.InvalidRequestError as refused:
            heard.append(f"{refused.param}: {refused.code}")

    assert heard == [f"amount: {code}", f"amount_to_capture: {code}", "succeeded", f"amount: {code}"]
