"""What every story stands on: a PostgreSQL of its own for each test, the API, keys of every role, and a set clock."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from alembic import command
from alembic.config import Config
from litestar import Litestar

from commerce.app import build_app, open_on
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.keys import WantedKey, issue_key
from orders.payments.port import PaymentGateway

pytest_plugins = ["tests.stripe_backends", "tests.paid_store", "tests.front"]
"""Fixtures of files of their own: for whoever needs a Stripe, somebody in front of it, or a store paid through it."""

REPOSITORY = Path(__file__).parent.parent
CARELESS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
}
"""How PostgreSQL serves tests: nothing has to survive a crash, and a database is copied in a third of the time."""
ROOM_BYTES = 4 << 30
"""Several servers beside each other stay far below it."""
NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
"""The instant at which every story begins, unless it says otherwise."""

Json = dict[str, Any]
_numbers = count(1)


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """A command that is typed in a story sets up its logs; whoever listens in the next one must hear all the same."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL for all tests. It does not wait for the disk: what a crash leaves is another test's business."""
    with tempfile.TemporaryDirectory(prefix="commerce-tests-", dir=_in_memory()) as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "data", CARELESS)
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()


def _in_memory() -> Path | None:
    """The folder that Linux keeps in memory, if there is room: each story copies a database of a thousand files."""
    memory = Path("/dev/shm")  # noqa: S108 - what is made in it has a name nobody can foresee
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= ROOM_BYTES
    return memory if roomy else None


@pytest.fixture(scope="session")
def template(server: EmbeddedPostgres) -> str:
    """The name of a database with every table and no row, to be copied."""
    migrate(server.url)
    return "commerce"


def migrate(url: str, to: str = "head") -> None:
    """Bring a database's tables to a revision."""
    config = Config()
    config.set_main_option("script_location", str(REPOSITORY / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, to)


@pytest.fixture
async def url(server: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """The address of a fresh database with every table and no row."""
    async with own_database(server, template, f"test_{next(_numbers)}") as made:
        yield made


@asynccontextmanager
async def own_database(server: EmbeddedPostgres, template: str, name: str) -> AsyncIterator[str]:
    """The address of a database of one's own, with every table and no row."""
    admin = await asyncpg.connect(server.libpq_url.replace("/commerce?", "/postgres?"))
    await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield server.url.replace("/commerce?", f"/{name}?")
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an account without rights may enter, as root's PostgreSQL has to."""
    with tempfile.TemporaryDirectory(prefix="commerce-tests-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def clock() -> SetClock:
    """The time in every story; it stands still until the story moves it."""
    return SetClock(NOON)


@pytest.fixture
async def db(url: str, clock: SetClock) -> AsyncIterator[Database]:
    """The story's database, read and written as the application does it."""
    database = Database(url, clock=clock, pool_size=8)
    yield database
    await database.close()


@pytest.fixture
async def app(db: Database) -> AsyncIterator[Litestar]:
    """The application, started."""
    async with application_on(db) as application:
        yield application


_IDLE: list[Litestar] = []
"""Applications whose story is over. To make their routes takes longer than most stories do."""


@asynccontextmanager
async def application_on(db: Database, gateway: PaymentGateway | None = None) -> AsyncIterator[Litestar]:
    """An application on a database, started; it knows nothing of the story that had it before."""
    application = _IDLE.pop() if _IDLE else build_app(db)
    open_on(application, db, gateway=gateway)
    async with started(application):
        yield application
    _IDLE.append(application)


@asynccontextmanager
async def started(application: Litestar) -> AsyncIterator[None]:
    """Run the application's lifespan in a task of its own: a fixture's two halves may run in different tasks."""
    up, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with application.lifespan():
            up.set()
            await over.wait()

    life = asyncio.create_task(live())
    waiting = asyncio.create_task(up.wait())
    await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield
    finally:
        over.set()
        await life


class Api:
    """A caller with a key. Speaks HTTP to the application, and makes a new Idempotency-Key for each POST."""

    def __init__(self, client: httpx.AsyncClient, key: str | None) -> None:
        self.client = client
        self.key = key

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, **params: Any) -> httpx.Response:  # noqa: ANN401 - query parameters are of any kind
        """Read."""
        return await self.client.get(path, params=params, headers=self._headers(headers))

    async def post(self, path: str, body: Json | None = None, *, once: str | None = None) -> httpx.Response:
        """Write; `once` is the Idempotency-Key, a fresh one if not given."""
        headers = {"Idempotency-Key": once or f"key-{next(_numbers)}"}
        return await self.client.post(path, json=body if body is not None else {}, headers=self._headers(headers))

    async def send(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        """Any other method (PUT, PATCH, DELETE)."""
        return await self.client.request(method, path, json=body, headers=self._headers(None))

    def _headers(self, more: Mapping[str, str] | None) -> dict[str, str]:
        mine = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {**mine, **(more or {})}


class Callers:
    """Makes callers of any role on demand: `await callers(Role.TERMINAL, channel=..., location=...)`."""

    def __init__(self, db: Database, client: httpx.AsyncClient) -> None:
        self._db = db
        self._client = client

    async def __call__(self, role: Role, *, channel: str | None = None, location: str | None = None) -> Api:
        """A caller of this role, with a key of its own."""
        async with self._db.transaction() as tx:
            wanted = WantedKey(role, f"{role} of a test", channel, location)
            issued = await issue_key(tx, wanted, self._db.clock.now())
        return Api(self._client, issued.key)

    def nobody(self) -> Api:
        """A caller without a key."""
        return Api(self._client, None)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client whose requests go straight into the application."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]  # Litestar types its scope
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


@pytest.fixture
def callers(db: Database, client: httpx.AsyncClient) -> Callers:
    """Callers of every role."""
    return Callers(db, client)


@pytest.fixture
async def web(callers: Callers) -> Api:
    """The German web shop."""
    return await callers(Role.STOREFRONT, channel="web-de")


@pytest.fixture
async def till(callers: Callers) -> Api:
    """The till in Berlin."""
    return await callers(Role.TERMINAL, channel="retail-de", location="berlin")


@pytest.fixture
async def operator(callers: Callers) -> Api:
    """Whoever runs the shop."""
    return await callers(Role.OPERATOR)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """A refusal in short: its status and its code."""
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.text
    return answer.status_code, json.loads(answer.text)["code"]
