"""Reserved money that is about to expire, when something is in the way: it is asked for once, and before all else."""

import asyncio
from contextvars import Context
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import pytest
from aiohttp import web

from orders.moving import lock_order
from orders.payments.deadlines import keep_deadlines
from tests.front import Front, Instead, Parcel
from tests.paying import Checkout, money, whats
from tests.shop import rows

MINUTE = timedelta(minutes=1)
NO = {400: "invalid_request_error", 402: "card_error"}
WANTED = """
    SELECT p.order_id, c.operation FROM provider_calls c JOIN payments p ON p.id = c.payment_id
     WHERE c.state = 'intended' ORDER BY c.seq
"""
CAPTURES = "SELECT count(*) FROM provider_calls WHERE operation = 'capture'"


@pytest.fixture
def shop(shop: Checkout, front: Front) -> Checkout:
    """The store, behind the front."""
    return replace(shop, gateway=front.gateway())


async def expires(shop: Checkout, order_id: str) -> datetime:
    """When the provider lets go of what is reserved for an order."""
    found = "SELECT capture_before FROM payments WHERE order_id = :id"
    [(before,)] = await rows(shop.db, found, id=order_id)
    return before  # type: ignore[no-any-return]  # whatever the column holds


def refuses_captures(status: int) -> Instead:
    """Nobody gets any money; everything else is passed on."""

    async def answer(parcel: Parcel) -> web.Response | None:
        if not fnmatchcase(parcel.path, "*/capture"):
            return None
        return web.json_response({"error": {"type": NO[status], "code": "no"}}, status=status)

    return answer


@pytest.mark.parametrize("status", NO, ids=["refused", "declined"])
async def test_what_is_refused_before_it_expires_is_asked_for_once(shop: Checkout, front: Front, status: int) -> None:
    """A person hears of it, and when the time is over it is the provider who lets go."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    front.instead = refuses_captures(status)
    await shop.advance(await expires(shop, order_id) - shop.clock.now() - timedelta(hours=11))
    await shop.pass_time(5 * MINUTE, timedelta(seconds=10))
    asked = await rows(shop.db, CAPTURES)
    cases = await shop.cases()
    await shop.pass_time(timedelta(hours=11), timedelta(hours=1))

    assert asked == [(1,)]
    payment = await shop.payment(order_id)
    assert cases == [("capture_refused", payment["id"])]
    history = await shop.history(order_id)
    assert whats(history, "captured_before_expiry") == ["captured_before_expiry"]
    assert (payment["state"], history["order"]["state"], money(await shop.sandbox.ledger())) == (
        "cancelled", "cancelled", [],
    )  # fmt: skip


async def test_what_was_refused_for_a_parcel_is_asked_for_once_more_before_it_expires(
    shop: Checkout, front: Front
) -> None:
    """Nobody saw to the case for days. The money for what left is still there to be taken."""
    order_id = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    front.instead = refuses_captures(400)
    await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    await shop.settle()
    front.instead = None
    await shop.advance(await expires(shop, order_id) - shop.clock.now() - timedelta(hours=11))
    await shop.pass_time(MINUTE, timedelta(seconds=10))

    assert money(await shop.sandbox.ledger()) == [("capture", 3900)]
    assert await rows(shop.db, CAPTURES) == [(2,)]


async def test_what_expires_does_not_wait_for_somebody_long_at_work_on_another_order(shop: Checkout) -> None:
    busy = await shop.place(("CHARGER", 1), total=3900)
    await shop.begin(busy)
    waiting = await shop.place(("CHARGER", 1), total=3900)
    await shop.begin(waiting)
    reserved = await shop.paid(("CHARGER", 1), total=3900, payment="on_shipment")
    await shop.advance(await expires(shop, reserved) - shop.clock.now() - timedelta(hours=11))
    async with shop.db.transaction() as tx:
        await lock_order(tx, busy)
        await asyncio.create_task(keep_deadlines(shop.db, shop.clock.now()), context=Context())
    begun = await rows(shop.db, WANTED)
    await shop.pass_time(MINUTE)

    assert begun == [(reserved, "capture"), (waiting, "cancel")]
    assert (await shop.payment(busy))["state"] == "cancelled"
