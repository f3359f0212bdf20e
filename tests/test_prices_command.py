"""`commerce prices`: what whoever runs the shop types to see what is charged, and what was believed of it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from commerce.__main__ import commerce
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.schemas import PolicyBody
from tests.conftest import Json
from tests.shop import open_shop, reprice, republish, rows

SATURDAY, MONDAY = datetime(2026, 11, 7, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)


class Typed:
    """A terminal in which `commerce prices` is typed. Commands bring an event loop of their own."""

    def __init__(self, url: str) -> None:
        self._env = {"COMMERCE_DATABASE_URL": url, "COLUMNS": "200"}

    async def __call__(self, *words: str) -> Result:
        """What a command line prints."""
        return await asyncio.to_thread(CliRunner(env=self._env).invoke, commerce, ["prices", *words])

    async def json(self, *words: str) -> Json:
        """What a program is told."""
        answer = await self(*words, "--json")
        return dict(json.loads(answer.stdout))


@pytest.fixture
async def typed(url: str, db: Database, clock: SetClock) -> Typed:
    """A terminal of the fixed shop, whose web shop has a weekend price that was planned on Monday."""
    await open_shop(db)
    await reprice(db, "WATCH", 22900, at=SATURDAY, channel="web-de")
    clock.advance(timedelta(hours=1))
    await reprice(db, "WATCH", None, at=MONDAY, channel="web-de")
    return Typed(url)


def brief(price: Json) -> tuple[Any, ...]:
    """A price in short."""
    return (price["charge"] and price["charge"]["amount"], price["counted"], price["valid_to"])


async def test_what_is_charged_and_what_was_believed(typed: Typed) -> None:
    now = await typed.json("at", "web-de", "WATCH", "GHOST", "--at", "2026-11-08")
    then = await typed.json("at", "web-de", "WATCH", "--at", "2026-11-08", "--believed-at", "2026-11-02T12:30")
    seen = await typed("at", "web-de", "WATCH", "GHOST", "--at", "2026-11-08")

    assert [brief(price) for price in now["prices"]] == [
        (22900, "channel", "2026-11-09T00:00:00Z"),
        (None, None, None),
    ]
    assert [brief(price) for price in then["prices"]] == [(22900, "channel", None)]
    for words in ("229.00 EUR (channel)", "249.00 EUR", "2026-11-07 00:00:00", "2026-11-09 00:00:00", "not sold"):
        assert words in seen.stdout


async def test_a_history_is_shown_oldest_first(typed: Typed) -> None:
    found = await typed.json("history", "web-de", "WATCH")
    seen, none = await typed("history", "web-de", "WATCH"), await typed("history", "web-de", "GHOST")

    assert [brief(price) for price in found["prices"]] == [
        (24900, "recommended", "2026-11-07T00:00:00Z"),
        (22900, "channel", "2026-11-09T00:00:00Z"),
        (24900, "recommended", None),
    ]
    assert seen.stdout.index("229.00") < seen.stdout.index("for good")
    assert none.stdout == "It was never sold there.\n"


async def test_parity_is_told_and_a_policy_changed(typed: Typed, db: Database) -> None:
    broken = await typed.json("parity", "de", "--at", "2026-11-02")
    seen = await typed("parity", "de", "--at", "2026-11-02")
    usual = await typed.json("policy", "de")
    await typed("policy", "de", "--parity", "band", "--band-bp", "1000")
    await typed("policy", "de", "--tax-rounding", "order", "--as", "Ada")
    allowed = await typed.json("parity", "de", "--at", "2026-11-02")
    none = await typed("parity", "us", "--at", "2026-11-02")
    refused = await typed("policy", "de", "--parity", "band")

    assert [(one["sku"], one["standing"]) for one in broken["deviations"]] == [("WATCH", "broken")]
    assert "broken" in seen.stdout
    assert (usual["parity"], usual["set_by"]) == ("equal", None)
    assert [one["standing"] for one in allowed["deviations"]] == ["policy"]
    assert none.stdout == "Every channel charges what is recommended.\n"
    assert (refused.exit_code, "only with a band" in refused.stderr) == (2, True)
    [(parity, band, rounding, by)] = await rows(
        db, "SELECT parity, band_bp, tax_rounding, set_by FROM pricing_policies"
    )
    assert (parity, band, rounding, by) == ("band", 1000, "order", "terminal:Ada")


async def test_all_of_a_policy_can_be_changed_and_the_rest_of_it_stays(typed: Typed) -> None:
    changes: dict[str, tuple[str, ...]] = {
        "tax_rounding": ("--tax-rounding", "order"),
        "prior_window_days": ("--prior-window-days", "45"),
        "prior_announced_days": ("--prior-announced-days", "60"),
        "prior_progressive": ("--prior-progressive",),
        "prior_new_arrivals": ("--prior-new-arrivals", "none"),
        "horizon_days": ("--horizon-days", "120"),
        "readiness_minutes": ("--readiness-minutes", "30"),
        "parity": ("--parity", "band", "--band-bp", "500"),
        "band_bp": ("--band-bp", "1000"),
    }
    seen = await typed.json("policy", "de")
    for field, words in changes.items():
        before, seen = seen, await typed.json("policy", "de", *words)
        assert {name for name in changes if seen[name] != before[name]} - {"band_bp"} == {field} - {"band_bp"}
    back = await typed.json("policy", "de", "--no-prior-progressive")

    assert set(changes) == set(PolicyBody.__struct_fields__)
    assert [seen[name] for name in changes] == ["order", 45, 60, True, "none", 120, 30, "band", 1000]
    assert back["prior_progressive"] is False


async def test_what_is_not_known_is_refused(typed: Typed) -> None:
    for words in (["at", "fr", "WATCH"], ["history", "fr", "WATCH"], ["parity", "fr"], ["policy", "fr"]):
        assert (await typed.json(*words))["code"] == "unknown_reference", words


async def test_a_prior_price_is_shown_with_what_it_was_found_in(typed: Typed, db: Database) -> None:
    await republish(db)
    words = ("prior", "web-de", "WATCH", "--at", "2026-11-08")
    told = await typed.json(*words)
    seen = await typed(*words)
    none = await typed("prior", "web-de", "CHARGER", "--at", "2026-11-08")
    refused = await typed("prior", "web-de", "GHOST", "--json")

    assert (told["price"]["amount"], told["prior"]["amount"]) == (22900, 24900)
    assert [(one["begins"], one["ends"]) for one in told["evidence"]] == [
        ("2026-10-08T00:00:00Z", "2026-11-07T00:00:00Z")
    ]
    for words_ in ("229.00 EUR", "249.00 EUR (recommended)", "2026-11-07 00:00:00", "lowest of 30 days"):
        assert words_ in seen.stdout
    assert "it is not reduced" in none.stdout
    assert (refused.exit_code, "unknown_reference" in refused.output) == (2, True)
