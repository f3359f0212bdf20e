"""Readiness and the payment provider: whether it answers is told, and stops nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from litestar import Litestar
from structlog.testing import capture_logs

from commerce.embedded.supervisor import free_port
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.operations.health import ProviderProbe
from orders.payments.port import NotNow
from orders.payments.reconcile import reconcile_doubts
from orders.payments.stripe_gateway import StripeGateway
from orders.payments.tasks import Caller, payment_jobs
from tests.conftest import Callers, problem
from tests.paid_store import paid_store
from tests.paying import checkout
from tests.stories import told
from tests.stripe_backends import StripeSandbox

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


@asynccontextmanager
async def provider(status: str) -> AsyncIterator[Provider]:
    """A provider on a port of its own."""
    one = Provider(status)
    async with await asyncio.start_server(one.answer, "127.0.0.1", 0) as server:
        one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield one


async def test_orders_are_taken_while_nobody_answers_for_payments(app: Litestar, callers: Callers) -> None:
    app.state["provider"] = ProviderProbe(f"http://127.0.0.1:{free_port()}")

    answer = await callers.nobody().get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"ready": True, "parts": {**READY, "payments": "away"}})


@pytest.mark.parametrize(
    ("status", "word"), [("200 OK", "ok"), ("404 Not Found", "ok"), ("401 Unauthorized", "ok"), ("500 Broken", "away")]
)
async def test_a_provider_that_answers_is_there_whatever_it_says_of_us(
    app: Litestar, callers: Callers, status: str, word: str
) -> None:
    async with provider(status) as one:
        app.state["provider"] = ProviderProbe(one.url)
        answer = await callers.nobody().get("/health/ready")

    assert (answer.status_code, answer.json()["parts"]) == (200, {**READY, "payments": word})
    [asked] = one.asked
    assert asked.startswith(b"GET /healthcheck HTTP/1.1\r\n")
    assert b"authorization" not in asked.lower()


async def test_a_provider_is_asked_once_in_ten_seconds_however_many_want_to_know(
    app: Litestar, callers: Callers, clock: SetClock
) -> None:
    nobody = callers.nobody()

    async def heard() -> str:
        return str((await nobody.get("/health/ready")).json()["parts"]["payments"])

    async with provider("200 OK") as one:
        app.state["provider"] = ProviderProbe(one.url)
        together = await asyncio.gather(*(heard() for _ in range(20)))
        clock.advance(timedelta(seconds=9))
        one.status = "503 Down"
        later = await heard()
        asked_by_then = len(one.asked)
        clock.advance(timedelta(seconds=1))
        after_ten_seconds = await heard()

    assert (set(together), later, asked_by_then) == ({"ok"}, "ok", 1)
    assert (after_ten_seconds, len(one.asked)) == ("away", 2)


async def test_who_leaves_while_the_provider_is_asked_takes_the_answer_from_nobody(clock: SetClock) -> None:
    async with provider("200 OK") as one:
        probe = ProviderProbe(one.url)
        leaving = asyncio.create_task(probe.look(clock.now()))
        staying = asyncio.create_task(probe.look(clock.now()))
        await asyncio.sleep(0)  # One turn of the loop: one asks, the other waits for the same answer.
        leaving.cancel()

        assert await staying == "ok"
    assert len(one.asked) == 1


async def test_an_account_that_is_refused_is_one_case_for_a_person_and_stops_nobody(
    db: Database, clock: SetClock, stripe_sandbox: StripeSandbox, app: Litestar, callers: Callers
) -> None:
    """Somebody revoked our key at the provider. Whoever comes upon it - a buyer, the worker, the night - says so."""
    app.state["provider"] = ProviderProbe(stripe_sandbox.url)

    async def readiness() -> tuple[int, str]:
        answer = await callers.nobody().get("/health/ready")
        return answer.status_code, answer.json()["parts"]["payments"]

    async with paid_store(db, clock, stripe_sandbox) as shop:
        waiting, new = [await shop.place(("CHARGER", 1), total=3900) for _ in range(2)]
        await shop.buyer_pays(await shop.begin(waiting))
        await shop.deliver()
        before = await readiness()
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
        cases, after = await shop.cases(), await readiness()
        await shop.work()
        [case] = (await shop.operator.get("/v1/payment-cases")).json()["items"]
        await shop.operator.post(f"/v1/payment-cases/{case['id']}/close", {"note": "new key"})

        assert problem(answer) == (503, "payment_provider_away")
        assert cases == [("provider_account_refused", "account")]
        assert case["facts"] == {"error": "AuthenticationError: Invalid API Key provided: sk_live_********oked"}
        assert len(await told(db, "payment_case_opened")) == 1
        assert [line["log_level"] for line in logs if line["event"] == "provider_account_refused"] == ["error"] * 3
        assert [before, after, await readiness()] == [(200, "ok"), (200, "account refused"), (200, "ok")]
        assert (await shop.payment(waiting))["state"] == "captured"
        assert (await shop.payment(new))["state"] == "waiting"
