"""What the stories of payments are told with: a shop with a provider, buyers with cards, and a worker one can hold.

The provider is the sandbox, asked by the real SDK. Time stands still until a story moves it, here and there at once.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.relay import react, relay_once
from commerce.worker import REACTIONS, named, topics
from inventory.tasks import expire_due_holds
from orders.payments.deadlines import keep_deadlines
from orders.payments.reconcile import reconcile_doubts
from orders.payments.stripe_gateway import StripeGateway
from orders.payments.tasks import Caller
from tests.conftest import Api, Callers, Json, application_on
from tests.shop import rows
from tests.stories import order
from tests.stripe_backends import SECRET, StripeSandbox, buyer_confirms

PUBLISHABLE = "pk_test_stories"
VISA, DECLINED, NO_MONEY = "pm_card_visa", "pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds"
WANTS_BUYER, DISPUTED = "pm_card_authenticationRequired", "pm_card_createDispute"
STEPS_MAX = 200


@dataclass(slots=True)
class Checkout:
    """A shop whose buyers pay through the provider, with everybody who is needed for it."""

    db: Database
    clock: SetClock
    sandbox: StripeSandbox
    gateway: StripeGateway
    client: httpx.AsyncClient
    web: Api
    operator: Api
    till: Api

    async def place(self, *wanted: tuple[str, int], total: int, payment: str = "now", **more: object) -> str:
        """Place an order; its id."""
        answer = await self.web.post("/v1/orders", order(*wanted, total=total, payment=payment, **more))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def begin(self, order_id: str, *, once: str | None = None) -> Json:
        """Begin to pay; what the buyer's page gets."""
        answer = await self.web.post(f"/v1/orders/{order_id}/payments", once=once)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def buyer_pays(self, page: Json, method: str = VISA) -> httpx.Response:
        """The buyer's browser confirms the payment, or the card to be saved, at the provider itself."""
        return await buyer_confirms(self.sandbox.http, page["client_secret"], method, PUBLISHABLE)

    async def paid(self, *wanted: tuple[str, int], total: int, method: str = VISA, **more: Any) -> str:  # noqa: ANN401 - what an order may say
        """An order whose buyer has paid; its id."""
        order_id = await self.place(*wanted, total=total, **more)
        await self.buyer_pays(await self.begin(order_id), method)
        await self.settle()
        return order_id

    async def advance(self, by: timedelta) -> None:
        """Let time go by, here and at the provider."""
        await self.sandbox.set_clock(self.clock.advance(by))

    async def deliver(self) -> int:
        """Bring the provider's events to our door; how many there were."""
        events = await self.sandbox.deliver()
        for event in events:
            answer = await self.hear(event["body"], event["signature"])
            assert answer.status_code == 200, answer.text
        return len(events)

    async def hear(self, body: str | bytes, signature: str) -> httpx.Response:
        """An event at our door."""
        raw = body if isinstance(body, bytes) else body.encode()
        return await self.client.post("/v1/webhooks/stripe", content=raw, headers={"Stripe-Signature": signature})

    async def work(self) -> None:
        """The worker does whatever is due now, until nothing is."""
        async with Caller(self.db, self.gateway) as caller:
            for _ in range(STEPS_MAX):
                busy = await caller.once()
                await caller.finish()
                busy = await self._react() or busy
                if not busy:
                    return
        raise AssertionError("the worker never comes to rest")

    async def keep_time(self) -> None:
        """The worker looks at deadlines, holds and doubts."""
        await keep_deadlines(self.db, self.clock.now())
        await expire_due_holds(self.db, self.clock.now())
        await reconcile_doubts(self.db, self.gateway, self.clock.now())

    async def settle(self) -> None:
        """Events arrive and the worker works, until all is quiet."""
        for _ in range(STEPS_MAX):
            heard = await self.deliver()
            await self.work()
            if not heard:
                return
        raise AssertionError("events without end")

    async def pass_time(self, whole: timedelta, step: timedelta = timedelta(seconds=5)) -> None:
        """Let time go by step by step, with everybody at work."""
        end = self.clock.now() + whole
        while self.clock.now() < end:
            await self.advance(step)
            await self.keep_time()
            await self.settle()

    async def history(self, order_id: str) -> Json:
        """An order with all that happened to it."""
        answer = await self.operator.get(f"/v1/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def payment(self, order_id: str) -> Json:
        """The last payment of an order."""
        return dict((await self.history(order_id))["payments"][-1])

    async def refund(self, order_id: str, **wanted: object) -> httpx.Response:
        """Give money back."""
        return await self.operator.post(f"/v1/orders/{order_id}/refunds", wanted)

    async def cases(self) -> list[tuple[str, str]]:
        """The open cases: what kind, and about what."""
        found = await rows(
            self.db, "SELECT kind, subject FROM payment_cases WHERE closed_at IS NULL ORDER BY kind, subject"
        )
        return [(kind, subject) for kind, subject in found]

    async def _react(self) -> bool:
        """Relay what was told, and do every reaction to it."""
        due: list[tuple[str, list[str]]] = []
        begun = await relay_once(
            self.db, topics(REACTIONS), lambda name, ids: due.append((name, ids)), self.clock.now()
        )
        known = named(REACTIONS)
        for name, message_ids in due:
            for message_id in message_ids:
                await react(self.db, name, message_id, known[name])
        return begun > 0


def gateway_to(sandbox: StripeSandbox) -> StripeGateway:
    """The gateway as it is, asking the sandbox."""
    return StripeGateway("sk_test_stories", publishable_key=PUBLISHABLE, webhook_secrets=[SECRET], base=sandbox.url)


@asynccontextmanager
async def checkout(
    db: Database, clock: SetClock, sandbox: StripeSandbox, gateway: StripeGateway | None = None
) -> AsyncIterator[Checkout]:
    """The shop with its provider, at the instant of the clock; it asks through `gateway`, where that is another."""
    await sandbox.set_clock(clock.now())
    gateway = gateway or gateway_to(sandbox)
    async with application_on(db, gateway) as app:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # Litestar types its scope
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            callers = Callers(db, client)
            yield Checkout(
                db,
                clock,
                sandbox,
                gateway,
                client,
                await callers(Role.STOREFRONT, channel="web-de"),
                await callers(Role.OPERATOR),
                await callers(Role.TERMINAL, channel="retail-de", location="berlin"),
            )


def whats(history: Json, *only: str) -> list[str]:
    """What a timeline tells, in order; `only` what begins like one of these."""
    told: Sequence[Json] = history["timeline"]
    return [entry["what"] for entry in told if not only or entry["what"].startswith(only)]


def money(ledger: Sequence[Json]) -> list[tuple[str, int]]:
    """What moved at the provider, in short."""
    return [(row["kind"], row["amount"]) for row in ledger]
