"""The way to the payment provider, put together as the settings want it and walked to its end."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from granian import Granian
from redis.asyncio import Redis

from commerce.__main__ import commerce
from commerce.app import create_app
from commerce.embedded.sandbox import EmbeddedSandbox
from commerce.embedded.supervisor import OUR_COMMAND, free_port
from commerce.embedded.valkey import EmbeddedValkey
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.refusals import Busy
from commerce.kernel.schedules import run_due
from commerce.provider.connect import connect
from commerce.provider.limits import WAIT_S_MAX
from commerce.settings import Settings
from commerce.worker import every_job
from orders.payments.port import NotNow, NotSent, PaymentGateway
from orders.payments.stripe_gateway import SEARCH
from tests.conftest import NOON
from tests.shop import rows
from tests.turnstiles import busiest_second, running_valkey, until

# Stripe's SDK hands its forms to httpx as text, which httpx would rather have called content.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey for this file."""
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="module")
def sandbox() -> Iterator[EmbeddedSandbox]:
    """The sandbox as the stack starts it."""
    with tempfile.TemporaryDirectory(prefix="commerce-tests-") as folder:
        part = EmbeddedSandbox(Path(folder) / "data", free_port(), None, OUR_COMMAND)
        part.start()
        try:
            yield part
        finally:
            part.stop()


async def test_a_call_goes_through_the_turnstile_to_the_account_in_the_settings(
    valkey: EmbeddedValkey, sandbox: EmbeddedSandbox
) -> None:
    settings = Settings.from_environment({}).using(database_url=None, redis_url=valkey.url, stripe=sandbox.account)
    gateway = connect(settings)
    try:
        first = await gateway.open_customer("ord_1", key="key-1")
        again = await gateway.open_customer("ord_1", key="key-1")
    finally:
        await gateway.close()
    async with Redis.from_url(valkey.url) as redis:
        asked = [key.decode() async for key in redis.scan_iter("commerce:{stripe}:free:*")]

    assert first == again
    assert gateway.publishable_key == sandbox.account.publishable_key
    assert asked == ["commerce:{stripe}:free:customers"]


async def test_a_key_that_is_not_the_accounts_opens_nothing(valkey: EmbeddedValkey, sandbox: EmbeddedSandbox) -> None:
    stranger = replace(sandbox.account, api_key="sk_test_stranger")
    settings = Settings.from_environment({}).using(database_url=None, redis_url=valkey.url, stripe=stranger)
    gateway = connect(settings)
    try:
        with pytest.raises(NotNow):
            await gateway.open_customer("ord_1", key="key-2")
    finally:
        await gateway.close()


async def test_without_an_account_every_answer_is_not_now() -> None:
    gateway = connect(Settings.from_environment({}))

    with pytest.raises(NotNow):
        await gateway.open_customer("ord_1", key="key-3")
    with pytest.raises(NotNow):
        [_ async for _ in gateway.payments_between(NOON, NOON)]
    assert gateway.publishable_key == ""


async def test_without_an_account_every_job_can_be_done(db: Database, clock: SetClock) -> None:
    """There are no books to lay ours beside, so nobody tries."""
    jobs = every_job(connect(Settings.from_environment({})))
    done = await run_due(db, jobs, clock.now())

    assert sorted(done) == sorted(jobs)
    assert not {"reconcile_doubts", "reconcile_nightly"} & set(jobs)
    assert await rows(db, "SELECT name, last_error FROM schedules WHERE last_error IS NOT NULL") == []


@pytest.mark.parametrize(("endpoint", "busiest", "each"), [("payment_intents", 25, 39), (SEARCH, 20, 31)])
async def test_all_who_share_the_account_keep_its_limit_while_redis_is_away(
    endpoint: str, busiest: int, each: int
) -> None:
    """Two processes of the API and three workers, each of which takes what it gets; search has a limit of its own."""
    said = {"COMMERCE_WORKERS": "3", "STRIPE_API_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRETS": "whsec_1"}
    settings = Settings.from_environment({**said, "COMMERCE_REDIS_URL": f"redis://127.0.0.1:{free_port()}"})
    slots: list[int] = []
    for _ in range(5):
        slots += await places(connect(settings, wait_s=WAIT_S_MAX), endpoint)

    assert busiest_second(slots) == busiest
    assert len(slots) == 5 * each


async def test_a_buyer_may_stand_in_a_line_where_a_worker_finds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three processes without Redis each has eight places a second: a worker takes two seconds', the API eight."""
    said = {
        "COMMERCE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "COMMERCE_REDIS_URL": f"redis://127.0.0.1:{free_port()}",
        "STRIPE_API_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRETS": "whsec_1",
    }
    for name in Settings.from_environment({}).to_environment() | said:
        monkeypatch.setenv(name, said.get(name, ""))
    app = create_app()
    buyers: PaymentGateway = app.dependencies["provider"].dependency().gateway  # type: ignore[union-attr]  # it is Provide, as we gave it
    unattended = connect(Settings.from_environment(os.environ))

    assert len(await places(unattended, "payment_intents")) == 1 + 2_000 // 130
    assert len(await places(buyers, "payment_intents")) == 1 + 8_000 // 130


async def places(gateway: PaymentGateway, endpoint: str) -> list[int]:
    """Every place in this endpoint's line that a gateway takes at once; then it is closed."""
    found: list[int] = []
    turnstile = gateway._turnstile  # type: ignore[attr-defined]  # noqa: SLF001 - what is shared out is decided there
    with suppress(Busy):
        while True:
            found.append(await turnstile.reserve(endpoint))
    await gateway.close()
    return found


async def test_without_any_redis_a_process_keeps_to_its_share(sandbox: EmbeddedSandbox) -> None:
    """One of three asks for more than may stand in its line; what may not stand there is turned away at once."""
    settings = Settings.from_environment({}).using(database_url=None, redis_url=None, stripe=sandbox.account)
    gateway = connect(settings)
    asking = [asyncio.create_task(gateway.open_customer(f"ord_{n}", key=f"alone-{n}")) for n in range(200)]
    try:
        await until(lambda: sum(one.done() for one in asking) >= 100)
        turned_away = [one.exception() for one in asking if one.done() and one.exception()]
    finally:
        for one in asking:
            one.cancel()
        await asyncio.wait(asking)
        await gateway.close()

    assert {type(no) for no in turned_away} == {NotSent}, "not all of them at once"


def test_whoever_serves_with_more_processes_tells_them_how_many_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each process of the API reads its settings from the environment."""
    told: list[str] = []
    monkeypatch.setattr(Granian, "serve", lambda *_, **__: told.append(os.environ["COMMERCE_API_PROCESSES"]))
    for name in Settings.from_environment({}).to_environment():
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("COMMERCE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("COMMERCE_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    words = ["serve", "--port", str(free_port()), "--workers", "7", "--data", str(tmp_path)]
    answer = CliRunner().invoke(commerce, words)

    assert (answer.exit_code, answer.output, told) == (0, "", ["7"])
