"""`commerce prices draft`, `approve` and the others: two people at terminals change a price."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commerce.commands.options import Commands
from commerce.commands.price_changes import PRICE_CHANGE_COMMANDS
from commerce.kernel.clock import SetClock, SystemClock
from tests.conftest import Json
from tests.price_changes import Desk, desk

__all__ = ["desk"]

ABOUT = ("--market", "de", "--name", "Watches", "--reason", "The pricing round")
LIST = "sku,channel,price\nWATCH,,199.00\nCHARGER,,none\n"
RULE: Json = {"select": {"categories": ["accessories"]}, "change_bp": -1000, "round_to": {"ending": 99, "unit": 100}}


@pytest.fixture
def clock() -> SetClock:
    """Now: commands have the real clock."""
    return SetClock(SystemClock().now())


class Typed:
    """A terminal in which `commerce prices` is typed."""

    def __init__(self, url: str, folder: Path) -> None:
        self._env = {"COMMERCE_DATABASE_URL": url, "COLUMNS": "200"}
        self.folder = folder
        self._prices = Commands(name="prices")
        for each in PRICE_CHANGE_COMMANDS:
            self._prices.add_command(each)

    async def __call__(self, *words: str, typed: str | None = None) -> Result:
        """What a command line prints."""
        runner = CliRunner(env=self._env)
        return await asyncio.to_thread(runner.invoke, self._prices, list(words), typed)

    async def json(self, *words: str) -> Json:
        """What a program is told."""
        answer = await self(*words, "--json")
        assert answer.exit_code == 0, answer.output
        return dict(json.loads(answer.stdout))

    async def refused(self, *words: str) -> tuple[int, str]:
        """The exit code of a command, and the code of its refusal."""
        answer = await self(*words, "--json")
        return answer.exit_code, json.loads(answer.stdout)["code"]

    def file(self, name: str, text: str) -> str:
        """A file with this text."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)


@pytest.fixture
def typed(url: str, folder: Path) -> Typed:
    """A terminal at the story's database."""
    return Typed(url, folder)


async def test_two_people_change_a_price_from_terminals(desk: Desk, typed: Typed) -> None:
    drafted = await typed.json("draft", typed.file("list.csv", LIST), *ABOUT, "--as", "ada")
    change_id = drafted["id"]
    submitted = await typed.json("submit", change_id, "--as", "ada", "--note", "Please")
    own = await typed.refused("approve", change_id, "--as", "ada")
    nameless = await typed.refused("approve", change_id)
    approved = await typed.json("approve", change_id, "--as", "bea")
    scheduled = await typed.json("schedule", change_id, "--as", "ada")
    desk.clock.set(SystemClock().now())
    withdrawn = await typed("withdraw", change_id, "--as", "ada", "--json")
    shown = await typed.json("show", change_id)

    assert (drafted["state"], drafted["items"], drafted["created_by"]) == ("draft", 2, "terminal:ada")
    assert [one["state"] for one in (submitted, approved, scheduled)] == ["submitted", "approved", "scheduled"]
    assert [own, nameless] == [(2, "own_change"), (2, "invalid_usage")]
    assert json.loads(withdrawn.stdout)["code"] == "too_late_to_withdraw"
    assert [step["by"] for step in shown["steps"]] == ["terminal:ada"] * 2 + ["terminal:bea", "terminal:ada"]
    listed = await typed.json("list", "--market", "de", "--state", "scheduled")
    assert [one["id"] for one in listed["changes"]] == [change_id]
    await desk.laws_hold()


async def test_a_rule_is_tried_and_scheduled_for_later_and_withdrawn(desk: Desk, typed: Typed) -> None:
    later = (desk.clock.now() + timedelta(days=1)).isoformat()
    rule = typed.file("rule.json", json.dumps(RULE))
    change_id = (await typed.json("draft", "--rule", rule, *ABOUT, "--as", "ada", "--starts", later))["id"]
    tried = await typed.json("dry-run", change_id)
    await typed.json("submit", change_id, "--as", "ada")
    await typed.json("approve", change_id, "--as", "bea")
    await typed.json("schedule", change_id)
    withdrawn = await typed.json("withdraw", change_id, "--note", "Not yet")

    assert (tried["affected"], tried["cheaper"]) == (6, 6)
    assert withdrawn["state"] == "withdrawn"


async def test_a_change_is_rolled_back_and_rejected(desk: Desk, typed: Typed) -> None:
    desk.clock.set(desk.clock.now() - timedelta(hours=1))
    change_id = await desk.live({"sku": "WATCH", "price": {"amount": 19900, "currency": "EUR"}})
    counter = await typed.json("roll-back", change_id, "--reason", "A slip", "--as", "ada")
    rejected = await typed.json("reject", counter["id"], "--as", "bea", "--note", "No, it stays")

    assert (counter["counter_of"], counter["state"]) == (change_id, "submitted")
    assert rejected["state"] == "rejected"


async def test_people_are_shown_tables(desk: Desk, typed: Typed) -> None:
    drafted = await typed("draft", "-", *ABOUT, typed=LIST)
    change_id = (await typed.json("list"))["changes"][0]["id"]
    tried = await typed("dry-run", change_id)
    shown = await typed("show", change_id)
    none = await typed("list", "--state", "live")

    assert "2 prices" in drafted.output
    assert "199.00 EUR" in tried.output
    assert "ends_the_price: 2" in tried.output
    assert "recommended" in shown.output
    assert none.output == "There is no such price change.\n"
    del desk


async def test_what_cannot_be_read_is_refused(desk: Desk, typed: Typed) -> None:
    wrong = typed.file("wrong.csv", "sku,channel,price\nGHOST,,1.00\n")
    answers = [
        await typed.refused("draft", wrong, *ABOUT),
        await typed.refused("draft", *ABOUT),
        await typed.refused("draft", "--rule", typed.file("r.json", '{"select": {}, "less": 1}'), *ABOUT),
        await typed.refused("draft", "--rule", typed.file("n.json", "{"), *ABOUT),
        await typed.refused("show", "pch_x"),
        await typed.refused("submit", "pch_x", "--as", " "),
        await typed.refused("reject", "pch_x", "--as", "bea", "--note", " "),
    ]

    assert answers == [
        (2, "malformed_csv"),
        (2, "invalid_usage"),
        (2, "invalid_input"),
        (2, "invalid_input"),
        (2, "not_found"),
        (2, "invalid_usage"),
        (2, "invalid_usage"),
    ]
    del desk
