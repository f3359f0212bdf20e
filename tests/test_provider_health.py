"""Readiness and the payment provider: whether it answers is told, and stops nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from litestar import Litestar
from structlog.testing import capture_logs

from commerce.app import build_app
from commerce.embedded.supervisor import free_port
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.operations.health import ProviderProbe
from orders.payments.port import NotNow
from orders.payments.reconcile import reconcile_doubts
from orders.payments.stripe_gateway import StripeGateway
from orders.payments.tasks import Caller, payment_jobs
from tests.conftest import Callers, problem, started
from tests.paid_store import paid_store
from tests.paying import checkout
from tests.stories import told
from tests.stripe_backends import StripeSandbox
from tests.turnstiles import until

READY = {"database": "ok", "schema": "ok", "redis": "not used"}


class Provider:
    """A server that gives every request the same answer, and counts them."""

    def __init__(self, status: str) -> None:
        self.status = status
        self.asked: list[bytes] = []
        self.url = ""

    async def answer(self, heard: asyncio.StreamReader, said: asyncio.StreamWriter) -> None:
        """Note the request and answer it; asyncio calls this."""
        self.asked.append(await heard.readuntil(b"\r\n\r\n"))
        said.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await said.drain()
        said.close()


class Silent:
    """A server that takes whatever it is told and never answers."""

    def __init__(self) -> None:
        self.lines: list[asyncio.StreamReader] = []
        self.url = ""

    async def listen(self, heard: asyncio.StreamReader, said: asyncio.StreamWriter) -> None:
        """Listen until they hang up; asyncio calls this."""
        self.lines.append(heard)
        await heard.read()
        said.close()


@asynccontextmanager
async def silent() -> AsyncIterator[Silent]:
    """Such a server on a port of its own."""
    one = Silent()
    async with await asyncio.start_server(one.listen, "127.0.0.1", 0) as server:
        one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield one


@asynccontextmanager
async def provider(status: str) -> AsyncIterator[Provider]:
    """A provider on a port of its own."""
    one = Provider(status)
    async with await asyncio.start_server(one.answer, "127.0.0.1", 0) as server:
        one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield one


async def readiness(callers: Callers) -> tuple[int, str]:
    """Whether requests are taken, and what is said of payments."""
    answer = await callers.nobody().get("/health/ready")
    parts = answer.json()["parts"]
    word = parts.pop("payments")
    assert parts == READY
    return answer.status_code, str(word)


async def heard(callers: Callers, other_than: str = "unknown") -> tuple[int, str]:
    """The next word about payments."""
    async with asyncio.timeout(10):
        while (found := await readiness(callers))[1] == other_than:
            pass
    return found


async def test_orders_are_taken_while_nobody_answers_for_payments(app: Litestar, callers: Callers) -> None:
    app.state["provider"] = ProviderProbe(f"http://127.0.0.1:{free_port()}")

    assert await readiness(callers) == (200, "unknown")
    assert await heard(callers) == (200, "away")


@pytest.mark.parametrize(
    ("status", "word"), [("200 OK", "ok"), ("404 Not Found", "ok"), ("401 Unauthorized", "ok"), ("500 Broken", "away")]
)
async def test_a_provider_that_answers_is_there_whatever_it_says_of_us(
    app: Litestar, callers: Callers, status: str, word: str
) -> None:
    async with provider(status) as one:
        app.state["provider"] = ProviderProbe(one.url)
        found = await heard(callers)

    assert found == (200, word)
    [asked] = one.asked
    assert asked.startswith(b"GET /healthcheck HTTP/1.1\r\n")
    assert b"authorization" not in asked.lower()


async def test_a_provider_is_asked_once_in_ten_seconds_however_many_want_to_know(
    app: Litestar, callers: Callers, clock: SetClock
) -> None:
    async with provider("200 OK") as one:
        app.state["provider"] = ProviderProbe(one.url)
        together = await asyncio.gather(*(heard(callers) for _ in range(20)))
        clock.advance(timedelta(seconds=9))
        one.status = "503 Down"
        later = await readiness(callers)
        asked_by_then = len(one.asked)
        clock.advance(timedelta(seconds=1))
        after_ten_seconds = [await readiness(callers), await heard(callers, "ok")]

    assert (set(together), later, asked_by_then) == ({(200, "ok")}, (200, "ok"), 1)
    assert (after_ten_seconds, len(one.asked)) == ([(200, "ok"), (200, "away")], 2)


async def test_a_provider_that_hangs_keeps_no_probe_waiting(db: Database, clock: SetClock) -> None:
    """It takes a request and never answers. Probes have the last word at once, and nothing is left behind."""
    async with silent() as one:
        app = build_app(db, provider_url=one.url)
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar types its scope
        async with started(app), httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            words = []
            for _ in range(3):
                words += [(await client.get("/health/ready")).json()["parts"]["payments"] for _ in range(2)]
                await until(lambda: len(one.lines) > 0)
                clock.advance(timedelta(seconds=20))
            asked, open_then = len(one.lines), [line.at_eof() for line in one.lines]
        await until(lambda: all(line.at_eof() for line in one.lines))

    assert words == ["unknown"] * 6
    assert (asked, open_then) == (1, [False]), "one at a time, and it was still waiting"
    assert not [task for task in asyncio.all_tasks() if "ProviderProbe" in repr(task)]


async def test_a_redis_that_hangs_keeps_no_probe_waiting_for_a_second(app: Litestar, callers: Callers) -> None:
    async with silent() as one:
        app.state["redis_url"] = one.url.replace("http", "redis")
        async with asyncio.timeout(1):
            answer = await callers.nobody().get("/health/ready")

    assert (answer.status_code, answer.json()["parts"]["redis"]) == (200, "away")


async def test_an_account_that_is_refused_is_one_case_for_a_person_and_stops_nobody(
    db: Database, clock: SetClock, stripe_sandbox: StripeSandbox, app: Litestar, callers: Callers
) -> None:
    """Somebody revoked our key at the provider. Whoever comes upon it - a buyer, the worker, the night - says so."""
    app.state["provider"] = ProviderProbe(stripe_sandbox.url)

    async with paid_store(db, clock, stripe_sandbox) as shop:
        waiting, new = [await shop.place(("CHARGER", 1), total=3900) for _ in range(2)]
        await shop.buyer_pays(await shop.begin(waiting))
        await shop.deliver()
        before = await heard(callers)
        revoked = StripeGateway("sk_live_revoked", base=stripe_sandbox.url)
        with capture_logs() as logs:
            async with checkout(db, clock, stripe_sandbox, revoked) as refused:
                answer = await refused.web.post(f"/v1/orders/{new}/payments", once="begin")
                async with Caller(db, revoked) as caller:
                    await caller.once()
                await shop.advance(timedelta(minutes=2))
                await reconcile_doubts(db, revoked, clock.now())
                with pytest.raises(NotNow):
                    await payment_jobs(revoked)["reconcile_nightly"].work(db, clock.now())
        cases, after = await shop.cases(), await readiness(callers)
        await shop.work()
        [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
        await shop.operator.post(f"/v1/payment-cases/{case['id']}/close", {"note": "new key"})

        assert problem(answer) == (503, "payment_provider_away")
        assert cases == [("provider_account_refused", "account")]
        assert case["facts"] == {"error": "AuthenticationError: Invalid API Key provided: sk_live_********oked"}
        assert len(await told(db, "payment_case_opened")) == 1
        assert [line["log_level"] for line in logs if line["event"] == "provider_account_refused"] == ["error"] * 3
        assert [before, after, await readiness(callers)] == [(200, "ok"), (200, "account refused"), (200, "ok")]
        assert (await shop.payment(waiting))["state"] == "captured"
        assert (await shop.payment(new))["state"] == "waiting"
