"""The gateway behind its turnstile: what the provider is asked, and how fast, whatever goes wrong."""

import asyncio
from datetime import timedelta

import pytest

from orders.payments.port import InDoubt, NotNow, OpenPayment, SeenPayment
from orders.payments.rules import Capture
from orders.payments.stripe_gateway import StripeGateway
from tests.conftest import NOON
from tests.stripe_backends import StripeSandbox
from tests.turnstiles import MS, SECOND, SetWatch, alone, until


async def opened(gateway: StripeGateway, number: int) -> SeenPayment | None:
    """Open a payment; None if that is not known."""
    wanted = OpenPayment(
        payment_id=f"pay_{number}", order_id="ord_1", order_number="1", amount=100, currency="EUR",
        capture=Capture.AUTOMATIC,
    )  # fmt: skip
    try:
        return await gateway.open_payment(wanted, key=f"key-{number}")
    except (InDoubt, NotNow):
        return None


@pytest.mark.parametrize("fault", ["error_before", "drop_after", "lock_timeout", "rate_limit"])
async def test_a_provider_in_trouble_is_asked_no_faster(stripe_sandbox: StripeSandbox, fault: str) -> None:
    """Whoever asks again stands in line again: its load must not double when it can bear least."""
    watch = SetWatch()
    gateway = StripeGateway("sk_test_stories", base=stripe_sandbox.url, turnstile=alone(watch))
    await stripe_sandbox.faults({"match": {"path": "/v1/*"}, "fault": fault})
    asking = [asyncio.create_task(opened(gateway, number)) for number in range(100)]
    arrived: list[int] = []
    await until(lambda: watch.waiting == 99)
    watch.advance(SECOND - 40 * MS)
    for second in range(1, 5):
        await until(lambda second=second: sum(one.done() for one in asking) == 25 * second)  # type: ignore[misc]  # bound to this turn of the loop
        arrived.append(len(await stripe_sandbox.calls()) - sum(arrived))
        watch.advance(SECOND)
    answers = await asyncio.gather(*asking)
    await gateway.close()

    assert arrived == [25, 25, 25, 25]
    assert answers == [None] * 100


@pytest.mark.parametrize("fault", ["error_before", "drop_after"])
async def test_a_long_list_does_not_begin_anew_for_one_lost_page(stripe_sandbox: StripeSandbox, fault: str) -> None:
    await stripe_sandbox.set_clock(NOON)
    gateway = StripeGateway("sk_test_stories", base=stripe_sandbox.url)
    made = [await opened(gateway, number) for number in range(101)]
    await stripe_sandbox.faults({"match": {"method": "GET", "nth": 2}, "fault": fault})
    listed = [one async for one in gateway.payments_between(NOON, NOON + timedelta(seconds=1))]
    await gateway.close()
    asked = [call["fault"] for call in await stripe_sandbox.calls() if call["method"] == "GET"]

    assert {one.provider_id for one in listed} == {one.provider_id for one in made if one}
    assert len(listed) == 101
    assert asked == [None, fault, None]
