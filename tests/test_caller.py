"""The worker's caller: calls and looks each have room, and nobody waits for the network with a connection in hand."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace

import pytest
from aiohttp import web

from commerce.kernel.db import Database
from orders.payments.tasks import LOOKS_MAX, Caller
from tests.front import Front, Parcel
from tests.paid_store import back, intent_of, refunds
from tests.paying import Checkout, money
from tests.stories import plant

FLOOD = """
    INSERT INTO provider_looks (about, provider_id, next_at, asked_at)
    SELECT 'payment', 'pi_flood_' || n, '2026-11-02 11:00Z', '2026-11-02 11:00Z' FROM generate_series(1, 300) AS n
"""


@pytest.fixture
def shop(shop: Checkout, front: Front) -> Checkout:
    """The store, behind the front."""
    return replace(shop, gateway=front.gateway())


async def test_money_goes_back_while_news_comes_in_a_flood(shop: Checkout, front: Front) -> None:
    """Three hundred looks are wanted, and none of them is answered; a refund waits for none of them."""
    order_id = await shop.paid(("CHARGER", 1), total=3900)
    subsided, looked = asyncio.Event(), []

    async def is_slow(parcel: Parcel) -> web.Response | None:
        if "pi_flood" not in parcel.path:
            return None
        looked.append(parcel.path)
        await subsided.wait()
        return web.json_response({"error": {"type": "invalid_request_error", "code": "no"}}, status=404)

    front.instead = is_slow
    await plant(shop.db, FLOOD)
    async with Caller(shop.db, shop.gateway) as caller:
        await caller.once()
        await shop.refund(order_id, **back(500))
        await caller.once()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while len(await shop.sandbox.ledger()) == 1:
                    pass
        looking, moved = len(looked), money(await shop.sandbox.ledger())
        await plant(shop.db, "DELETE FROM provider_looks WHERE tries = 0")
        subsided.set()
    await shop.settle()

    assert looking <= LOOKS_MAX
    assert moved == [("capture", 3900), ("refund", -500)]
    assert refunds(await shop.history(order_id)) == [("goodwill", 500, "succeeded")]


Block = Callable[[Database], AbstractAsyncContextManager[object]]


@pytest.mark.parametrize("block", [Database.transaction, Database.read, Database.snapshot])
async def test_whoever_holds_a_connection_is_not_let_onto_the_network(shop: Checkout, block: Block) -> None:
    """Also where assertions are switched off; and nothing was asked of the provider."""
    intent = await intent_of(shop, await shop.paid(("CHARGER", 1), total=3900))
    asked = len(await shop.sandbox.calls())
    async with block(shop.db):
        with pytest.raises(RuntimeError, match="while a database connection is held"):
            await shop.gateway.look(intent)
    held_back = len(await shop.sandbox.calls()) - asked
    seen = await shop.gateway.look(intent)

    assert (held_back, seen.captured) == (0, 3900)
