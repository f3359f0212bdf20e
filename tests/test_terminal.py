"""What our commands show on a terminal: a shop's own texts as they are, and a no in the shape that was asked for."""

import asyncio
import json
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from commerce.__main__ import commerce
from commerce.commands.options import why_unreachable
from commerce.embedded.supervisor import free_port
from commerce.kernel.db import Database
from tests.shop import open_shop

CLOSING, STYLED, LOUD = "[/x] y", "Till [red]", "\x1b[31mTill\x07"
"""Texts that rich would read as markup, and one that a terminal would obey."""


async def typed(url: str, *words: str) -> Result:
    """What a command line prints, with the database in the settings. Commands bring an event loop of their own."""
    runner = CliRunner(env={"COMMERCE_DATABASE_URL": url, "COLUMNS": "160"})
    return await asyncio.to_thread(runner.invoke, commerce, list(words))


@pytest.mark.parametrize(
    ("name", "seen"), [(CLOSING, CLOSING), (STYLED, STYLED), (LOUD, "\N{REPLACEMENT CHARACTER}[31mTill")]
)
async def test_a_key_is_printed_alone_whatever_it_is_called(url: str, name: str, seen: str) -> None:
    made = await typed(url, "keys", "create", "--role", "analyst", "--name", name)
    listed = await typed(url, "keys", "list")

    (key,) = made.stdout.splitlines()
    assert (made.exit_code, key[:4]) == (0, "ank_")
    assert made.stderr.splitlines()[0] == "This is the key. It is not shown again."
    assert f"│ {seen}" in made.stderr
    assert (listed.exit_code, f"│ {seen}" in listed.stdout) == (0, True)
    assert "\x1b" not in made.stderr + listed.stdout


async def test_an_offender_is_shown_by_the_name_it_has(db: Database, url: str) -> None:
    async with db.transaction() as tx:
        await tx.execute(text("INSERT INTO customers (id, code) VALUES ('CASE-[/clear]', 'one'), ('cus_2', 'two')"))
        await tx.execute(text("UPDATE customers SET merged_into = 'cus_2' WHERE code = 'one'"))

    checked = await typed(url, "check")

    assert (checked.exit_code, " CASE-[/clear] " in checked.stdout) == (1, True)


async def test_a_connection_that_was_cut_is_a_server_that_is_away(db: Database, url: str) -> None:
    cut = await asyncpg.connect(url.replace("+asyncpg", ""))
    async with db.transaction() as tx:
        await tx.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": cut.get_server_pid()})
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as first:
        await cut.execute("SELECT 1")
    with pytest.raises(asyncpg.InterfaceError) as second:
        await cut.execute("SELECT 1")
    connected = await asyncpg.connect(url.replace("+asyncpg", ""))
    with pytest.raises(asyncpg.InterfaceError) as our_mistake:
        await connected.fetch("SELECT $1::text", "one", "and another")
    await connected.close()

    assert why_unreachable(first.value) == str(first.value)
    assert why_unreachable(second.value) == str(second.value) == "connection is closed"
    assert why_unreachable(our_mistake.value) is None


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("run", "--json", "--bogus"), "--bogus"),
        (("run", "--bogus", "--json"), "--bogus"),
        (("run", "--json", "stray"), "stray"),
        (("nosuch", "--json"), "nosuch"),
        (("keys", "--json"), "--json"),
        (("keys", "nosuch", "--json"), "nosuch"),
        (("--json",), "--json"),
        (("keys", "create", "--json"), "--role"),
    ],
)
def test_a_word_that_cannot_be_read_is_a_problem_to_programs(words: tuple[str, ...], wrong: str) -> None:
    answer = CliRunner().invoke(commerce, list(words))

    said = json.loads(answer.stdout)
    assert (answer.exit_code, answer.stderr) == (2, "")
    assert (said["type"], said["status"], said["code"]) == ("/errors/invalid_usage", 400, "invalid_usage")
    assert wrong in said["detail"]


@pytest.mark.parametrize("words", [("run", "--bogus"), ("nosuch", "--", "--json"), ("--bogus",), ("keys",)])
def test_a_word_that_cannot_be_read_is_a_sentence_to_people(words: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(commerce, list(words))

    assert answer.exit_code == 2
    assert "Usage: commerce" in answer.output
    assert "invalid_usage" not in answer.output


def test_a_schema_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "x"
    for_people = CliRunner().invoke(commerce, ["openapi", "--out", str(out)])
    for_programs = CliRunner().invoke(commerce, ["openapi", "--out", str(out), "--json"])

    refused = f"{out} cannot be written: No such file or directory."
    assert (for_people.exit_code, for_people.stdout) == (2, "")
    assert for_people.stderr == f"{refused}\nChoose another: --out FILE\n"
    said = json.loads(for_programs.stdout)
    assert (for_programs.exit_code, said["code"], said["detail"]) == (2, "file_unwritable", refused)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("export", "/dev/null/x"), "folder_unwritable"),
        (("export", "/sys"), "folder_unwritable"),
        (("export", "/proc/x"), "folder_unwritable"),
        (("serve", "--workers", "1", "--data", "/proc/x"), "folder_unusable"),
    ],
)
async def test_a_folder_that_cannot_be_written_is_refused(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: str
) -> None:
    await open_shop(db)
    for name in ("COMMERCE_DATABASE_URL", "COMMERCE_REDIS_URL", "PROMETHEUS_MULTIPROC_DIR"):
        monkeypatch.setenv(name, "redis://127.0.0.1:1")
    port = ["--port", str(free_port())] if words[0] == "serve" else []

    answer = await typed(url, *words, *port, "--json")

    said = json.loads(answer.stdout)
    assert (answer.exit_code, said["code"]) == (2, code)
    assert said["detail"].startswith(words[-1])
