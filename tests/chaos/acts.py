"""What buyers, the shop's people and the provider's do in the stories, one thing each."""

from collections.abc import AsyncIterator

import httpx

from tests.conftest import Json
from tests.paying import VISA, Checkout
from tests.shop import rows
from tests.stories import plant

GOODWILL = 500
AT_THE_PROVIDER = {"Authorization": "Bearer sk_test_stories"}
"""Somebody works at the provider itself, beside us."""

Story = AsyncIterator[str]
"""Yields the order's id."""


async def page(shop: Checkout, order_id: str) -> Json | None:
    """What the buyer's page gets, or None: the provider is away, and the page asks again with the same key."""
    answer = await shop.web.post(f"/v1/orders/{order_id}/payments", once=f"begin-{order_id}")
    assert answer.status_code in {201, 503}, answer.text
    return dict(answer.json()) if answer.status_code == 201 else None


async def pays(shop: Checkout, order_id: str) -> Story:
    """The buyer opens the page as soon as there is one, and pays."""
    while (opened := await page(shop, order_id)) is None:
        yield order_id
    answer = await shop.buyer_pays(opened, VISA)
    assert answer.status_code == 200, answer.text


async def confirmed(shop: Checkout, thing_id: str) -> bool:
    """The buyer is back, and the page asks how their payment stands; False: it has to ask again."""
    answer = await shop.web.post(f"/v1/payments/{thing_id}/confirm")
    assert answer.status_code in {200, 503}, answer.text
    return answer.status_code == 200


async def ask(shop: Checkout, order_id: str, what: str, **body: object) -> None:
    """The shop's people ask something of an order."""
    answer = await shop.operator.post(f"/v1/orders/{order_id}/{what}", body)
    assert answer.status_code == 200, answer.text


async def ship_one(shop: Checkout, order_id: str) -> None:
    """One unit of the first line leaves."""
    await ask(shop, order_id, "ship", location="wh-de", lines=[{"line": 1, "quantity": 1}])


async def due(shop: Checkout, job: str) -> None:
    """The hour of a job has come."""
    await plant(shop.db, f"UPDATE schedules SET next_at = '{shop.clock.now().isoformat()}' WHERE name = '{job}'")


async def at_provider(shop: Checkout, order_id: str) -> str:
    """What the provider calls an order's payment."""
    [(intent,)] = await rows(shop.db, "SELECT provider_id FROM payments WHERE order_id = :id", id=order_id)
    return str(intent)


async def opened_for(shop: Checkout, order_id: str) -> list[str]:
    """How everything stands that was opened for an order there, sorted."""
    listed = await shop.sandbox.http.get("/v1/payment_intents?limit=100", headers=AT_THE_PROVIDER)
    return sorted(each["status"] for each in listed.json()["data"] if each["metadata"].get("order") == order_id)


async def refund_at_provider(shop: Checkout, order_id: str) -> None:
    """Somebody gives money back there, without us."""
    facts = {"payment_intent": await at_provider(shop, order_id), "amount": str(GOODWILL)}
    made: httpx.Response = await shop.sandbox.http.post("/v1/refunds", data=facts, headers=AT_THE_PROVIDER)
    assert made.status_code == 200, made.text
