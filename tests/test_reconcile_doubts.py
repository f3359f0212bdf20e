"""Doubts: a call whose answer was lost is found by looking, two minutes later, whatever it was to do."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from orders.payments.port import SeenPayment
from orders.payments.reconcile import reconcile_doubts
from orders.payments.stripe_gateway import StripeGateway
from tests.paid_store import back, intent_of
from tests.paying import Checkout, money
from tests.shop import rows
from tests.stories import eur, plant

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


class ReadsNothingOf(StripeGateway):
    """One of the payments is told in a word that we do not know."""

    unreadable = ""

    async def look(self, provider_id: str) -> SeenPayment:
        """Look, and be at a loss."""
        if provider_id == self.unreadable:
            raise KeyError("requires_something_new")
        return await super().look(provider_id)


async def test_a_doubt_that_cannot_be_read_stands_in_the_way_of_no_other(shop: Checkout) -> None:
    gateway = ReadsNothingOf("sk_test_stories", base=shop.sandbox.url)
    orders = [await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment") for _ in range(2)]
    gateway.unreadable = await intent_of(shop, orders[0])
    lost = {"match": {"method": "POST", "path": "*/capture"}, "fault": "drop_after"}
    await shop.sandbox.faults(lost, events=LOST)
    for order_id in orders:
        await ship_it(shop, order_id)
    await shop.work()
    await shop.advance(timedelta(minutes=2))
    cleared = await reconcile_doubts(shop.db, gateway, shop.clock.now())
    states = [(await shop.payment(order_id))["state"] for order_id in orders]
    later = await reconcile_doubts(shop.db, shop.gateway, shop.clock.now())
    await gateway.close()

    assert (cleared, states, later) == (1, ["authorised", "captured"], 1)
    assert money(await shop.sandbox.ledger()) == [("capture", 3900)] * 2


HOPELESS = """
    INSERT INTO provider_calls (id, operation, mandate_id, facts, key, key_since, state, created_at, sent_at, next_at)
    SELECT 'pcl_' || n, 'ask_mandate', m.id, '{}', 'pcl_' || n, m.created_at, 'intended', m.created_at, m.created_at,
           m.created_at + interval '1 day'
      FROM mandates m, generate_series(1, 250) AS n
"""


async def test_many_doubts_that_stay_hide_no_other(shop: Checkout) -> None:
    """More than are read at once; nothing is ever found of them."""
    await shop.begin(await shop.place(("CHARGER", 1), total=3900, payment="later"))
    await plant(shop.db, HOPELESS)
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    lost = {"match": {"method": "POST", "path": "*/capture"}, "fault": "drop_after"}
    await shop.sandbox.faults(lost, events=LOST)
    await ship_it(shop, order_id)
    await shop.work()
    await shop.advance(timedelta(minutes=2))
    cleared = await reconcile_doubts(shop.db, shop.gateway, shop.clock.now())
    await plant(shop.db, "DELETE FROM provider_calls WHERE operation = 'ask_mandate' AND state = 'intended'")

    assert (cleared, await rows(shop.db, OPEN_CALLS)) == (1, [(0,)])
    assert (await shop.payment(order_id))["state"] == "captured"
