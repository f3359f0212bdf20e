"""`commerce import` and `commerce export`, as they are typed."""

import asyncio
import gzip
import json
from pathlib import Path

import asyncpg
import pytest
import rich_click as click
from click.testing import CliRunner, Result

from commerce.commands.export import export
from commerce.commands.import_ import import_
from commerce.commands.options import REFUSED, Commands
from commerce.embedded.postgres import EmbeddedPostgres
from tests.exchange_folders import SHOP, changed, read_folder, write_folder


@click.group(cls=Commands)
def commerce() -> None:
    """Only what is tried here."""


commerce.add_command(import_)
commerce.add_command(export)


async def typed(url: str, *words: object) -> Result:
    """What a command line prints, with the database in the settings. Commands bring an event loop of their own."""
    arguments = [str(word) for word in words]
    runner = CliRunner(env={"COMMERCE_DATABASE_URL": url, "COLUMNS": "160"})
    return await asyncio.to_thread(runner.invoke, commerce, arguments)


async def test_a_folder_comes_in_and_goes_out(url: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "in", SHOP)

    first = await typed(url, "import", tmp_path / "in", "--json")
    second = await typed(url, "import", tmp_path / "in", "--json")
    out = await typed(url, "export", tmp_path / "out", "--gzip", "--json")

    assert [first.exit_code, second.exit_code, out.exit_code] == [0, 0, 0]
    sizes = {name: len(rows) for name, rows in SHOP.items()}
    assert json.loads(first.stdout) == {
        "files": {name: {"rows": n, "new": n, "changed": 0, "unchanged": 0} for name, n in sizes.items()}
    }
    assert json.loads(second.stdout) == {
        "files": {name: {"rows": n, "new": 0, "changed": 0, "unchanged": n} for name, n in sizes.items()}
    }
    assert json.loads(out.stdout) == {
        "files": {name: {"rows": n} for name, n in sizes.items()},
        "open_orders_left_out": 0,
    }
    assert list(json.loads(first.stdout)["files"]) == list(SHOP)
    assert gzip.decompress((tmp_path / "out" / "stock.csv.gz").read_bytes()) == (
        b"sku,location,on_hand\r\nPHONE-1,berlin,0\r\nPHONE-1,wh-de,10\r\n"
    )


async def test_people_see_tables(url: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "in", SHOP)

    came_in = await typed(url, "import", tmp_path / "in")
    went_out = await typed(url, "export", tmp_path / "out")

    assert [line.split("│")[1:-1] for line in came_in.stdout.splitlines() if "order_lines" in line] == [
        [" order_lines        ", "    4 ", "   4 ", "       0 ", "         0 "]
    ]
    assert [line.split("│")[1:-1] for line in went_out.stdout.splitlines() if "orders" in line] == [
        [" orders             ", "    3 "]
    ]


async def test_a_refused_folder_says_all_that_is_wrong(url: str, tmp_path: Path) -> None:
    write_folder(tmp_path / "in", changed("products", category={0: "[red]tel\x1b[31m"}, status={2: "sold"}))

    for_programs = await typed(url, "import", tmp_path / "in", "--json")
    for_people = await typed(url, "import", tmp_path / "in")

    assert for_programs.exit_code == for_people.exit_code == REFUSED
    assert json.loads(for_programs.stdout) == {
        "code": "folder_refused",
        "errors": [
            {
                "file": "products.csv",
                "line": 2,
                "column": "category",
                "message": "'[red]tel\x1b[31m' is not a code: at most 100 characters, none of them a control "
                "character, the first not a space.",
            },
            {
                "file": "products.csv",
                "line": 4,
                "column": "status",
                "message": "'sold' is not one of draft, active, retired.",
            },
        ],
        "error_count": 2,
    }
    assert "Nothing was imported: the folder has 2 errors." in for_people.stderr
    assert "'[red]tel\N{REPLACEMENT CHARACTER}[31m' is not a code" in for_people.stderr
    assert "'sold' is not one of draft, active, retired." in for_people.stderr


async def test_an_export_does_not_write_over_anything(url: str, tmp_path: Path) -> None:
    write_folder(tmp_path, {"categories": SHOP["categories"]})

    answer = await typed(url, "export", tmp_path)

    assert answer.exit_code == REFUSED
    assert "it holds CSV files already" in answer.stderr
    assert list(read_folder(tmp_path)) == ["categories"]


@pytest.mark.parametrize("command", ["import", "export"])
async def test_a_database_that_was_never_used_gets_its_tables(
    server: EmbeddedPostgres, tmp_path: Path, command: str
) -> None:
    admin = await asyncpg.connect(server.libpq_url.replace("/commerce?", "/postgres?"))
    await admin.execute("CREATE DATABASE never_used")
    try:
        answer = await typed(server.url.replace("/commerce?", "/never_used?"), command, tmp_path, "--json")
    finally:
        await admin.execute("DROP DATABASE never_used WITH (FORCE)")
        await admin.close()

    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["files"] == {}


def test_the_words_explain_themselves() -> None:
    for words in (["import", "--help"], ["export", "--help"]):
        answer = CliRunner().invoke(commerce, words)
        assert answer.exit_code == 0
        assert "DIR" in answer.stdout
