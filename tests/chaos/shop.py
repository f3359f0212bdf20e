"""What chaos is played in: a shop with plenty of goods, its worker's own schedule, and a provider nobody waits for."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import httpx

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.schedules import run_due
from inventory.tasks import JOBS as INVENTORY_JOBS
from orders.payments.reconcile import SETTLING, reconcile_between
from orders.payments.stripe_gateway import StripeGateway
from orders.payments.tasks import NIGHT, payment_jobs
from tests.chaos.places import telling
from tests.conftest import NOON, migrate, own_database
from tests.paying import PUBLISHABLE, Checkout, checkout
from tests.shop import put_stock
from tests.stories import open_store
from tests.stripe_backends import SECRET, StripeSandbox, sandbox_server

PLENTY = 1_000_000
ANSWER_WITHIN = timedelta(milliseconds=250)
"""A sandbox on the same machine answers within a few; what hangs is waited for no longer."""

_SHOPS = count(1)
"""Numbers for shops: a database whose end is late must not be in the way of the next."""


class Place:
    """Where chaos is played: a database server, a sandbox, and a new database for whoever opens a shop."""

    def __init__(self, server: EmbeddedPostgres, template: str, sandbox: StripeSandbox) -> None:
        self.sandbox = sandbox
        self._server = server
        self._template = template

    @asynccontextmanager
    async def shop(self, gateway: type[StripeGateway] = StripeGateway) -> AsyncIterator[Checkout]:
        """A new shop at noon, and a provider that has never heard of it; `gateway` is of what kind the way to it is."""
        name = f"chaos_{os.getpid()}_{next(_SHOPS)}"
        async with own_database(self._server, self._template, name) as url:
            clock = SetClock(NOON)
            db = Database(url, clock=clock, pool_size=16)
            await self.sandbox.reset()
            try:
                async with chaotic_shop(db, clock, self.sandbox, gateway) as made:
                    yield made
            finally:
                await db.close()


@asynccontextmanager
async def a_place() -> AsyncIterator[Place]:
    """Servers of our own, gone when the block ends."""
    with _servers() as (postgres, url):
        await asyncio.to_thread(migrate, postgres.url)
        async with httpx.AsyncClient(base_url=url, timeout=20) as http:
            yield Place(postgres, "commerce", StripeSandbox(url, http))


@contextmanager
def _servers() -> Iterator[tuple[EmbeddedPostgres, str]]:
    with tempfile.TemporaryDirectory(prefix="commerce-chaos-") as folder:
        Path(folder).chmod(0o711)  # For the account without rights that root's PostgreSQL runs as.
        postgres = EmbeddedPostgres(Path(folder) / "data", {"fsync": "off"})
        postgres.start()
        server = sandbox_server(Path(folder))
        server.start()
        try:
            yield postgres, server.url
        finally:
            server.stop()
            postgres.stop()


@asynccontextmanager
async def chaotic_shop(
    db: Database, clock: SetClock, sandbox: StripeSandbox, gateway: type[StripeGateway] = StripeGateway
) -> AsyncIterator[Checkout]:
    """A shop in an empty database whose goods do not run out, and which soon gives up waiting for an answer."""
    await open_store(db)
    await put_stock(db, "CHARGER", "wh-de", PLENTY)
    async with checkout(db, clock, sandbox, hasty_gateway(sandbox, gateway)) as shop:
        yield shop


def hasty_gateway(sandbox: StripeSandbox, kind: type[StripeGateway]) -> StripeGateway:
    """A gateway that gives up on an answer after a moment, and whose calls say from where they are made."""
    return telling(kind)(
        "sk_test_stories",
        publishable_key=PUBLISHABLE,
        webhook_secrets=[SECRET],
        base=sandbox.url,
        answer_within=ANSWER_WITHIN,
    )


async def keep_schedule(shop: Checkout) -> None:
    """The worker's schedule as it is: each job when it is due, the night's too."""
    jobs = {**INVENTORY_JOBS, **payment_jobs(shop.gateway)}
    await run_due(shop.db, jobs, shop.clock.now())


async def let_pass(shop: Checkout, by: timedelta) -> None:
    """Time goes by, and everybody does what is due then."""
    await shop.advance(by)
    await keep_schedule(shop)
    await shop.settle()


async def nothing_is_left_to_settle(shop: Checkout) -> list[str]:
    """What a reconciliation of everything, from both sides, still finds to settle or to put before a person."""
    before = await shop.cases()
    await shop.advance(2 * SETTLING)
    done = await reconcile_between(shop.db, shop.gateway, NOON - NIGHT, shop.clock.now())
    settled = [f"reconciliation settled {done.settled}"] if done.settled else []
    return settled + [f"reconciliation opened {case}" for case in await shop.cases() if case not in before]
