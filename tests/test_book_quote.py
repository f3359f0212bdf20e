"""`commerce book quote`: whoever holds a book works out every cent by themselves, before an instant and after it."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commerce.__main__ import commerce
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.rules.codes import hash_of
from tests.book_stories import SOON, promote, publish, reprice
from tests.conftest import Callers, Json
from tests.stories import open_lawful_shop

BASKET = ("--sku", "PHONE-BLK", "--sku", "CASE-BLK=2")
LINES = [{"sku": "PHONE-BLK", "quantity": 1}, {"sku": "CASE-BLK", "quantity": 2}]
NO_SHOP = {"COMMERCE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
BEFORE, AFTER = (SOON - timedelta(microseconds=1)).isoformat(), SOON.isoformat()

Typed = Callable[..., Result]


@pytest.fixture
async def typed(url: str, db: Database, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a command of this kind, where cases become cheaper at an instant, and a tenth comes off them."""
    await open_lawful_shop(db)
    await reprice(db, "CASE-BLK", 2500, SOON)
    await promote(db, SOON)
    await promote(
        db,
        SOON,
        id="prm_2",
        name="Nothing for bringing it",
        lane=1,
        conditions={"code_hashes": [hash_of("de", "WELCOME10")], "stores": ["berlin"]},
        benefit={"kind": "percent", "share": 10000, "on": "shipping"},
    )
    await publish(db)
    monkeypatch.setenv("COMMERCE_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words, **env: CliRunner(env=env).invoke(commerce, ["book", *words])


@pytest.fixture
async def saved(typed: Typed, tmp_path: Path) -> str:
    """The book as a till has fetched it before the instant."""
    file = tmp_path / "de.json"
    assert (await asyncio.to_thread(typed, "show", "de", "--save", str(file))).exit_code == 0
    return str(file)


def quoted(typed: Typed, what: str, *words: str, **env: str) -> Json:
    """The facts of a quote."""
    answer = typed("quote", what, "--channel", "web-de", *words, "--json", **env)
    assert answer.exit_code == 0, answer.output
    return dict(json.loads(answer.stdout))


def refused(typed: Typed, *words: str) -> tuple[int, str]:
    """The exit code, and the code of the refusal."""
    answer = typed("quote", *words, "--json")
    return answer.exit_code, json.loads(answer.stdout)["code"]


async def test_an_offline_engine_and_the_shop_switch_at_the_same_instant(
    typed: Typed, saved: str, callers: Callers, clock: SetClock
) -> None:
    web = await callers(Role.STOREFRONT, channel="web-de")

    async def shown() -> int:
        answer = await web.post("/v1/quotes", {"channel": "web-de", "lines": LINES})
        return int(answer.json()["total"]["amount"])

    def offline(when: str) -> Json:
        return quoted(typed, saved, *BASKET, "--at", when, **NO_SHOP)

    clock.set(SOON - timedelta(microseconds=1))
    assert (await shown(), (await asyncio.to_thread(offline, BEFORE))["total"]) == (85700, 85700)
    clock.set(SOON)
    late = await asyncio.to_thread(offline, AFTER)
    assert (await shown(), late["total"]) == (84400, 84400)
    assert [(line["sku"], line["price"], line["discount"], line["prior"]) for line in late["lines"]] == [
        ("CASE-BLK", 2500, 500, {"amount": 2900, "since": late["instant"]}),
        ("PHONE-BLK", 79900, 0, None),
    ]


def test_the_shops_own_books_are_asked_too(typed: Typed) -> None:
    now = quoted(typed, "de", *BASKET)
    first = quoted(typed, "de", *BASKET, "--number", "1")

    assert (now["book"], now["total"]) == (2, 84400)
    assert (first["book"], first["total"]) == (1, 85700)


def test_a_code_a_store_and_shipping_are_told(typed: Typed, saved: str) -> None:
    def bring(*words: str) -> tuple[int, str]:
        found = quoted(typed, saved, *BASKET, "--shipping", "490", "--at", AFTER, *words)
        [verdict] = [one["reason"] for one in found["verdicts"] if one["promotion"] == "prm_2"]
        return found["total"], verdict

    assert bring() == (84890, "store")
    assert bring("--store", "berlin") == (84890, "code")
    assert bring("--store", "berlin", "--code", "nonsense", "--code", "welcome10") == (84400, "applied")


def test_a_person_reads_lines_promotions_and_the_total(typed: Typed, saved: str) -> None:
    told = typed("quote", saved, "--channel", "web-de", *BASKET, "--shipping", "490", "--at", AFTER)
    plain = typed("quote", saved, "--channel", "web-de", "--sku", "WATCH", "--at", BEFORE)

    assert (told.exit_code, plain.exit_code) == (0, 0)
    assert "-5.00 EUR A tenth off cases" in told.stdout
    assert "It took something off." in told.stdout
    assert "It does not run in this store." in told.stdout
    assert "│ shipping" in told.stdout
    [total] = [line for line in told.stdout.splitlines() if line.startswith("│ total")]
    assert "848.90 EUR" in total
    assert "│ 2 x CASE-BLK" in told.stdout
    assert "lowest before 29.00 EUR" in told.stdout
    assert "19 %" in told.stdout
    assert "It took something off." not in plain.stdout


def test_no_is_said_to_what_has_no_price_and_to_what_is_not_ours(typed: Typed, saved: str) -> None:
    here = (saved, "--channel", "web-de")

    assert refused(typed, *here, "--sku", "NOTHING") == (2, "cannot_be_quoted")
    assert refused(typed, *here, "--sku", "WATCH", "--sku", "WATCH=2") == (2, "cannot_be_quoted")
    assert refused(typed, saved, "--channel", "web-us", "--sku", "WATCH") == (2, "cannot_be_quoted")
    assert refused(typed, "nowhere", "--channel", "web-de", "--sku", "WATCH") == (2, "not_found")
    assert refused(typed, *here, "--sku", "WATCH", "--key", "00" * 32) == (2, "book_key_unknown")
    for misuse in (
        ("--sku", "WATCH=0"),
        ("--sku", "=1"),
        ("--sku", "WATCH=many"),
        ("--sku", "\udcff=1"),
        ("--sku", "WATCH", "--number", "1"),
        ("--sku", "WATCH", "--store", "berlin", "--at", "noon"),
    ):
        assert refused(typed, *here, *misuse) == (2, "invalid_usage")
    assert refused(typed, "de", "--channel", "web-de", "--sku", "WATCH", "--key", "00") == (2, "invalid_usage")
    assert refused(typed, "de", "--channel", "web-de", "--sku", "WATCH", "--keys", saved) == (2, "invalid_usage")
    assert refused(typed, *here, "--sku", "WATCH", "--keys", saved) == (2, "invalid_usage")
    assert refused(typed, "gone.json", "--channel", "web-de", "--sku", "WATCH") == (2, "invalid_usage")
    Path(saved).write_bytes(Path(saved).read_bytes().replace(b"2500", b"1500"))
    assert refused(typed, *here, "--sku", "CASE-BLK") == (2, "book_tampered")


def test_who_looks_further_ahead_than_the_book_is_told(typed: Typed, saved: str) -> None:
    far = typed("quote", saved, "--channel", "web-de", "--sku", "WATCH", "--at", "2027-06-01")
    near = typed("quote", saved, "--channel", "web-de", "--sku", "WATCH", "--at", AFTER)

    assert "not complete so far ahead" in far.stderr
    assert near.stderr == ""
