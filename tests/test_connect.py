"""The way to the payment provider, put together as the settings want it and walked to its end."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from commerce.embedded.sandbox import EmbeddedSandbox
from commerce.embedded.supervisor import OUR_COMMAND, free_port
from commerce.embedded.valkey import EmbeddedValkey
from commerce.provider.connect import connect
from commerce.settings import Settings
from orders.payments.port import NotNow
from tests.turnstiles import running_valkey

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
    assert gateway.publishable_key == ""
