"""Operations: what whoever runs this sees of requests, health, news that do not arrive, and laws."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from litestar import Litestar
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY
from sqlalchemy import text
from structlog.testing import capture_logs

from commerce.__main__ import commerce
from commerce.app import build_app
from commerce.kernel.access import EVERY_ROLE, Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, Session
from commerce.kernel.ids import is_id
from commerce.kernel.laws import Law
from commerce.kernel.outbox import Event, tell
from commerce.kernel.relay import FAILURES_MAX, react, relay_once
from commerce.lawbook import LAWS
from commerce.operations.health import head_revision
from tests.conftest import NOON, Api, Callers, problem


class Rang(Event, frozen=True):
    """News for these stories."""

    topic: ClassVar[str] = "rang"
    word: str


class Bell:
    """What the relay rang: (reaction, event) pairs."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, str]] = []

    def __call__(self, reaction: str, message_ids: list[str]) -> None:
        """Note it."""
        self.rung += [(reaction, message_id) for message_id in message_ids]


# Requests


async def test_every_answer_carries_an_id_and_the_callers_own_is_kept(callers: Callers) -> None:
    nobody = callers.nobody()

    ours = await nobody.get("/health/live")
    theirs = await nobody.get("/v1/nothing", headers={"X-Request-Id": "till-7:000123"})
    refused = await nobody.get("/v1/outbox", headers={"X-Request-Id": "till-7:000124"})

    assert is_id(ours.headers["x-request-id"], "req")
    assert (theirs.status_code, theirs.headers["x-request-id"]) == (404, "till-7:000123")
    assert refused.headers["x-request-id"] == refused.json()["request_id"] == "till-7:000124"


@pytest.mark.parametrize("strange", ["short", "x" * 65, 'a"quoted": "id"', "två-åtta-tio", "a b c d e f", "<script>"])
async def test_an_id_that_is_no_id_is_not_repeated(callers: Callers, strange: str) -> None:
    client = callers.nobody().client

    answer = await client.get("/health/live", headers=[(b"X-Request-Id", strange.encode())])

    assert is_id(answer.headers["x-request-id"], "req")


async def test_requests_are_counted_by_template_and_never_by_what_a_caller_made_up(
    callers: Callers, operator: Api
) -> None:
    def counted(method: str, route: str, status: int) -> float:
        labels = {"method": method, "route": route, "status": str(status)}
        return REGISTRY.get_sample_value("commerce_requests_total", labels) or 0

    shown = ("GET", "/v1/customers/{customer_id}", 404)
    before = [counted(*shown), counted("GET", "none", 404), counted("other", "none", 405)]

    for name in ("cus_1", "cus_2"):
        await operator.get(f"/v1/customers/{name}")
        await operator.get(f"/v1/made-up/{name}")
    await callers.nobody().send("BREW", "/v1/customers")

    after = [counted(*shown), counted("GET", "none", 404), counted("other", "none", 405)]
    assert [more - less for more, less in zip(after, before, strict=True)] == [2, 2, 1]
    took = REGISTRY.get_sample_value(
        "commerce_request_seconds_count", {"method": "GET", "route": "/v1/customers/{customer_id}"}
    )
    assert (took or 0) >= 2


async def test_a_line_is_written_for_every_request_and_names_no_person(
    app: Litestar, operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as fine:
        await operator.get("/v1/customers", email="mara@example.com")
    monkeypatch.setattr(app.state["db"], "read", None)
    with capture_logs() as failed:
        answer = await operator.get("/v1/customers", email="mara@example.com")

    assert answer.status_code == 500
    [quiet] = [line for line in fine if line["event"] == "request"]
    assert quiet["log_level"] == "info"
    [loud] = [line for line in failed if line["event"] == "request"]
    assert {name: loud[name] for name in ("log_level", "method", "route", "path", "status")} == {
        "log_level": "info",
        "method": "GET",
        "route": "/v1/customers",
        "path": "/v1/customers",
        "status": 500,
    }
    assert "mara" not in json.dumps([fine, failed], default=repr)


# Health


async def test_it_lives_and_is_ready(callers: Callers) -> None:
    nobody = callers.nobody()

    live, ready = await nobody.get("/health/live"), await nobody.get("/health/ready")

    assert (live.status_code, live.json()) == (200, {"ready": True, "parts": {}})
    assert (ready.status_code, ready.json()) == (
        200,
        {"ready": True, "parts": {"database": "ok", "schema": "ok", "redis": "not used", "payments": "not used"}},
    )


async def test_a_release_waits_for_its_tables(db: Database, callers: Callers) -> None:
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    behind = await callers.nobody().get("/health/ready")
    async with db.transaction() as tx:
        await tx.execute(text("DROP TABLE alembic_version"))
    empty = await callers.nobody().get("/health/ready")

    assert behind.status_code == empty.status_code == 503
    assert behind.json()["parts"]["schema"] == f"at 0000, but this release wants {head_revision()}"
    assert empty.json()["parts"]["schema"] == "there are no tables"


async def test_without_a_database_it_lives_and_is_not_ready(callers: Callers, url: str) -> None:
    gone = Database(url.replace("/test_", "/gone_"), clock=SetClock(NOON), pool_size=1)
    app = build_app(gone)
    client = callers.nobody().client
    client._transport.app = app  # type: ignore[attr-defined]  # noqa: SLF001 - the same client, another application
    try:
        live, ready = await client.get("/health/live"), await client.get("/health/ready")
        metrics = await client.get("/metrics")
    finally:
        await gone.close()

    assert live.status_code == 200
    assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "away")
    assert metrics.status_code == 200
    assert metrics.headers["content-type"] == CONTENT_TYPE_LATEST


async def test_redis_is_a_doorbell_and_its_absence_stops_nobody(app: Litestar, callers: Callers) -> None:
    app.state["redis_url"] = "redis://127.0.0.1:1/0"

    ready = await callers.nobody().get("/health/ready")

    assert (ready.status_code, ready.json()["parts"]["redis"]) == (200, "away")


# Metrics


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/v1/markets"])
async def test_a_head_is_answered_as_a_get_without_its_body(callers: Callers, path: str) -> None:
    caller = await callers(Role.OPERATOR)
    headers = {"Authorization": f"Bearer {caller.key}"}

    head = await caller.client.head(path, headers=headers)
    get = await caller.client.get(path, headers=headers)

    assert (head.status_code, head.content) == (200, b"")
    assert get.content
    assert head.headers["content-type"] == get.headers["content-type"]
    assert (await caller.client.head("/v1/quotes", headers=headers)).status_code == 405


async def test_metrics_show_what_waits_and_are_read_at_most_every_five_seconds(
    db: Database, callers: Callers, clock: SetClock
) -> None:
    nobody = callers.nobody()

    async def shown(name: str) -> float:
        lines = (await nobody.get("/metrics")).text.splitlines()
        [value] = [line.split()[1] for line in lines if line.startswith(f"{name} ")]
        return float(value)

    assert await shown("commerce_outbox_waiting") == 0
    async with db.transaction() as tx:
        await tell(tx, Rang("one"), clock.now())
        await hold_some(tx)
    clock.advance(timedelta(seconds=4))
    assert await shown("commerce_outbox_waiting") == 0
    clock.advance(timedelta(seconds=1))

    assert await shown("commerce_outbox_waiting") == 1
    assert await shown("commerce_outbox_lag_seconds") == 5
    assert await shown("commerce_holds_live") == 5
    assert await shown("commerce_holds_overdue") == 1
    assert await shown("commerce_db_pool_size") >= 1
    assert await shown("commerce_db_pool_busy") == 0


async def test_several_processes_answer_for_each_other(
    callers: Callers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process's own numbers are not shown where those of all are gathered in a folder, which is empty here."""
    nobody = callers.nobody()
    alone = await nobody.get("/metrics")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))

    together = await nobody.get("/metrics")

    assert "commerce_requests_total" in alone.text
    assert (together.status_code, together.text) == (200, "")
    assert together.headers["content-type"].startswith("text/plain; version=")


async def test_a_connection_in_use_is_counted(db: Database, app: Litestar) -> None:
    del app

    def busy() -> float:
        return REGISTRY.get_sample_value("commerce_db_pool_busy") or 0

    before = busy()
    async with db.transaction() as tx:
        await tx.execute(text("SELECT 1"))
        during = busy()

    assert (during - before, busy() - before) == (1, 0)


# The dead shelf


async def test_a_reaction_that_keeps_failing_is_put_on_the_shelf_and_retried_by_a_person(
    db: Database, operator: Api, clock: SetClock
) -> None:
    async with db.transaction() as tx:
        await tell(tx, Rang("hello"), clock.now())
    bell, heard = Bell(), []

    async def deaf(_tx: Session, _body: dict[str, Any], _now: datetime) -> None:
        raise RuntimeError("nobody listens")

    async def listen(_tx: Session, body: dict[str, Any], _now: datetime) -> None:
        heard.append(body["word"])

    for _ in range(FAILURES_MAX):
        await relay_once(db, {"rang": ["note_it"]}, bell, clock.now())
        [(reaction, message_id)] = set(bell.rung)
        assert await react(db, reaction, message_id, deaf) is False
        clock.advance(timedelta(minutes=5))
    assert len(bell.rung) == FAILURES_MAX
    await relay_once(db, {"rang": ["note_it"]}, bell, clock.now())
    assert len(bell.rung) == FAILURES_MAX

    [dead] = (await operator.get("/v1/dead-deliveries")).json()["items"]
    assert dead == {
        "message_id": message_id,
        "reaction": "note_it",
        "topic": "rang",
        "body": {"word": "hello"},
        "told_at": "2026-11-02T12:00:00Z",
        "failures": FAILURES_MAX,
        "last_error": "RuntimeError('nobody listens')",
        "dead_at": "2026-11-02T12:35:00Z",
    }
    assert (await operator.get("/v1/outbox")).json() == {"waiting": 0, "open": 0, "dead": 1, "lag_s": 0.0}

    path = f"/v1/dead-deliveries/{message_id}/note_it/retry"
    assert (await operator.post(path)).status_code == 204
    assert problem(await operator.post(path)) == (404, "not_found")
    assert (await operator.get("/v1/outbox")).json() == {"waiting": 0, "open": 1, "dead": 0, "lag_s": 2400.0}
    await relay_once(db, {"rang": ["note_it"]}, bell, clock.now())
    assert await react(db, "note_it", message_id, listen) is True
    assert await react(db, "note_it", message_id, listen) is False

    assert heard == ["hello"]
    assert len(bell.rung) == FAILURES_MAX + 1
    assert (await operator.get("/v1/dead-deliveries")).json() == {"items": [], "next_cursor": None}
    assert (await operator.get("/v1/outbox")).json() == {"waiting": 0, "open": 0, "dead": 0, "lag_s": 0.0}


async def test_the_shelf_is_shown_in_pages(db: Database, operator: Api, clock: SetClock) -> None:
    async with db.transaction() as tx:
        for word in ("one", "two"):
            await tell(tx, Rang(word), clock.advance(timedelta(seconds=1)))
    await relay_once(db, {"rang": ["a", "b"]}, Bell(), clock.now())
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE outbox_deliveries SET dead_at = :now"), {"now": clock.now()})

    first = (await operator.get("/v1/dead-deliveries", limit=3)).json()
    rest = (await operator.get("/v1/dead-deliveries", limit=3, cursor=first["next_cursor"])).json()

    found = [(one["body"]["word"], one["reaction"]) for one in first["items"] + rest["items"]]
    assert found == [("one", "a"), ("one", "b"), ("two", "a"), ("two", "b")]
    assert rest["next_cursor"] is None


async def test_the_shelf_is_not_for_everybody(callers: Callers) -> None:
    for role in EVERY_ROLE - {Role.OPERATOR, Role.ADMIN}:
        caller = await callers(role)
        for path in ("/v1/dead-deliveries", "/v1/outbox", "/v1/checks"):
            assert problem(await caller.get(path)) == (403, "wrong_role")
        assert problem(await caller.post("/v1/dead-deliveries/evt_1/a/retry")) == (403, "wrong_role")


# Laws


async def test_every_law_is_looked_at_and_a_broken_one_is_named(db: Database, operator: Api) -> None:
    lawful = (await operator.get("/v1/checks")).json()
    async with db.transaction() as tx:
        await tx.execute(text("INSERT INTO customers (id, code) VALUES ('cus_1', 'one'), ('cus_2', 'two')"))
        await tx.execute(text("UPDATE customers SET merged_into = 'cus_2' WHERE id = 'cus_1'"))
    unlawful = (await operator.get("/v1/checks")).json()

    assert (lawful["checked_at"], lawful["lawful"]) == ("2026-11-02T12:00:00Z", True)
    assert [finding["law"] for finding in lawful["findings"]] == [law.code() for law in LAWS]
    assert unlawful["lawful"] is False
    assert [finding for finding in unlawful["findings"] if finding["offenders"]] == [
        {
            "law": "every_merge_is_written_down",
            "sentence": "Each merged customer has exactly one entry in the audit trail, and it names the survivor.",
            "offenders": 1,
            "shown": ["cus_1"],
        }
    ]


def test_no_two_laws_share_a_name_and_each_has_a_sentence() -> None:
    assert len({law.code() for law in LAWS}) == len(LAWS)
    assert all(law.sentence().endswith(".") for law in LAWS)


def test_the_check_command_exits_with_one_where_a_law_is_broken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMERCE_DATABASE_URL", url)
    terminal = CliRunner()

    fine = terminal.invoke(commerce, ["check", "--json"])
    said = terminal.invoke(commerce, ["check"])
    monkeypatch.setattr("commerce.operations.checks.LAWS", (*LAWS, _Broken))
    broken = terminal.invoke(commerce, ["check", "--json"])
    loud = terminal.invoke(commerce, ["check"])

    assert (fine.exit_code, json.loads(fine.stdout)["lawful"]) == (0, True)
    assert said.exit_code == 0
    assert "Every law holds." in said.stdout
    assert broken.exit_code == loud.exit_code == 1
    assert json.loads(broken.stdout)["findings"][-1]["shown"] == ["a culprit", "another"]
    assert "a culprit" in loud.stdout


class _Broken(Law):
    """Nobody is called a culprit."""

    offenders = "VALUES ('a culprit'), ('another')"


async def hold_some(tx: Session) -> None:
    """Five units held: two for good, three past their time."""
    for row in (
        "INSERT INTO markets VALUES ('de', 'EUR', '{DE}', true, 'Europe/Berlin')",
        "INSERT INTO locations (code, kind, name, market, country) VALUES ('hub', 'warehouse', 'Hub', 'de', 'DE')",
        "INSERT INTO categories VALUES ('all', NULL, 'All')",
        "INSERT INTO products (code, title) VALUES ('p', 'P')",
        """
        INSERT INTO variants (sku, product, name, category, tax_class, status)
        VALUES ('p-1', 'p', 'P', 'all', 'standard', 'active')
        """,
        "INSERT INTO stock_pools (id, sku, location, supply, held) VALUES ('pol_1', 'p-1', 'hub', 9, 5)",
        "INSERT INTO holds (id, pool_id, reference, units, taken_at) VALUES ('hld_1', 'pol_1', 'ord_1', 2, now())",
    ):
        await tx.execute(text(row))
    late = """
        INSERT INTO holds (id, pool_id, reference, units, taken_at, expires_at)
        VALUES ('hld_2', 'pol_1', 'basket', 3, :now, :now)
    """
    await tx.execute(text(late), {"now": NOON})
