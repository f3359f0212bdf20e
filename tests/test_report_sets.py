"""Named sets: a name stands for selectors, in versions, and an answer cites the one that was in force."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.reports.define_set import define_set
from orders.reports.set_schemas import SetBody
from tests.companions import PHONES, sell
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.people import somebody_waits
from tests.shop import open_shop, rows
from tests.stories import every_law_holds

PLACE = "/v1/reports/sets"
RATE = "/v1/reports/attach-rate"


@pytest.fixture
async def analyst(db: Database, callers: Callers) -> Api:
    """Whoever works with figures, in the fixed shop."""
    await open_shop(db)
    return await callers(Role.ANALYST)


async def define(caller: Api, code: str, *members: str, **more: object) -> Json:
    """Say what a name stands for."""
    answer = await caller.send("PUT", f"{PLACE}/{code}", {"members": list(members), **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_set_has_a_new_version_whenever_it_means_something_else(
    analyst: Api, callers: Callers, clock: SetClock, db: Database
) -> None:
    merchandiser = await callers(Role.MERCHANDISER)
    first = await define(analyst, "protection", "category:cases", "category:cases")
    clock.advance(timedelta(hours=1))
    same = await define(merchandiser, "protection", "category:cases")
    second = await define(merchandiser, "protection", "category:cases", "sku:CHARGER", note="They charge, too.")
    await define(analyst, "black", "attribute:colour=black")

    assert (first["version"], first["members"], first["note"]) == (1, ["category:cases"], None)
    assert same == first
    assert (second["version"], second["defined_at"]) == (2, "2026-11-02T13:00:00Z")
    assert second["defined_by"] != first["defined_by"]
    assert (await analyst.get(f"{PLACE}/protection")).json() == {**second, "skus": 2, "versions": [second, first]}
    pages = [(await analyst.get(PLACE, limit=1)).json()]
    pages.append((await analyst.get(PLACE, limit=1, cursor=pages[0]["next_cursor"])).json())
    assert [(one["code"], one["version"]) for page in pages for one in page["items"]] == [
        ("black", 1),
        ("protection", 2),
    ]
    assert pages[1]["next_cursor"] is None
    await every_law_holds(db)


async def test_an_answer_is_of_the_version_that_was_in_force_and_cites_it(
    analyst: Api, db: Database, clock: SetClock, tmp_path: Path
) -> None:
    await sell(db, tmp_path, "web-de", NOON.date() - timedelta(days=1), phones=4, cases=1)
    asked: dict[str, Any] = {"anchor": PHONES, "attach": ["set:protection", "sku:WATCH"], "basis": "orders"}
    clock.advance(timedelta(minutes=5))
    await define(analyst, "protection", "sku:CHARGER")
    v1 = (await analyst.get(RATE, **asked)).json()
    clock.advance(timedelta(hours=1))
    await define(analyst, "protection", "category:cases")
    v2 = (await analyst.get(RATE, **asked)).json()
    then = (await analyst.get(RATE, **asked, as_of="2026-11-02T12:30:00Z")).json()
    long_before = (await analyst.get(RATE, **asked, as_of="2026-11-02T00:00:00Z")).json()
    await define(analyst, "protection", "category:cases", note="The same, with a word on it.")
    v3 = (await analyst.get(RATE, **asked)).json()

    cited = [(one["definition"]["attach"], one["total"]["numerator"]) for one in (v1, v2, then, long_before, v3)]
    asked_for = ["set:protection", "sku:WATCH"]
    assert cited == [
        ({"asked": asked_for, "skus": 2, "versions": {"protection": 1}}, 0),
        ({"asked": asked_for, "skus": 2, "versions": {"protection": 2}}, 1),
        ({"asked": asked_for, "skus": 2, "versions": {"protection": 1}}, 0),
        ({"asked": asked_for, "skus": 2, "versions": {"protection": 1}}, 0),
        ({"asked": asked_for, "skus": 2, "versions": {"protection": 3}}, 1),
    ]


async def test_what_makes_no_set_is_refused_by_field(analyst: Api, callers: Callers) -> None:
    def put(code: str, *members: str) -> Any:  # noqa: ANN401 - an answer that is awaited
        return analyst.send("PUT", f"{PLACE}/{code}", {"members": ["category:cases", *members]})

    refused = [
        await put("a", "set:a"),
        await put("a", "colour:black"),
        await put("a", "sku:CHARGER", "category:shoes"),
        await put("%2E%2E", "sku:CHARGER"),
        await analyst.send("PUT", f"{PLACE}/a", {"members": []}),
    ]

    assert [(*problem(answer), answer.json()["errors"][0]["field"]) for answer in refused] == [
        (400, "invalid_input", "members[1]"),
        (400, "invalid_input", "members[1]"),
        (422, "unknown_reference", "members[2]"),
        (400, "invalid_input", "code"),
        (400, "invalid_input", "members"),
    ]
    assert problem(await analyst.get(f"{PLACE}/a")) == (404, "not_found")
    mistyped = await analyst.get(RATE, anchor=PHONES, attach="Set:a", basis="orders")
    assert "attribute:name=value, or as set:… if it has a name." in mistyped.json()["detail"]
    unnamed = await analyst.get(RATE, anchor=PHONES, attach="set:a", basis="orders")
    assert (*problem(unnamed), unnamed.json()["errors"][0]["field"]) == (422, "unknown_reference", "attach")
    operator = await callers(Role.OPERATOR)
    assert problem(await operator.send("PUT", f"{PLACE}/a", {"members": ["sku:CHARGER"]})) == (403, "wrong_role")
    assert (await operator.get(PLACE)).json() == {"items": [], "next_cursor": None}


async def test_of_two_who_define_at_once_neither_is_lost(analyst: Api, db: Database) -> None:
    async def define_later(member: str) -> int:
        async with db.transaction() as tx:
            return (await define_set(tx, "both", SetBody(members=[member]), "somebody", NOON)).version

    async with db.transaction() as tx:
        await define_set(tx, "both", SetBody(members=["sku:WATCH"]), "first", NOON + timedelta(seconds=1))
        waiting = asyncio.create_task(define_later("sku:CHARGER"))
        await somebody_waits(db)

    assert await waiting == 2
    assert await rows(db, "SELECT version, members, defined_at FROM report_sets ORDER BY version") == [
        (1, ["sku:WATCH"], NOON + timedelta(seconds=1)),
        (2, ["sku:CHARGER"], NOON + timedelta(seconds=1)),
    ]
    del analyst
