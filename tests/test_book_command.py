"""`commerce book`: what is seen of price books from a terminal, and what a bad one looks like."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commerce.__main__ import commerce
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from tests.book_stories import SOON, promote, publish, reprice
from tests.conftest import Callers
from tests.shop import rows
from tests.stories import open_lawful_shop


@pytest.fixture
async def typed(url: str, db: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type a command of this kind, on a shop with two German books and an American one."""
    await open_lawful_shop(db, books=False)
    await publish(db)
    await publish(db, "us")
    await reprice(db, "CASE-BLK", 2500, SOON)
    await promote(db, SOON)
    await publish(db)
    monkeypatch.setenv("COMMERCE_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(commerce, ["book", *words])


def test_books_are_listed_and_compared(typed: Callable[..., Result]) -> None:
    heads = json.loads(typed("show", "--json").stdout)["books"]
    germans = json.loads(typed("show", "de", "--json").stdout)["books"]
    first = json.loads(typed("show", "de", "--number", "1", "--json").stdout)["books"]
    shown = typed("show", "de")
    found = json.loads(typed("diff", "de", "1", "2", "--json").stdout)["differences"]
    read = typed("diff", "de", "1", "2")

    assert [(one["market"], one["number"]) for one in heads] == [("de", 2), ("us", 1)]
    assert [one["number"] for one in germans] == [1, 2]
    assert first == germans[:1]
    assert germans[1]["sha256"][:16] in shown.stdout
    assert [(one["section"], one["key"]) for one in found] == [
        ("header", "number"),
        ("items", "CASE-BLK"),
        ("promotions", "prm_1"),
    ]
    assert "2500 from 2026-11-02 12:02:00Z" in read.stdout
    assert "2900 from 2026-01-01 00:00:00Z" in read.stdout
    back = typed("diff", "de", "2", "1", "--json")
    assert (back.exit_code, json.loads(back.stdout)["code"]) == (2, "delta_backwards")
    none = typed("diff", "de", "1", "9", "--json")
    assert (none.exit_code, json.loads(none.stdout)["code"]) == (2, "not_found")
    assert typed("show", "nowhere").stdout == "There is no such price book.\n"
    assert typed("show", "--number", "1").exit_code == 2


def test_a_saved_book_is_checked_without_a_shop(typed: Callable[..., Result], tmp_path: Path) -> None:
    file = tmp_path / "de.json"
    assert typed("show", "de", "--save", str(file)).exit_code == 0
    [key] = json.loads(typed("keys", "--json").stdout)["keys"]

    good = typed("verify", str(file), "--key", key["public"], "--json")
    assert good.exit_code == 0
    assert {name: json.loads(good.stdout)[name] for name in ("market", "number", "items", "promotions")} == {
        "market": "de",
        "number": 2,
        "items": 6,
        "promotions": 1,
    }
    assert "nobody: no --key was given" in typed("verify", str(file)).stdout

    def verdict(*words: str) -> tuple[int, str]:
        said = typed("verify", str(file), *words, "--json")
        return said.exit_code, json.loads(said.stdout)["code"]

    assert verdict("--market", "us") == (2, "book_of_another_market")
    assert verdict("--key", "00" * 32) == (2, "book_wrongly_signed")
    assert verdict("--key", "nonsense") == (2, "book_key_unknown")
    sent = file.read_bytes()
    file.write_bytes(sent.replace(b"2500", b"1500"))
    assert verdict() == (2, "book_tampered")
    said = typed("verify", str(file))
    assert (said.exit_code, said.stderr.count("\n")) == (2, 1)
    file.write_bytes(sent[:-100])
    assert verdict() == (2, "book_malformed")


async def test_keys_are_turned_and_readiness_is_shown(
    typed: Callable[..., Result], db: Database, callers: Callers
) -> None:
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")
    await till.get("/v1/price-books/de", since=2)

    def type_all() -> None:
        made = json.loads(typed("rotate", "--json").stdout)
        assert (made["de"], made["us"]) == (3, 2)
        ready = json.loads(typed("readiness", "de", "--json").stdout)
        assert (ready["number"], ready["ready"]) == (3, False)
        assert "Book 2: 1 of 1 hold it." in typed("readiness", "de", "--number", "2").stdout
        moved = json.loads(typed("rotate", "--activate", "--json").stdout)
        assert (moved["activated"], moved["de"]) == (made["next"], 4)
        assert made["next"] in typed("keys").stdout
        assert "nothing: the books say it all" in typed("publish").stdout

    await asyncio.to_thread(type_all)
    assert await rows(db, "SELECT state FROM book_keys ORDER BY created_at") == [("retired",), ("current",)]
