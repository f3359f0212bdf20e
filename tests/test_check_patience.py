"""The patience of checks: a request that looks at every law ends soon, and whoever has time gives each law its own."""

import json
from typing import ClassVar

import pytest
from click.testing import CliRunner

from commerce.__main__ import commerce
from commerce.kernel.db import Database
from commerce.kernel.laws import Law
from tests.conftest import Api, problem
from tests.shop import rows
from tests.waiting import soon

RUNNING = """
    SELECT count(*)::int FROM pg_stat_activity
     WHERE query LIKE '%pg_sleep(600%' AND state = 'active' AND pid <> pg_backend_pid()
"""


class SlowToFind(Law):
    """The offenders of this law are found after ten minutes."""

    offenders: ClassVar[str] = "SELECT 1 WHERE pg_sleep(600) IS NULL"


class Patient(Law):
    """Whoever looks for this law's offenders says how long they wait."""

    offenders: ClassVar[str] = "SELECT current_setting('statement_timeout')"


async def test_a_shop_too_large_to_be_checked_by_a_request_is_told_where_to_go(
    db: Database, operator: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not told to come again, and the database does not go on with what nobody waits for any more."""
    with monkeypatch.context() as large:
        large.setattr("commerce.operations.checks.LAWS", (SlowToFind,))
        large.setattr("commerce.operations.checks.PATIENCE_S", 0.2)
        refused = await operator.get("/v1/checks")

    async def nothing_runs() -> bool:
        return await rows(db, RUNNING) == [(0,)]

    await soon(nothing_runs, within_s=10)
    again = await operator.get("/v1/checks")

    assert problem(refused) == (409, "checks_take_too_long")
    assert "retry-after" not in refused.headers
    assert "Run `commerce check`" in refused.json()["detail"]
    assert again.status_code == 200, again.text


def test_in_a_terminal_each_law_has_a_quarter_of_an_hour(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commerce.operations.checks.LAWS", (Patient,))
    told = CliRunner(env={"COMMERCE_DATABASE_URL": url}).invoke(commerce, ["check", "--json"])

    [finding] = json.loads(told.stdout)["findings"]
    assert (told.exit_code, finding["shown"]) == (1, ["15min"])


def test_a_postgresql_that_cannot_end_what_is_late_is_told_of(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check = CliRunner(env={"COMMERCE_DATABASE_URL": url}).invoke
    new = check(commerce, ["check", "--json"])
    monkeypatch.setattr("commerce.kernel.db.CUTS_OFF_SINCE", 99_00_00)
    old = check(commerce, ["check", "--json"])

    assert (new.exit_code, new.stderr) == (0, "")
    assert (old.exit_code, json.loads(old.stdout)["lawful"]) == (0, True)
    assert old.stderr.startswith("This PostgreSQL is older than 17")
