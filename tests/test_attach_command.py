"""`commerce attach-rate`: what an analyst types to see a rate, the orders behind it, and whether others agree."""

import asyncio
import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from commerce.__main__ import commerce
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from tests.attach_shop import IDA, JON, buy, sell
from tests.conftest import Api
from tests.processes import api_processes
from tests.shop import put_stock
from tests.stories import open_lawful_shop

ASKED = ("--anchor", "category:phones", "--attach", "category:cases")
EVENTS = (*ASKED, "--basis", "events", "--window-days", "30")


class Typed:
    """A terminal in which `commerce attach-rate` is typed. Commands bring an event loop of their own."""

    def __init__(self, url: str) -> None:
        self._env = {"COMMERCE_DATABASE_URL": url, "COLUMNS": "200"}

    async def __call__(self, *words: str) -> Result:
        """What a command line prints."""
        return await asyncio.to_thread(CliRunner(env=self._env).invoke, commerce, ["attach-rate", *words])

    async def json(self, *words: str) -> Any:  # noqa: ANN401 - any JSON
        """What a program is told."""
        return json.loads((await self(*words, "--json")).stdout)


@pytest.fixture
async def typed(url: str, db: Database, web: Api, till: Api) -> Typed:
    """A terminal of a shop that sold two phones online, one with a case, and another phone in the store."""
    await open_lawful_shop(db)
    for sku in ("PHONE-BLK", "CASE-BLK"):
        await put_stock(db, sku, "wh-de", 9)
        await put_stock(db, sku, "berlin", 9)
    await buy(web, ("PHONE-BLK", 1), ("CASE-BLK", 1), buyer=IDA)
    await buy(web, ("PHONE-BLK", 1), buyer=JON)
    await sell(till, ("PHONE-BLK", 1))
    return Typed(url)


async def test_a_rate_is_a_table_with_bars(typed: Typed) -> None:
    seen = await typed(*ASKED, "--basis", "orders", "--group-by", "month,channel_kind")
    found = await typed.json(*ASKED, "--basis", "orders", "--group-by", "month", "--group-by", "channel_kind")

    rows = [(row["group"]["channel_kind"], row["numerator"], row["denominator"]) for row in found["rows"]]
    assert rows == [("online", 1, 2), ("retail", 0, 1)]
    assert (found["total"]["rate"], found["definition"]["basis"]) == ("0.333333", "orders")
    for words in ("50.0 %", "9.5 to 90.5 *", "\u2588", "total", "33.3 %", "orders with at least one net anchor unit"):
        assert words in seen.stdout


async def test_two_periods_are_compared(typed: Typed) -> None:
    online = ("--channel-kind", "online", "--from", "2026-11-02", "--to", "2026-11-02")

    seen = await typed(
        *ASKED, "--basis", "orders", *online, "--compare-from", "2026-10-01", "--compare-to", "2026-10-31"
    )

    assert seen.exit_code == 0
    for words in (
        "difference",
        "before: from 2026-10-01 to 2026-10-31    now: from 2026-11-02 to 2026-11-02",
        "; compared with from 2026-10-01 to 2026-10-31",
        "Newcombe",
    ):
        assert words in seen.stdout


async def test_the_orders_behind_it_and_the_matrix(typed: Typed) -> None:
    found = await typed.json("orders", *EVENTS, "--attached")
    seen = await typed("orders", *EVENTS)
    by_store = ("--group-by", "channel_kind,store", "--group", "channel_kind:retail", "--group", "store:berlin")
    behind = await typed.json("orders", *ASKED, "--basis", "orders", *by_store)
    cells = await typed.json("matrix", *EVENTS, "--by", "channel")
    shown = await typed("matrix", *EVENTS)

    assert [(row["attached"], row["days_until"]) for row in found["items"]] == [(True, 0)]
    assert [(row["channel"], row["store"]) for row in behind["items"]] == [("retail-de", "berlin")]
    assert "window open" in seen.stdout
    assert [(c["channel"], c["attach_channel"], c["numerator"]) for c in cells["cells"]] == [
        ("web-de", "same_order", 1), ("web-de", "retail-de", 0), ("web-de", "web-de", 0),
    ]  # fmt: skip
    assert "same order" in shown.stdout
    assert "matrix by kind; basis events; anchor category:phones" in shown.stdout
    assert "in a later order in a channel of the kind in `attach_channel`, whose day is no more than 30" in shown.stdout


async def test_behind_units_are_the_units_of_each_order(typed: Typed) -> None:
    seen = await typed("orders", *ASKED, "--basis", "units")

    table = [line.split() for line in seen.stdout.partition("basis units")[0].splitlines() if line.strip()]
    assert table[0][-3:] == ["customer", "attached", "of"]
    assert sorted(row[-2:] for row in table[2:]) == [["0", "1"], ["0", "1"], ["1", "1"]]


async def test_a_table_says_everything_that_was_asked_and_what_was_known(typed: Typed) -> None:
    plain, across = await typed(*EVENTS), await typed(*EVENTS, "--channel-kind", "online", "--from", "2026-11-01",
        "--attach-channel-kind", "retail", "--complete-only", "--count-at", "hand_over",
        "--as-of", "2026-11-02T12:00:00Z", "--believed-at", "2026-11-02T12:00:00.000001Z")  # fmt: skip

    assert "in the same order, or in a later order whose day is no more than 30 calendar days after" in plain.stdout
    assert "in a later order in a channel of the kind retail, whose day is no more than 30" in across.stdout
    assert "in the same order" not in across.stdout
    assert (
        "basis events; anchor category:phones; attach category:cases; window 30 days; from 2026-11-01; "
        "channel_kind online; attach_channel_kind retail; complete windows only; preorders at hand-over\n"
        "as of 2026-11-02T12:00:00Z; believed at 2026-11-02T12:00:00.000001Z; "
    ) in across.stdout


async def test_files_and_charts_are_written(typed: Typed, tmp_path: Path) -> None:
    chart, rates, orders = tmp_path / "c.svg", tmp_path / "r.csv", tmp_path / "o.parquet"

    said = await typed(*EVENTS, "--group-by", "month", "--chart", str(chart), "--out", str(rates))
    more = await typed("orders", *EVENTS, "--out", str(orders))

    assert (said.exit_code, more.exit_code) == (0, 0)
    assert chart.read_text().rstrip().endswith("</svg>")
    assert [row["numerator"] for row in csv.DictReader(rates.read_text().splitlines())] == ["1"]
    assert pq.read_table(orders).num_rows == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (ASKED, "--basis"),
        (("--attach", "category:cases", "--basis", "orders"), "--anchor"),
        ((*EVENTS, "--chart", "c.gif"), "svg or png"),
        ((*EVENTS, "--out", "c.xls"), "csv or parquet"),
        ((*EVENTS, "--basis", "orders"), "window_days"),
        ((*EVENTS, "--group-by", "year"), "year"),
        (
            (*EVENTS, "--chart", "/nowhere/c.svg"),
            "cannot be written: No such file or directory.\nChoose another: --chart",
        ),
        (
            ("orders", *EVENTS, "--out", "/nowhere/c.csv"),
            "cannot be written: No such file or directory.\nChoose another: --out",
        ),
        (("orders",), "Missing: '--anchor', '--attach', '--basis'."),
        ((*EVENTS, "--compare-from", "2026-10-01", "--chart", "c.svg"), "'--chart' draws one period"),
        ((*ASKED, "--basis", "events"), "See --window-days."),
        ((*EVENTS, "--from", "2026-11-32"), "See --from."),
        (("orders", *EVENTS, "--channel", "none"), "See --channel."),
        (("matrix", *EVENTS, "--attach-channel", "web-de"), "See --attach-channel."),
        ((*EVENTS, "--group-by", "month", "matrix"), "'matrix' has no option '--group-by'"),
        (("--anchor", "category:phones", "verify", "README.md", "--key", "x"), "'verify' has no option '--anchor'"),
        (("orders", *EVENTS, "--group", "month:2026-11"), "month:2026-11"),
        (("orders", *EVENTS, "--limit", "3", "--out", "/nowhere/c.csv"), "'--out' writes all of them"),
    ],
)
async def test_what_cannot_be_done_is_said(typed: Typed, words: tuple[str, ...], said: str) -> None:
    answer = await typed(*words)

    assert answer.exit_code == 2
    assert said in answer.output


async def test_what_is_typed_before_a_subcommand_is_said_to_it(typed: Typed) -> None:
    then = ("--as-of", "2026-11-03T00:00:00Z", "--believed-at", "2026-11-03T00:00:00Z")
    early = await typed(*EVENTS, *then, "--json", "orders", "--limit", "1")
    late = await typed.json("orders", *EVENTS, *then, "--limit", "1")
    both = await typed("--basis", "orders", "orders", *EVENTS, *then, "--limit", "1", "--json")

    assert early.exit_code == 0, early.output
    assert json.loads(early.stdout) == late == json.loads(both.stdout)


def test_a_folder_without_a_database_is_not_asked(tmp_path: Path) -> None:
    words = ["attach-rate", *EVENTS, "--data", str(tmp_path / "mistyped")]

    refused = CliRunner(env={"COMMERCE_DATABASE_URL": ""}).invoke(commerce, words)

    assert (refused.exit_code, "there is no database in it" in refused.output) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "word", "said"),
    [("--api", "http://[::1", "it is no address"), ("--key", "schl\u00fcssel", "letters that no key has")],
)
async def test_an_address_or_a_key_that_cannot_be_is_no_figure_that_differs(
    tmp_path: Path, option: str, word: str, said: str
) -> None:
    expected = tmp_path / "expected.json"
    row = {"anchor": "phones", "attach": "cases", "channel": "all", "basis": "orders", "numerator": 0, "denominator": 0}
    expected.write_text(json.dumps({"rows": [row]}))

    answer = await Typed("postgresql://nowhere")("verify", str(expected), "--key", "k", option, word)

    assert (answer.exit_code, said in answer.output) == (2, True), answer.output


async def test_figures_of_others_are_compared_with_ours_over_http(url: str, tmp_path: Path) -> None:
    row = {"anchor": "phones", "attach": "cases", "channel": "all", "basis": "events", "window_days": 30,
           "complete_only": True, "numerator": 0, "denominator": 0}  # fmt: skip
    other = {**row, "basis": "cross", "channel": "online", "attach_channel": "retail", "numerator": 1}
    expected = tmp_path / "expected.json"
    expected.write_text(json.dumps({"rows": [row, other, {**row, "basis": "units", "window_days": None,
                                                          "complete_only": False}]}))  # fmt: skip
    typed = Typed(url)
    async with api_processes(url, 1) as apis:
        where = ("verify", str(expected), "--api", f"http://127.0.0.1:{apis.ports[0]}", "--as-of", "2026-01-31")
        key = ("--key", apis.keys[Role.ADMIN])
        told, seen = await typed.json(*where, *key), await typed(*where, *key)
        wrong = await typed(*where, "--key", "wrong")
    gone = await typed(*where, *key)
    undated = await typed("verify", str(expected), *key)
    expected.write_text('{"rows": [{}]}')
    empty = await typed(*where, *key)
    expected.write_text('{"rows": []}')
    none = await typed(*where, *key)

    assert (told["equal"], told["of"], len(told["unequal"])) == (2, 3, 1)
    assert told["unequal"][0]["found"] == {"numerator": 0, "denominator": 0}
    assert (seen.exit_code, seen.stdout.splitlines()[-1]) == (1, "2 of 3 equal")
    assert (wrong.exit_code, "Send a valid API key" in wrong.output) == (2, True)
    assert (gone.exit_code, "Row 1 was not answered" in gone.output) == (2, True)
    assert (empty.exit_code, "row 1 has no `anchor`" in empty.output) == (2, True)
    assert (none.exit_code, "its `rows` are none" in none.output) == (2, True)
    assert (undated.exit_code, "with '--as-of'" in undated.output) == (2, True)
