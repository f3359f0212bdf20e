"""Who answers for Stripe: our sandbox, localstripe as a second and foreign opinion, and Stripe's own test mode.

The contract tests say what Stripe does, and run against all three; what localstripe does otherwise is written in
`tests/stripe_differs.py`, and is itself asserted. Stripe's test mode is asked when STRIPE_TEST_API_KEY is set.
"""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from commerce.embedded.parts import Program
from commerce.embedded.supervisor import OUR_COMMAND, free_port
from tests.stripe_differs import LOCALSTRIPE_DIFFERS
from tests.waiting import status_at

Json = dict[str, Any]
TEST_KEY = "STRIPE_TEST_API_KEY"
SECRET = "whsec_of_the_tests"
FINDS = ("--search-lag-s", "0")
"""What was made is found by search at once, unless a story says otherwise."""
BACKENDS = ("sandbox", "localstripe", "test_mode")

ANSWERED: Counter[str] = Counter()
"""How many contract tests each backend answered, for the summary."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count who answered; the report comes from whichever process ran the test."""
    if report.when == "call" and (report.passed or hasattr(report, "wasxfail")):
        ANSWERED.update(str(name) for kind, name in report.user_properties if kind == "answered")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say who answered for Stripe, where anybody was asked."""
    if ANSWERED:
        told = (f"{name} {ANSWERED[name] or 'not run'}" for name in BACKENDS)
        terminalreporter.write_line(f"Stripe contract tests, by who answered: {', '.join(told)}")


def client_of(
    url: str | None, key: str = "sk_test_stories", *, timeout_s: float = 10, retries: int = 0
) -> stripe.StripeClient:
    """The real SDK, pointed at a server; each of its calls is made once, unless `retries` says otherwise."""
    addresses: Any = {"api": url} if url else {}
    http = stripe.HTTPXClient(timeout=timeout_s)
    return stripe.StripeClient(key, base_addresses=addresses, http_client=http, max_network_retries=retries)


class Server(Program):
    """A program that listens on a port of its own; it is ready when it answers anything at all."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        health = f"{self.url}/_sandbox/health"
        super().__init__("server", command, log=log, env=os.environ, answers=lambda: status_at(health) != 0)


def sandbox_server(folder: Path, *words: str) -> Server:
    """`commerce stripe-sandbox` as a process."""
    port = free_port()
    command = [*OUR_COMMAND, "stripe-sandbox", "--port", str(port), "--webhook-secret", SECRET, *FINDS, *words]
    return Server(command, port, folder / f"stripe-sandbox-{port}.log")


@dataclass(slots=True)
class StripeSandbox:
    """The sandbox as the stories use it: Stripe's API at `url`, and everything beside it that plays with it."""

    url: str
    http: httpx.AsyncClient
    secret: str = SECRET
    clients: list[stripe.StripeClient] = field(default_factory=list)

    def client(self, *, timeout_s: float = 10, retries: int = 0) -> stripe.StripeClient:
        """The real SDK, pointed here."""
        client = client_of(self.url, timeout_s=timeout_s, retries=retries)
        self.clients.append(client)
        return client

    async def reset(self) -> None:
        """Be as new: nothing stored, no faults, the real clock."""
        await self._ask("POST", "reset")

    async def set_clock(self, instant: datetime | None) -> None:
        """Stop the clock at an instant; None lets it run again."""
        await self._ask("POST", "clock", {"now": None if instant is None else int(instant.timestamp())})

    async def faults(
        self, *calls: Json, events: Json | None = None, search_lag_s: int | None = None, seed: int = 0
    ) -> None:
        """Set the fault script; without words nothing goes wrong any more."""
        script = {"calls": calls, "events": events or {}, "search_lag_s": search_lag_s, "seed": seed}
        await self._ask("POST", "faults", script)

    async def latency(self, ms: int) -> None:
        """Let every answer take so long."""
        await self._ask("POST", "latency", {"ms": ms})

    async def search_lag(self, seconds: int) -> None:
        """Let search find what was made only so much later, by the sandbox's clock."""
        await self._ask("POST", "search-lag", {"s": seconds})

    async def multicapture(self, *, available: bool) -> None:
        """Be the account of a shop with IC+ pricing, or without; what was paid before stays as it was."""
        await self._ask("POST", "multicapture", {"available": available})

    async def webhook(self, url: str | None, *secrets: str) -> None:
        """Post events there, signed with these secrets; without an address they wait for `deliver`."""
        await self._ask("POST", "webhook", {"url": url, "secrets": secrets or None})

    async def dispute(self, payment_intent: str, status: str | None = None) -> Json:
        """Let the buyer's bank dispute a payment, or decide."""
        return dict(await self._ask("POST", "disputes", {"payment_intent": payment_intent, "status": status}))

    async def authenticate(self, intent: str, outcome: str = "succeed") -> httpx.Response:
        """Let the card's holder answer at the bank's page."""
        return await self.http.post(f"/_sandbox/authenticate/{intent}", params={"outcome": outcome})

    async def ledger(self, after: int = 0) -> list[Json]:
        """What moved, row by row."""
        return list(await self._ask("GET", f"ledger?after={after}"))

    async def calls(self) -> list[Json]:
        """What was asked of it, the first first."""
        return list(await self._ask("GET", "calls"))

    async def deliver(self, most: int = 1_000_000) -> list[Json]:
        """Take the webhooks that are due: event_id, body, signature, due_at."""
        return list(await self._ask("POST", "deliveries/take", {"most": most}))

    async def _ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - each address answers something else
        answer = await self.http.request(method, f"/_sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="commerce-tests-") as made:
        yield Path(made)


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """One sandbox for all tests."""
    with _folder() as folder:
        server = sandbox_server(folder)
        server.start()
        yield server.url
        server.stop()
        assert server.exit_code == 0


@pytest.fixture
async def stripe_sandbox(sandbox_url: str) -> AsyncIterator[StripeSandbox]:
    """The sandbox, as new for each story."""
    async with httpx.AsyncClient(base_url=sandbox_url, timeout=10) as http:
        sandbox = StripeSandbox(sandbox_url, http)
        await sandbox.reset()
        yield sandbox
        for client in sandbox.clients:
            await close(client)


async def buyer_confirms(http: httpx.AsyncClient, client_secret: str, method: str, publishable: str) -> httpx.Response:
    """What a buyer's browser sends to the provider itself: the payment is confirmed, or the card to be saved."""
    intent = client_secret.partition("_secret_")[0]
    kind = "setup_intents" if intent.startswith("seti_") else "payment_intents"
    facts = {"client_secret": client_secret, "payment_method": method, "return_url": "https://shop.example/thanks"}
    headers = {"Authorization": f"Bearer {publishable}"}
    return await http.post(f"/v1/{kind}/{intent}/confirm", data=facts, headers=headers)


async def close(client: stripe.StripeClient) -> None:
    """Hang up. The SDK has no word for it on a client, so its HTTP client is asked."""
    http: Any = client._requestor._get_http_client()  # noqa: SLF001 - see above
    await http.close_async()


@pytest.fixture(scope="session")
def localstripe_url() -> Iterator[str]:
    """One localstripe for all tests. It writes its state to /tmp, whatever it is told, but does not read it."""
    with _folder() as folder:
        port = free_port()
        command = [sys.executable, "-m", "localstripe", "--from-scratch", "--port", str(port)]
        server = Server(command, port, folder / "localstripe.log")
        server.start()
        yield server.url
        server.stop()


def charge_of(intent: stripe.PaymentIntent) -> str:
    """The id of an intent's charge; localstripe shows the whole charge, asked or not."""
    charge = intent.latest_charge
    assert charge is not None
    return charge if isinstance(charge, str) else charge.id


def plain(node: Any) -> Json:  # noqa: ANN401 - the SDK's objects know no common type
    """What the SDK wrapped, as a dictionary."""
    return dict(node.items()) if isinstance(node, dict) else dict(node.to_dict())


@dataclass(frozen=True, slots=True)
class Backend:
    """A server that answers for Stripe. `cards` are the words by which an intent takes cards and nothing else."""

    name: str
    client: stripe.StripeClient
    cards: Mapping[str, Any]

    async def pay(self, amount: int, method: str = "pm_card_visa", **words: Any) -> stripe.PaymentIntent:  # noqa: ANN401 - parameters are of any kind
        """Pay at once by a card."""
        said: Any = {
            "amount": amount,
            "currency": "eur",
            "payment_method": method,
            "confirm": True,
            **self.cards,
            **words,
        }
        return await self.client.v1.payment_intents.create_async(said)

    async def card_that_asks_its_holder(self) -> str:
        """A payment method whose holder is asked at every payment.

        Stripe's test mode takes no card number with a secret key, unless an account is opened for that, and has a
        payment method by name for it. localstripe does not know this name, but it knows the number.
        """
        if self.name != "localstripe":
            return "pm_card_authenticationRequired"
        card = {"number": "4000002760003184", "exp_month": 12, "exp_year": 2034, "cvc": "123"}
        said: Any = {"type": "card", "card": card}
        return (await self.client.v1.payment_methods.create_async(said)).id

    async def customer_with(self, method: str) -> tuple[str, str]:
        """A new customer and a payment method that is kept with it."""
        customer = await self.client.v1.customers.create_async({"email": "ines@example.com"})
        kept = await self.client.v1.payment_methods.attach_async(method, {"customer": customer.id})
        return customer.id, kept.id


@pytest.fixture(params=BACKENDS)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """Each server that answers for Stripe, in turn."""
    name: str = request.param
    if name == "sandbox":
        url = request.getfixturevalue("sandbox_url")
        async with httpx.AsyncClient(base_url=url) as http:
            await StripeSandbox(url, http).reset()
        made = Backend(name, client_of(url), {"allowed_payment_method_types": ["card"]})
    elif name == "localstripe":
        reason = LOCALSTRIPE_DIFFERS.get(request.node.originalname)
        if reason:
            raises = (AssertionError, AttributeError, stripe.StripeError, pytest.fail.Exception)
            request.applymarker(pytest.mark.xfail(reason=f"localstripe: {reason}", strict=True, raises=raises))
        made = Backend(name, client_of(request.getfixturevalue("localstripe_url")), {"payment_method_types": ["card"]})
    else:
        key = os.environ.get(TEST_KEY, "")
        if not key:
            pytest.skip(f"{TEST_KEY} is not set")
        assert key.startswith("sk_test_"), "contract tests move no real money"
        made = Backend(name, client_of(None, key), {"allowed_payment_method_types": ["card"]})
    request.node.user_properties.append(("answered", name))
    yield made
    await close(made.client)
