"""What goes with what: said by merchandisers, read by staff, refused by field, and there in the demo shop."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from catalog.members import members
from catalog.selectors import selector_of
from commerce.commands.load_demo import load_demo
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Callers, Json, problem
from tests.shop import open_shop, rows

CASES: Json = {"anchor": ["category:phones"], "attach": ["category:cases"], "note": "No phone leaves without."}
PLACE = "/v1/catalog/pairings"


async def test_a_pairing_is_said_read_said_anew_and_forgotten(callers: Callers, db: Database, clock: SetClock) -> None:
    await open_shop(db)
    merchandiser, analyst = await callers(Role.MERCHANDISER), await callers(Role.ANALYST)

    said = await merchandiser.send("PUT", f"{PLACE}/phones-cases", CASES)
    clock.advance(timedelta(hours=1))
    wider: Json = {"anchor": ["product:phone", "sku:WATCH"], "attach": ["category:cases", "sku:CHARGER"]}
    anew = await merchandiser.send("PUT", f"{PLACE}/phones-cases", wider)

    assert (said.status_code, said.json()) == (
        200,
        {"code": "phones-cases", **CASES, "created_at": "2026-11-02T12:00:00Z"},
    )
    assert (anew.status_code, anew.json()) == (
        200,
        {"code": "phones-cases", **wider, "note": None, "created_at": "2026-11-02T12:00:00Z"},
    )
    read = await analyst.get(f"{PLACE}/phones-cases")
    assert read.json() == anew.json()
    assert (
        await analyst.get(f"{PLACE}/phones-cases", headers={"If-None-Match": read.headers["etag"]})
    ).status_code == 304
    gone = await merchandiser.send("DELETE", f"{PLACE}/phones-cases")
    assert (gone.status_code, gone.content) == (204, b"")
    assert problem(await merchandiser.send("DELETE", f"{PLACE}/phones-cases")) == (404, "not_found")
    assert problem(await analyst.get(f"{PLACE}/phones-cases")) == (404, "not_found")


async def test_pairings_come_in_pages(callers: Callers, db: Database) -> None:
    await open_shop(db)
    merchandiser = await callers(Role.MERCHANDISER)
    for code in ("c", "a", "b"):
        await merchandiser.send("PUT", f"{PLACE}/{code}", CASES)

    first = (await merchandiser.get(PLACE, limit=2)).json()
    second = (await merchandiser.get(PLACE, limit=2, cursor=first["next_cursor"])).json()

    assert [one["code"] for one in first["items"]] == ["a", "b"]
    assert ([one["code"] for one in second["items"]], second["next_cursor"]) == (["c"], None)


REFUSED: list[tuple[Json, tuple[int, str], Json]] = [
    ({"anchor": []}, (400, "invalid_input"), {"field": "anchor"}),
    ({"attach": [""]}, (400, "invalid_input"), {"field": "attach[0]"}),
    ({"anchor": ["phones"]}, (400, "invalid_input"), {"field": "anchor[0]"}),
    ({"attach": ["sku:WATCH", "set:mine"]}, (400, "invalid_input"), {"field": "attach[1]"}),
    ({"anchor": ["sku:WATCH", "brand:X"]}, (422, "unknown_reference"), {"field": "anchor[1]", "value": "brand:X"}),
    ({"attach": ["category:nowhere"]}, (422, "unknown_reference"), {"field": "attach[0]", "value": "category:nowhere"}),
    (
        {"attach": ["sku:CHARGER", "attribute:colour=black"]},
        (422, "sets_overlap"),
        {"field": "attach", "sku": "PHONE-BLK", "shared": 1},
    ),
    (
        {"anchor": ["brand:Brand"], "attach": ["product:phone"]},
        (422, "sets_overlap"),
        {"field": "attach", "sku": "PHONE-BLK", "shared": 2},
    ),
    ({"colour": "red"}, (400, "invalid_input"), {}),
]


async def test_what_cannot_go_together_is_refused_by_its_field(
    callers: Callers, db: Database, subtests: pytest.Subtests
) -> None:
    await open_shop(db)
    merchandiser = await callers(Role.MERCHANDISER)

    for change, refusal, facts in REFUSED:
        with subtests.test(change=change):
            answer = await merchandiser.send("PUT", f"{PLACE}/x", {**CASES, **change})
            assert problem(answer) == refusal
            assert facts.items() <= answer.json()["facts"].items()
            assert [error["field"] for error in answer.json()["errors"]] == [facts.get("field", "colour")]
    for code, refusal in {
        "a%2Fb": (404, "no_such_route"),
        "%20a": (400, "invalid_input"),
        "a%0A": (400, "invalid_input"),
        "a" * 101: (400, "invalid_input"),
        "%2E": (400, "invalid_input"),
    }.items():
        assert problem(await merchandiser.send("PUT", f"{PLACE}/{code}", CASES)) == refusal
    assert await rows(db, "SELECT count(*) FROM pairings") == [(0,)]


async def test_sets_may_be_empty_as_yet_and_meet_later(callers: Callers, db: Database) -> None:
    await open_shop(db)
    merchandiser = await callers(Role.MERCHANDISER)
    await merchandiser.post("/v1/categories", {"code": "glass", "name": "Screen protectors"})

    said = await merchandiser.send("PUT", f"{PLACE}/glass", {**CASES, "attach": ["category:glass"]})
    moved = await merchandiser.send("PATCH", "/v1/categories/glass", {"parent": "phones"})
    await merchandiser.send("PATCH", "/v1/catalog/variants/CASE-BLK", {"category": "glass"})

    assert (said.status_code, moved.status_code) == (200, 200)
    assert (await merchandiser.get(f"{PLACE}/glass")).json() == said.json()
    again = await merchandiser.send("PUT", f"{PLACE}/glass", {**CASES, "attach": ["category:glass"]})
    assert again.json()["facts"] == {"field": "attach", "sku": "CASE-BLK", "shared": 1}


async def test_only_who_edits_the_catalog_says_what_goes_together(callers: Callers, db: Database) -> None:
    await open_shop(db)
    analyst, storefront = await callers(Role.ANALYST), await callers(Role.STOREFRONT, channel="web-de")

    assert problem(await analyst.send("PUT", f"{PLACE}/x", CASES)) == (403, "wrong_role")
    assert problem(await analyst.send("DELETE", f"{PLACE}/x")) == (403, "wrong_role")
    assert problem(await storefront.get(PLACE)) == (403, "wrong_role")


async def test_the_demo_shop_knows_what_goes_with_what(db: Database, url: str, tmp_path: Path) -> None:
    await asyncio.to_thread(load_demo, url, tmp_path / "demo-keys.json")

    sizes = {}
    async with db.read() as tx:
        for code, *sets in await rows(db, "SELECT code, anchor, attach FROM pairings ORDER BY code"):
            known = [await members(tx, [selector_of("set", one) for one in each], db.clock.now()) for each in sets]
            sizes[code] = tuple(map(len, known))

    assert sizes == {
        "hub-things": (1, 4),
        "phones-cases": (20, 10),
        "phones-chargers": (20, 6),
        "phones-earbuds": (20, 5),
        "phones-glass": (20, 4),
        "phones-watches": (20, 6),
        "tern-3-made-for-it": (6, 4),
        "watches-straps": (4, 2),
    }
