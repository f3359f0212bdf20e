"""Amounts at Stripe: whatever its unit for a currency is, a buyer pays and gets back what stands in our books."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from commerce.kernel.money import AMOUNT_MAX, Money
from orders.payments.port import OpenPayment, ProviderRefused, SeenPayment
from orders.payments.rules import Capture
from orders.payments.stripe_amounts import from_stripe, to_stripe
from orders.payments.stripe_gateway import StripeGateway
from tests.paying import PUBLISHABLE, VISA, gateway_to
from tests.stripe_backends import StripeSandbox, buyer_confirms

KNOWN = sorted(one.code for one in Currency if one.exponent is not None)
"""Every currency that money may be in."""
IN_FULL = [("EUR", 3_900, 3_900), ("JPY", 39_000, 39_000), ("ISK", 39_000, 3_900_000), ("UGX", 39_000, 3_900_000),
           ("MGA", 3_900_000, 39_000), ("KWD", 39_000, 39_000), ("HUF", 3_900_000, 3_900_000)]  # fmt: skip
"""39 euros, 39,000 yen, krónur, shillings, ariary and forints, 39 dinars: in our unit, and in Stripe's."""


@pytest.fixture
async def gateway(stripe_sandbox: StripeSandbox) -> AsyncIterator[StripeGateway]:
    """The gateway as it is, asking the sandbox."""
    gateway = gateway_to(stripe_sandbox)
    yield gateway
    await gateway.close()


async def opened(gateway: StripeGateway, currency: str, amount: int) -> SeenPayment:
    """A payment that waits for its buyer, whose card is only charged when it is captured."""
    wanted = OpenPayment(
        payment_id="pay_1", order_id="ord_1", order_number="1", amount=amount, currency=currency, capture=Capture.MANUAL
    )
    return await gateway.open_payment(wanted, key="open")


async def pays(sandbox: StripeSandbox, seen: SeenPayment) -> None:
    """The buyer pays it in their browser."""
    await buyer_confirms(sandbox.http, seen.client_secret or "", VISA, PUBLISHABLE)


@pytest.mark.parametrize(("currency", "ours", "theirs"), IN_FULL)
async def test_a_buyer_pays_what_the_order_says(
    gateway: StripeGateway, stripe_sandbox: StripeSandbox, currency: str, ours: int, theirs: int
) -> None:
    """Opened, reserved, captured, given back in part, disputed: the sandbox counts as Stripe does, we as ISO does."""
    part, back = ours // 2, ours // 10
    waiting = await opened(gateway, currency, ours)
    await pays(stripe_sandbox, waiting)
    taken = await gateway.capture(waiting.provider_id, Money(part, currency), last=True, key="capture")
    refund = await gateway.refund(waiting.provider_id, Money(back, currency), refund_id="rfd_1", key="refund")
    after = await gateway.look(waiting.provider_id)
    dispute = await stripe_sandbox.dispute(waiting.provider_id)
    disputed = await gateway.look_at_dispute(dispute["id"])

    assert [(row["kind"], row["amount"]) for row in await stripe_sandbox.ledger()][:2] == [
        ("capture", theirs // 2), ("refund", -(theirs // 10)),
    ]  # fmt: skip
    intent = await stripe_sandbox.client().v1.payment_intents.retrieve_async(waiting.provider_id)
    assert (intent.amount, intent.amount_received, intent.currency) == (theirs, theirs // 2, currency.lower())
    assert (waiting.amount, waiting.captured, waiting.currency) == (ours, 0, currency)
    assert (taken.amount, taken.captured, taken.refunded) == (ours, part, 0)
    assert (after.amount, after.captured, after.refunded) == (ours, part, back)
    assert (refund.amount, refund.currency) == (back, currency)
    assert (disputed.amount, disputed.currency) == (part - back, currency)


@pytest.mark.parametrize(("currency", "ours"), [("MGA", 3_900_050), ("KWD", 39_001)])
async def test_what_stripe_cannot_take_in_full_is_refused_before_it_is_asked(
    gateway: StripeGateway, stripe_sandbox: StripeSandbox, currency: str, ours: int
) -> None:
    """A part of an ariary, and a fils: nothing is rounded, and nothing is sent."""
    odd = Money(ours, currency)
    for asking in (
        opened(gateway, currency, ours),
        gateway.capture("pi_1", odd, last=True, key="capture"),
        gateway.refund("pi_1", odd, refund_id="rfd_1", key="refund"),
    ):
        with pytest.raises(ProviderRefused) as refused:
            await asking
        assert refused.value.code == "amount_not_possible"
    assert await stripe_sandbox.calls() == []


@given(st.integers(1, AMOUNT_MAX), st.sampled_from(KNOWN))
def test_an_amount_comes_back_as_it_was_told(minor: int, currency: str) -> None:
    """Whatever the currency: in full, or not at all. What is worth a hundred units is always told in full."""
    for amount in (minor, minor * 100):
        try:
            theirs = to_stripe(Money(amount, currency))
        except ProviderRefused:
            assert amount % 100
            assert currency in {"MGA", "BHD", "JOD", "KWD", "OMR", "TND", "IQD", "LYD", "CLF", "UYW"}
        else:
            assert from_stripe(theirs, currency) == amount


@given(st.integers(1, AMOUNT_MAX), st.sampled_from(KNOWN))
def test_what_stripe_tells_in_whole_units_is_told_back_alike(theirs: int, currency: str) -> None:
    assert to_stripe(Money(from_stripe(theirs * 100, currency), currency)) == theirs * 100


def test_what_is_not_ours_is_shown_as_well_as_can_be() -> None:
    """A currency that ISO gave up stays as it is told; a fraction of a króna, from when there were, is rounded."""
    assert from_stripe(12_345, "STD") == 12_345
    assert [from_stripe(theirs, "ISK") for theirs in (4_010, 4_050, 4_100)] == [40, 41, 41]
