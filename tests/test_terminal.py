"""What our commands show on a terminal: a shop's own texts as they are, and a no in the shape that was asked for."""

import asyncio

import asyncpg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from commerce.__main__ import commerce
from commerce.commands.options import why_unreachable
from commerce.kernel.db import Database

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
