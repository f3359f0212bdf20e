"""A recording: requests to the demo shop and its answers, played again on a fresh copy of the shop.

Ids (ours and the payment provider's), numbers made of ids, keys and cursors are new each time. They are told apart by
where they stand: what is new in an answer gets the name that stands at its place in the kept answer, and later requests
are sent with what it is now. What others do between two requests (a buyer, a bank, the worker) is in MEANWHILE.
"""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import stripe
from sqlalchemy import text

from commerce.demo.generate import SHOP
from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.relay import FAILURES_MAX, relay_once
from commerce.operations.examples import Example
from orders.payments.port import PaymentGateway
from orders.payments.tasks import Caller
from orders.reports.programs.tasks import evaluate_attach_programs
from pricing.changes.tasks import move_price_changes
from tests.conftest import Api, Callers
from tests.shop import reprice, rows
from tests.stripe_backends import SECRET, StripeSandbox, buyer_confirms

BOUNDS = {
    Role.STOREFRONT: {"channel": "de-web"},
    Role.TERMINAL: {"channel": "de-retail", "location": "store-hamburg"},
}
PUBLISHABLE = "pk_test_skerrin"
WEBHOOKS = "POST /v1/webhooks/stripe"
FAILS_LATER, REFUND_FAILS = "pm_card_chargeCustomerFail", "pm_card_refundFail"
BANK_DECIDES = timedelta(seconds=61)
_NEW = re.compile(
    r"\b[a-z]{3}_[0-9a-f]{32}(?:_[\w-]{43})?"
    r"|\b(?:pi|seti|ch|re|dp)_[0-9a-f]{24}(?:_secret_[0-9a-f]{24})?\b"
    r"|\b[0-9A-HJKMNP-TV-Z]{9}-[0-9A-HJKMNP-TV-Z]{5}\b"
    r"|\bperson_[a-z2-7]{16}\b"
    r"|\b[0-9a-f]{64}\b|[A-Za-z0-9+/]{86}=="
)
_GIVEN_UP = text("""
    UPDATE outbox_deliveries
       SET failures = :most, last_error = 'ConnectionRefusedError(111, ''Connection refused'')', dead_at = :now
     WHERE message_id = (SELECT id FROM outbox_messages WHERE topic = 'order_placed' ORDER BY id LIMIT 1)
""")


class Recording:
    """The demo shop on a fresh database, and what of its answers is called what."""

    def __init__(
        self, db: Database, clock: SetClock, callers: Callers, sandbox: StripeSandbox, gateway: PaymentGateway
    ) -> None:
        self._db = db
        self._clock = clock
        self._callers = callers
        self._sandbox = sandbox
        self._gateway = gateway
        self._secret = ""
        self._keys: dict[str, Api] = {}
        self._kept: dict[str, str] = {}

    async def open(self) -> None:
        """Load the demo shop, and make a key of each role."""
        await import_folder(self._db, SHOP)
        for role in Role:
            self._keys[role] = await self._callers(role, **BOUNDS.get(role, {}))

    async def give_up(self, _: Example) -> None:
        """Let the reaction to the first order fail until nobody tries it any more."""
        await relay_once(self._db, {"order_placed": ["confirm_to_buyer"]}, None, self._clock.now())
        async with self._db.transaction() as tx:
            await tx.execute(_GIVEN_UP, {"most": FAILURES_MAX, "now": self._clock.now()})

    async def work(self, _: Example) -> None:
        """Let the worker make the calls and looks that are due, a moment later: what happens at once has no order."""
        await self._sandbox.set_clock(self._clock.advance(timedelta(seconds=1)))
        async with Caller(self._db, self._gateway) as caller:
            while await caller.once():
                await caller.finish()

    async def buyer_confirms(self, _: Example) -> None:
        """Let the buyer's browser confirm at the provider what was begun last."""
        card = FAILS_LATER if self._secret.startswith("seti_") else REFUND_FAILS
        await buyer_confirms(self._sandbox.http, self._secret, card, PUBLISHABLE)

    async def refund_comes_back(self, call: Example) -> None:
        """Let the buyer's bank send back what the worker refunded, and the provider tell of it."""
        await self.work(call)
        await self._sandbox.set_clock(self._clock.advance(BANK_DECIDES))
        for event in await self._sandbox.deliver():
            await self._hear(event["body"], event["signature"])
        await self.work(call)

    async def bank_disputes(self, call: Example) -> None:
        """Let the buyer object at their bank to what they paid."""
        [(intent,)] = await rows(self._db, "SELECT provider_id FROM payments WHERE state = 'captured'")
        opened = await self._sandbox.dispute(intent)
        self._learn(call.request, {"data": {"object": {"id": opened["id"]}}})

    async def charge_fails(self, call: Example) -> None:
        """Let the worker charge a card that declines, so that its buyer is sent a link."""
        await self.work(call)
        [(link,)] = await rows(self._db, "SELECT link FROM payments WHERE purpose = 'balance'")
        self._kept[link] = str(call.path["link"])

    async def send(self, call: Example, tag: str | None = None) -> httpx.Response:
        """Send a request exactly as it is kept, but for what is new."""
        await self._sandbox.set_clock(self._clock.advance(timedelta(seconds=1)))
        caller = self._keys[call.role] if call.role else self._callers.nobody()
        method, path = call.route.split()
        for name, value in call.path.items():
            path = path.replace(f"{{{name}}}", self._now(str(value)))
        if method == "GET":
            return await caller.get(path, headers={"If-None-Match": tag} if tag else None, **call.query)
        body = None if call.request is None else json.loads(self._now(json.dumps(call.request)))
        if call.route == WEBHOOKS:
            return await self._sign(json.dumps(body))
        return await (caller.post(path, body) if method == "POST" else caller.send(method, path, body))

    def heard(self, call: Example, answer: httpx.Response) -> Any:  # noqa: ANN401 - whatever the route answers
        """The body of an answer, with what is new in it under its kept names."""
        if not answer.content:
            return None
        if "json" not in answer.headers["content-type"]:
            return answer.text
        body = answer.json()
        self._secret = body.get("client_secret") or self._secret
        self._learn(call.answer, body)
        return self._named(body)

    async def _sign(self, body: str) -> httpx.Response:
        """Send what the provider would send, signed now."""
        at = int(self._clock.now().timestamp())
        return await self._hear(body, stripe.WebhookSignature.generate_signature_header(body, SECRET, at))

    async def _hear(self, body: str, signature: str) -> httpx.Response:
        client = self._callers.nobody().client
        return await client.post("/v1/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})

    def _learn(self, kept: Any, new: Any) -> None:  # noqa: ANN401 - any JSON
        if isinstance(kept, dict) and isinstance(new, dict):
            if isinstance(kept.get("next_cursor"), str) and isinstance(new.get("next_cursor"), str):
                self._kept.setdefault(new["next_cursor"], kept["next_cursor"])
            for key in kept.keys() & new.keys():
                self._learn(kept[key], new[key])
        elif isinstance(kept, list) and isinstance(new, list):
            for one, other in zip(kept, new, strict=False):
                self._learn(one, other)
        elif isinstance(kept, str) and isinstance(new, str):
            names, found = _NEW.findall(kept), _NEW.findall(new)
            if len(names) == len(found):
                self._kept.update(
                    (real, name) for real, name in zip(found, names, strict=True) if real not in self._kept
                )

    def _named(self, new: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(new, dict):
            return {self._named(key): self._named(value) for key, value in new.items()}
        if isinstance(new, list):
            return [self._named(one) for one in new]
        if isinstance(new, str):
            return self._kept.get(new) or _NEW.sub(lambda found: self._kept.get(found[0], found[0]), new)
        return new

    def _now(self, kept: str) -> str:
        """A kept text with what its names stand for now."""
        real = {name: new for new, name in self._kept.items()}
        return real.get(kept) or _NEW.sub(lambda found: real.get(found[0], found[0]), kept)

    async def fair_begins(self, _: Example) -> None:
        """The web shop charges less than the stores do, and nobody wrote down why."""
        await reprice(self._db, "LAPWING-44-SLATE", 22900, channel="de-web")

    async def change_begins(self, _: Example) -> None:
        """Let the price change that was scheduled begin, and the worker see it."""
        self._clock.advance(timedelta(seconds=10))
        await move_price_changes(self._db, self._clock.now())

    async def programs_are_looked_at(self, _: Example) -> None:
        """Let the worker see where the rates of attach programs are."""
        await evaluate_attach_programs(self._db, self._clock.now())


MEANWHILE: dict[str, Callable[[Recording, Example], Awaitable[None]]] = {
    "POST /v1/payments/{thing_id}/confirm": Recording.buyer_confirms,
    "GET /v1/parity-report": Recording.fair_begins,
    "POST /v1/price-changes/{change_id}/roll-back": Recording.change_begins,
    "GET /v1/payment-cases": Recording.refund_comes_back,
    WEBHOOKS: Recording.bank_disputes,
    "GET /v1/disputes": Recording.work,
    "GET /v1/payment-links/{link}": Recording.charge_fails,
    "GET /v1/dead-deliveries": Recording.give_up,
    "GET /v1/reports/attach-alerts": Recording.programs_are_looked_at,
}
"""What happens right before such a request is sent."""
