"""`commerce promotions`: the way from a file to a promotion that runs, typed by two people."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commerce.__main__ import commerce
from commerce.kernel.clock import SetClock, SystemClock
from commerce.kernel.db import Database
from tests.conftest import Json
from tests.promoting import promotion
from tests.stories import every_law_holds, open_lawful_shop


@pytest.fixture
def clock() -> SetClock:
    """Commands have the real clock."""
    return SetClock(SystemClock().now())


class Typed:
    """A terminal."""

    def __init__(self, url: str, folder: Path) -> None:
        self._env = {"COMMERCE_DATABASE_URL": url, "COLUMNS": "200"}
        self.folder = folder

    async def __call__(self, *words: str) -> Result:
        """What a command line prints."""
        runner = CliRunner(env=self._env)
        return await asyncio.to_thread(runner.invoke, commerce, ["promotions", *words])

    async def json(self, *words: str) -> Json:
        """What a program is told."""
        answer = await self(*words, "--json")
        assert answer.exit_code == 0, answer.output
        return dict(json.loads(answer.stdout))

    async def refused(self, *words: str) -> tuple[int, str]:
        """The exit code, and the code of what a program is told."""
        answer = await self(*words, "--json")
        return answer.exit_code, json.loads(answer.stdout)["code"]

    def file(self, body: Json) -> str:
        """A file with a promotion in it."""
        path = self.folder / "promotion.json"
        path.write_text(json.dumps(body))
        return str(path)


@pytest.fixture
async def typed(url: str, db: Database, tmp_path: Path) -> Typed:
    """A terminal, and the fixed shop."""
    await open_lawful_shop(db)
    return Typed(url, tmp_path)


async def test_two_people_bring_a_promotion_from_a_file_into_the_book(typed: Typed, db: Database) -> None:
    file = typed.file(promotion(name="Ten [off]", conditions={"unique_codes": True}))
    promotion_id = (await typed.json("draft", file, "--as", "ada"))["promotion"]["id"]
    await typed.json("submit", promotion_id, "--as", "ada", "--note", "please")
    own = await typed.refused("approve", promotion_id, "--as", "ada")
    nameless = await typed.refused("approve", promotion_id)
    approved = await typed.json("approve", promotion_id, "--as", "bob")
    dry = await typed("dry-run", promotion_id)
    scheduled = await typed.json("schedule", promotion_id, "--at", "2099-01-01")
    codes = await typed("codes", promotion_id, "--count", "5", "--prefix", "VIP-")
    again = await typed("codes", promotion_id, "--batch", "1")
    told = await typed.json("codes", promotion_id, "--count", "2")
    shown = await typed("show", promotion_id)
    withdrawn = await typed.json("withdraw", promotion_id, "--note", "no")

    assert own == (2, "own_change")
    assert nameless == (2, "invalid_usage")
    assert [approved["promotion"][name] for name in ("state", "created_by", "approved_by")] == [
        "approved",
        "terminal:ada",
        "terminal:bob",
    ]
    assert "It can apply." in dry.stdout
    assert "No code was made for it" in dry.stdout
    assert "29.00 EUR" in dry.stdout
    assert scheduled["promotion"]["starts_at"] == "2099-01-01T00:00:00Z"
    assert sorted(codes.stdout.split()) == again.stdout.split()
    assert len(again.stdout.split()) == 5
    assert told == {"promotion": promotion_id, "batch": 2, "count": 2}
    for word in (promotion_id, "Ten [off]", "scheduled", "terminal:bob", "codes_made", "unique_codes"):
        assert word in shown.stdout
    assert withdrawn["promotion"]["state"] == "withdrawn"
    await every_law_holds(db)


async def test_codes_are_told_to_a_program_with_their_uses(typed: Typed) -> None:
    promotion_id = (await typed.json("draft", typed.file(promotion(conditions={"unique_codes": True})), "--as", "ada"))[
        "promotion"
    ]["id"]
    nothing = await typed.json("codes", promotion_id)
    await typed.json("submit", promotion_id, "--as", "ada")
    await typed.json("codes", promotion_id, "--count", "3", "--length", "12")
    await typed.json("codes", promotion_id, "--count", "2", "--prefix", "VIP-")
    told, second = await typed.json("codes", promotion_id), await typed.json("codes", promotion_id, "--batch", "2")
    printed = (await typed("codes", promotion_id)).stdout.split()

    assert nothing == {"promotion": promotion_id, "codes": []}
    assert [one["code"] for one in told["codes"]] == printed
    assert [len(one["code"]) for one in told["codes"] if one["batch"] == 1] == [12] * 3
    assert [(one["code"][:4], one["batch"], one["uses"], one["most"]) for one in second["codes"]] == [
        ("VIP-", 2, 0, 1)
    ] * 2


@pytest.mark.parametrize(
    ("words", "blamed"),
    [
        (("--count", "2", "--batch", "1"), "--batch"),
        (("--prefix", "VIP-"), "--prefix"),
        (("--length", "10"), "--length"),
        (("--batch", "1", "--length", "20"), "--length"),
    ],
)
async def test_no_word_about_codes_goes_unheard(typed: Typed, words: tuple[str, ...], blamed: str) -> None:
    refused = await typed("codes", f"prm_{'0' * 32}", *words, "--json")

    said = json.loads(refused.stdout)
    assert (refused.exit_code, said["code"]) == (2, "invalid_usage")
    assert blamed in said["detail"]


async def test_promotions_are_listed(typed: Typed) -> None:
    ids = [
        (await typed.json("draft", typed.file(promotion(market=market))))["promotion"]["id"] for market in ("de", "us")
    ]
    seen, nothing = await typed("list"), await typed("list", "--state", "live")
    one = await typed.json("list", "--limit", "1")

    assert all(promotion_id in seen.stdout for promotion_id in ids)
    assert nothing.stdout == "There is no such promotion.\n"
    assert ([each["id"] for each in one["promotions"]], one["more"]) == (ids[1:], True)
    assert "there are more" in (await typed("list", "--limit", "1")).stdout
    assert [each["id"] for each in (await typed.json("list", "--market", "de"))["promotions"]] == ids[:1]


async def test_what_makes_no_sense_is_told(typed: Typed) -> None:
    broken = typed.folder / "broken.json"
    broken.write_text('{"market": "de"')
    gone = f"prm_{'0' * 32}"

    assert await typed.refused("draft", typed.file(promotion(codes=["a"]))) == (2, "malformed_promotion")
    assert await typed.refused("draft", typed.file({"market": "de"})) == (2, "invalid_input")
    assert await typed.refused("draft", str(broken)) == (2, "invalid_input")
    for words in (("show",), ("dry-run",), ("submit",), ("stop", "--note", "x"), ("reject", "--note", "x"), ("codes",)):
        assert await typed.refused(*words, gone) == (2, "not_found")
    assert await typed.refused("stop", gone, "--note", " ") == (2, "invalid_usage")
    assert await typed.refused("codes", gone, "--count", "1", "--prefix", "vip") == (2, "invalid_usage")
