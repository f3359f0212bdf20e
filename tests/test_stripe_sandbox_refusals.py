"""What Stripe refuses, the sandbox refuses as well: who is content here would be surprised there."""

from typing import Any

import pytest
import stripe

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
