"""Doubts: a call whose answer was lost is found by looking, two minutes later, whatever it was to do."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from orders.payments.reconcile import reconcile_doubts
from tests.paid_store import back
from tests.paying import Checkout, money
from tests.shop import rows
from tests.stories import eur

LOST = {"drop": 1}
OPEN_CALLS = "SELECT count(*) FROM provider_calls WHERE state = 'intended'"


async def test_a_call_in_doubt_is_found_after_two_minutes(shop: Checkout) -> None:
    """The answer is lost, and sending again is a matter of a minute more: the search finds it before."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="later")
    lost = {"match": {"method": "POST", "path": "/v1/payment_intents", "times": 2}, "fault": "drop_after"}
    await shop.sandbox.faults(lost, events=LOST)
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    cleared = []
    for minutes in (1, 1):
        cleared.append(await reconcile_doubts(shop.db, shop.gateway, shop.clock.now()))
        await shop.advance(timedelta(minutes=minutes))
    cleared.append(await reconcile_doubts(shop.db, shop.gateway, shop.clock.now()))
    cleared.append(await reconcile_doubts(shop.db, shop.gateway, shop.clock.now()))
    await shop.settle()

    assert cleared == [0, 0, 1, 0]
    assert (await shop.payment(order_id))["state"] == "captured"
    assert await rows(shop.db, OPEN_CALLS) == [(0,)]
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]


async def test_what_was_not_done_is_not_found_and_is_done_later(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="later")
    await shop.sandbox.faults({"match": {"method": "POST"}, "fault": "error_before"})
    await shop.operator.post(f"/v1/orders/{order_id}/charge")
    await shop.work()
    await shop.advance(timedelta(minutes=2))
    cleared = await reconcile_doubts(shop.db, shop.gateway, shop.clock.now())
    await shop.sandbox.faults()
    await shop.work()

    assert cleared == 0
    assert (await shop.payment(order_id))["state"] == "captured"
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]


async def refund_it(shop: Checkout, order_id: str) -> None:
    """Give everything back."""
    await shop.refund(order_id, **back(3900))


async def ship_it(shop: Checkout, order_id: str) -> None:
    """Send the goods, so that the reserved money is taken."""
    await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})


async def cancel_it(shop: Checkout, order_id: str) -> None:
    """Cancel, so that the reserved money is let go."""
    await shop.web.post(f"/v1/orders/{order_id}/cancel", {"reason": "test"})


Deed = Callable[[Checkout, str], Awaitable[None]]
DOUBTS: list[tuple[str, Deed, str, str, list[tuple[str, int]]]] = [
    ("now", refund_it, "/v1/refunds", "captured", [("capture", 3900), ("refund", -3900)]),
    ("on_shipment", ship_it, "/v1/payment_intents/*/capture", "captured", [("capture", 3900)]),
    ("on_shipment", cancel_it, "/v1/payment_intents/*/cancel", "cancelled", []),
]


@pytest.mark.parametrize(("payment", "deed", "path", "state", "moved"), DOUBTS, ids=["refund", "capture", "cancel"])
async def test_every_doubt_is_cleared_up_by_looking(
    shop: Checkout, payment: str, deed: Deed, path: str, state: str, moved: list[tuple[str, int]]
) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment=payment)
    lost = {"match": {"method": "POST", "path": path}, "fault": "drop_after"}
    await shop.sandbox.faults(lost, events=LOST)
    await deed(shop, order_id)
    await shop.work()
    await shop.advance(timedelta(minutes=2))
    open_before = await rows(shop.db, OPEN_CALLS)
    cleared = await reconcile_doubts(shop.db, shop.gateway, shop.clock.now())

    assert (open_before, cleared, await rows(shop.db, OPEN_CALLS)) == ([(1,)], 1, [(0,)])
    assert (await shop.payment(order_id))["state"] == state
    assert money(await shop.sandbox.ledger()) == moved
    assert await shop.cases() == []


async def test_a_doubt_stays_while_the_provider_is_away(shop: Checkout) -> None:
    order_id = await shop.paid(("CHARGER", 1), total=3900)
    await shop.sandbox.faults({"match": {}, "fault": "error_before"})
    await refund_it(shop, order_id)
    await shop.work()
    await shop.advance(timedelta(minutes=30))
    cleared = await reconcile_doubts(shop.db, shop.gateway, shop.clock.now())

    assert (cleared, await rows(shop.db, OPEN_CALLS)) == (0, [(1,)])
    await shop.sandbox.faults()
    await shop.settle()
    assert (await shop.payment(order_id))["refunded"] == eur(3900)
