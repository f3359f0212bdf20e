"""A dry run says what the next step would say, and tells of every price that a change touches."""

from datetime import timedelta
from types import ModuleType

import pytest
from sqlalchemy import AsyncAdaptedQueuePool

from commerce.kernel.db import Database
from pricing.changes import check, dry_run
from tests.conftest import NOON, problem
from tests.price_changes import LEAD, TONIGHT, Desk, at, desk, item
from tests.stories import eur, plant
from tests.test_price_change_meets import promotion

__all__ = ["desk"]

TICK = timedelta(microseconds=1)


def codes(seen: dict[str, list[str]]) -> list[str]:
    """What a dry run says it would be refused with."""
    return [line.partition(":")[0] for line in seen["refusals"]]


async def test_a_dry_run_says_of_a_start_what_the_next_step_would_say(desk: Desk) -> None:
    """A draft is submitted until its start; what was approved is scheduled until everybody could still hear of it."""
    draft = await desk.draft(item("WATCH", 19900), starts_at=at(TONIGHT))
    submitted = await desk.draft(item("WATCH", 19900), starts_at=at(TONIGHT))
    assert (await desk.do(submitted, "submit")).status_code == 200
    approved = await desk.approved(item("CHARGER", 3500), starts_at=at(TONIGHT))
    scheduled = await desk.scheduled(item("CASE-BLK", 2500), starts_at=at(TONIGHT))
    every = (draft, submitted, approved, scheduled)
    told = []
    for now in (TONIGHT - LEAD, TONIGHT - LEAD + TICK, TONIGHT, TONIGHT + TICK):
        desk.clock.set(now)
        told.append([codes(await desk.tried(one)) for one in every])
    begins = (await desk.tried(draft))["begins"]
    refused = [await desk.do(draft, "submit"), await desk.do(approved, "schedule")]
    await desk.tick()

    missed = ["start_missed"]
    assert told == [
        [[], [], [], []],
        [[], missed, missed, []],
        [[], missed, missed, []],
        [["price_in_the_past"], missed, missed, []],
    ]
    assert [problem(one) for one in refused] == [(422, "price_in_the_past"), (409, "start_missed")]
    assert begins == at(TONIGHT + TICK)
    assert (await desk.state(scheduled), codes(await desk.tried(scheduled))) == ("live", [])


async def test_what_is_scheduled_is_refused_nothing(desk: Desk) -> None:
    """What a change plans is no plan of somebody else's, and nobody asks for it to be scheduled again."""
    change_id = await desk.scheduled(item("WATCH", 19900), starts_at=at(TONIGHT))
    seen = await desk.tried(change_id)

    assert (seen["refusals"], seen["warnings"]) == ([], {"changes_nothing": 2})
    assert at(NOON) < seen["begins"]


async def test_what_is_put_back_later_is_told_too(desk: Desk) -> None:
    """A weekend's price stands in the middle of what is rolled back: before and after it something is put back."""
    first = await desk.live(item("WATCH", 19900))
    friday, monday = NOON + timedelta(days=4), NOON + timedelta(days=7)
    await desk.scheduled(item("WATCH", 17900), starts_at=at(friday), ends_at=at(monday))
    counter_id = (await desk.do(first, "roll-back", reason="A slip of the pen")).json()["id"]
    seen = await desk.tried(counter_id)
    begins = NOON + LEAD + LEAD

    assert (seen["affected"], seen["dearer"], seen["refusals"]) == (4, 4, [])
    assert [(one["item"], one["channel"], one["begins"], one["old"], one["new"]) for one in seen["effects"]] == [
        (place, channel, at(starts), eur(19900), eur(24900))
        for place, starts in enumerate((begins, monday))
        for channel in ("retail-de", "web-de")
    ]


async def test_nobody_else_waits_for_a_connection_while_it_is_worked_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What thousands of prices come to takes seconds, in which no transaction is open and no connection is taken."""
    change_id = await desk.draft(item("WATCH", 19900))
    taken = []

    def watched(module: ModuleType, name: str) -> None:
        step = getattr(module, name)

        def noted(*facts: object) -> object:
            taken.append((name, _taken(desk.db)))
            return step(*facts)

        monkeypatch.setattr(module, name, noted)

    watched(check, "newly_broken")
    watched(dry_run, "_worked_out")
    await desk.tried(change_id)

    assert taken == [("newly_broken", 1), ("_worked_out", 0)], "the first one shows that it would be seen"


def _taken(db: Database) -> int:
    pool = db.engine.pool
    assert isinstance(pool, AsyncAdaptedQueuePool)
    return pool.checkedout()


async def test_whatever_page_is_shown_the_summary_is_of_all(desk: Desk) -> None:
    await plant(desk.db, promotion("tree", {}, {"kind": "percent", "share": 1000}, days=(0, 9)))
    change_id = await desk.draft(item("WATCH", 12000), item("CHARGER", 3900), item("CASE-BLK", 3100))
    whole = await desk.tried(change_id)
    pages = [await desk.tried(change_id, limit=2)]
    while pages[-1]["next_cursor"] is not None:
        pages.append(await desk.tried(change_id, limit=2, cursor=pages[-1]["next_cursor"]))

    assert (whole["affected"], whole["cheaper"], whole["dearer"], whole["same"]) == (6, 2, 2, 2)
    assert whole["warnings"] == {"changes_nothing": 2, "drops_by_half": 2}
    assert [one["id"] for one in whole["promotions"]] == ["prm_tree"]
    assert [effect for page in pages for effect in page["effects"]] == whole["effects"]
    of_all = [{**page, "effects": [], "next_cursor": None} for page in pages]
    assert of_all == [{**whole, "effects": []}] * 3
