"""Rehearsed: a process that has started has asked once, so that its first caller waits no longer than others."""

import httpx
import pytest
from sqlalchemy.pool import AsyncAdaptedQueuePool

from commerce.app import create_app
from commerce.embedded.supervisor import free_port
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.settings import Settings
from orders.reports.rehearse import rehearse
from tests.attach_shop import PHONES_TO_CASES, RATE
from tests.conftest import Api, Callers, started
from tests.statements import statements
from tests.stories import plant


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that says nothing of this shop yet."""
    for name in Settings.from_environment({}).to_environment():
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.usefixtures("db")
async def test_a_process_that_has_started_holds_connections_ready(url: str, said: pytest.MonkeyPatch) -> None:
    said.setenv("COMMERCE_DATABASE_URL", url)
    app = create_app()
    pool = app.state["db"].engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    assert pool.checkedin() == 0

    async with started(app):
        assert (pool.checkedin(), pool.checkedout()) == (2, 0)


async def test_where_there_is_no_database_it_starts_all_the_same(said: pytest.MonkeyPatch) -> None:
    await lives_at(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port('127.0.0.1')}/none", said)


async def test_where_the_database_takes_no_more_it_starts_all_the_same(
    db: Database, url: str, said: pytest.MonkeyPatch
) -> None:
    await plant(db, "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    await lives_at(url.replace("//postgres@", "//crowded@"), said)
    await plant(db, "DROP ROLE crowded")


async def lives_at(url: str, said: pytest.MonkeyPatch) -> None:
    """Assert that an application on this database starts."""
    said.setenv("COMMERCE_DATABASE_URL", url)
    app = create_app()
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # Litestar types its scope
    async with started(app), httpx.AsyncClient(transport=transport, base_url="http://test") as anybody:
        assert (await anybody.get("/health/live")).status_code == 200


async def test_what_a_question_takes_was_rehearsed_but_for_its_sets(db: Database, callers: Callers) -> None:
    with statements(db) as rehearsed:
        await rehearse(db)
    analyst: Api = await callers(Role.ANALYST)
    with statements(db) as sent:
        refused = await analyst.get(RATE, **PHONES_TO_CASES, basis="customers", window_days=30)

    assert refused.json()["errors"][0]["field"] == "anchor"
    assert {one for one in sent if "api_keys" not in one} <= set(rehearsed)
    assert any("FROM report_sales" in one for one in rehearsed)
