"""What our commands show on a terminal: a shop's own texts as they are, and a no in the shape that was asked for."""

import asyncio

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from commerce.__main__ import commerce
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
