"""`commerce dead`: what whoever runs this types when a reaction kept failing."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from commerce.__main__ import commerce
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.outbox import Event, tell
from commerce.kernel.relay import relay_once


class Rang(Event, frozen=True):
    """News for these stories."""

    topic: ClassVar[str] = "rang"
    word: str


async def give_up(db: Database, now: datetime, events: int) -> list[str]:
    """So many events to each of which two reactions have failed for good; the events' ids, the oldest first."""
    async with db.transaction() as tx:
        for _ in range(events):
            await tell(tx, Rang("hello"), now)
    for _ in range(0, events, 500):
        await relay_once(db, {"rang": ["print_it", "send_it"]}, None, now)
    async with db.transaction() as tx:
        failed = "UPDATE outbox_deliveries SET dead_at = :now, failures = 8, last_error = 'OutOfPaper([1])'"
        await tx.execute(text(failed), {"now": now})
        return list((await tx.execute(text("SELECT id FROM outbox_messages ORDER BY id"))).scalars())


@pytest.fixture
async def ids(db: Database, clock: SetClock, request: pytest.FixtureRequest) -> list[str]:
    """The events on the shelf of this story."""
    return await give_up(db, clock.now(), getattr(request, "param", 2))


@pytest.fixture
def typed(url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type a command of this kind, on the story's database."""
    monkeypatch.setenv("COMMERCE_DATABASE_URL", url)
    monkeypatch.setenv("COLUMNS", "160")
    return lambda *words: CliRunner().invoke(commerce, ["dead", *words])


def lying(typed: Callable[..., Result]) -> list[tuple[str, str]]:
    """What lies on the shelf, as a program is told."""
    return [(one["message_id"], one["reaction"]) for one in json.loads(typed("list", "--json").stdout)["dead"]]


def test_a_person_looks_at_the_shelf_and_has_one_reaction_tried_anew(
    typed: Callable[..., Result], ids: list[str]
) -> None:
    first, second = ids
    seen = typed("list")
    one = json.loads(typed("list", "--json").stdout)["dead"][0]
    retried = typed("retry", first, "send_it", "--json")
    again = typed("retry", first, "send_it", "--json")

    assert seen.exit_code == 0
    assert [line.split("│")[1:6:4] for line in seen.stdout.splitlines() if first in line] == [
        [f" {first} ", " OutOfPaper([1]) "],
        [f" {first} ", " OutOfPaper([1]) "],
    ]
    assert one == {
        "message_id": first,
        "reaction": "print_it",
        "topic": "rang",
        "body": {"word": "hello"},
        "told_at": "2026-11-02T12:00:00Z",
        "failures": 8,
        "last_error": "OutOfPaper([1])",
        "dead_at": "2026-11-02T12:00:00Z",
    }
    assert (retried.exit_code, json.loads(retried.stdout)) == (0, {"retried": 1})
    assert (again.exit_code, json.loads(again.stdout)["code"]) == (2, "not_found")
    assert lying(typed) == [(first, "print_it"), (second, "print_it"), (second, "send_it")]


@pytest.mark.parametrize("ids", [501], indirect=True)
def test_all_of_a_long_shelf_is_shown_and_tried_anew(typed: Callable[..., Result], ids: list[str]) -> None:
    shown = lying(typed)
    retried = typed("retry", "--all", "--json")
    left = typed("list")

    assert shown == [(each, reaction) for each in ids for reaction in ("print_it", "send_it")]
    assert json.loads(retried.stdout) == {"retried": 1002}
    assert (left.exit_code, left.stdout) == (0, "Nothing lies on the dead shelf.\n")


@pytest.mark.parametrize("words", [(), ("evt_1",), ("evt_1", "--all"), ("evt_1", "send_it", "--all")])
def test_who_does_not_say_what_to_retry_is_asked_to(typed: Callable[..., Result], words: tuple[str, ...]) -> None:
    refused = typed("retry", *words, "--json")

    assert refused.exit_code == 2
    assert json.loads(refused.stdout)["detail"] == "Name a MESSAGE and a REACTION, or write --all."
