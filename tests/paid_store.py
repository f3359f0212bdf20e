"""What stories of money share: a store whose laws hold at the end, and orders that are paid."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Json
from tests.paying import Checkout, checkout
from tests.shop import put_stock, rows
from tests.stories import eur, every_law_holds, open_store
from tests.stripe_backends import StripeSandbox

HELD = "SELECT coalesce(sum(units), 0)::int FROM holds WHERE reference = :id AND ended_at IS NULL"


@pytest.fixture
async def shop(db: Database, clock: SetClock, stripe_sandbox: StripeSandbox) -> AsyncIterator[Checkout]:
    """A store whose buyers pay through the provider."""
    async with paid_store(db, clock, stripe_sandbox) as made:
        yield made


@asynccontextmanager
async def paid_store(db: Database, clock: SetClock, sandbox: StripeSandbox) -> AsyncIterator[Checkout]:
    """The store in Berlin, a warehouse with phones and chargers, and the provider; whatever happens, laws hold."""
    await open_store(db)
    await put_stock(db, "PHONE-WHT", "wh-de", 5)
    await put_stock(db, "CHARGER", "wh-de", 300)
    async with checkout(db, clock, sandbox) as made:
        yield made
        await every_law_holds(db)


async def shipped(shop: Checkout, *wanted: tuple[str, int], total: int, **more: Any) -> str:  # noqa: ANN401 - what an order may say
    """An order that was paid, and whose goods have all left; its id."""
    order_id = await shop.paid(*wanted, total=total, **more)
    answer = await shop.operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    assert answer.status_code == 200, answer.text
    await shop.settle()
    return order_id


def refunds(history: Json) -> list[tuple[str, int, str]]:
    """The refunds of an order: why, how much, and how far they have come."""
    return [(one["reason"], one["amount"]["amount"], one["state"]) for one in history["refunds"]]


def back(amount: int, reason: str = "goodwill", **more: object) -> Json:
    """A wish for some euro cents to go back."""
    return {"reason": reason, "amount": eur(amount), **more}


async def intent_of(shop: Checkout, order_id: str) -> str:
    """The provider's id of an order's last payment."""
    found = "SELECT provider_id FROM payments WHERE order_id = :id ORDER BY created_at DESC, id DESC LIMIT 1"
    return str((await rows(shop.db, found, id=order_id))[0][0])


async def held(shop: Checkout, order_id: str) -> int:
    """How many units are held for an order."""
    return int((await rows(shop.db, HELD, id=order_id))[0][0])
