"""Promotions: written by one, decided by another, started everywhere at one instant, stopped, and never forgotten."""

import asyncio
from datetime import timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Callers, Json, problem
from tests.promoting import Desk, open_desk, promotion, said
from tests.shop import rows
from tests.stories import every_law_holds, told

START, END = "2026-11-02T18:00:00Z", "2026-11-09T18:00:00Z"


def tiers(*steps: Json) -> Json:
    """One of these for each unit more."""
    return {"kind": "tiers", "by": "quantity", "steps": [{"at": n + 1, **step} for n, step in enumerate(steps)]}


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers."""
    return await open_desk(db, clock, callers)


async def test_a_promotion_goes_from_a_draft_to_its_end(desk: Desk, clock: SetClock) -> None:
    body = promotion(
        name="Cases",
        starts_at=START,
        ends_at=END,
        lane=1,
        conditions={"items": {"categories": ["cases"]}},
        codes=["Welcome-10", "hello 5"],
    )
    drafted = said(await desk.ada.post("/v1/promotions", body), 201)
    promotion_id = drafted["id"]
    said(await desk.do(promotion_id, "submit", {"note": "for the weekend"}))
    said(await desk.do(promotion_id, "approve", by=desk.bob))
    scheduled = said(await desk.do(promotion_id, "schedule"))
    states = [drafted["state"], scheduled["state"]]
    for hours in (6, 24 * 7):
        clock.advance(timedelta(hours=hours))
        states.append(await desk.state(promotion_id))
        await desk.keep_time()
        states.append(await desk.state(promotion_id))
    shown = await desk.show(promotion_id)

    assert states == ["draft", "scheduled", "live", "live", "ended", "ended"], "readers wait for no worker"
    assert (shown["promotion"]["starts_at"], shown["promotion"]["ends_at"]) == (START, END)
    assert shown["promotion"]["benefit"] == {"kind": "percent", "share": 1000}
    assert shown["promotion"]["conditions"]["items"] == {"categories": ["cases"]}
    assert len(shown["promotion"]["conditions"]["code_hashes"]) == 2
    assert shown["codes"] == ["HELLO5", "WELCOME-10"]
    assert [(step["step"], step["note"]) for step in shown["steps"]] == [
        ("draft", None),
        ("submitted", "for the weekend"),
        ("approved", None),
        ("scheduled", None),
        ("live", None),
        ("ended", None),
    ]
    assert await told(desk.db, "promotion_scheduled") == [
        {"promotion": promotion_id, "market": "de", "starts_at": START, "ends_at": END}
    ]
    assert await told(desk.db, "promotion_started") == [{"promotion": promotion_id, "market": "de", "at": START}]
    assert await told(desk.db, "promotion_ended") == [{"promotion": promotion_id, "market": "de", "at": END}]
    await every_law_holds(desk.db)


async def test_nobody_approves_what_they_wrote_edited_or_submitted(desk: Desk) -> None:
    promotion_id = await desk.drafted()
    said(await desk.bob.send("PUT", f"/v1/promotions/{promotion_id}", promotion(name="Bob's touch")))
    said(await desk.do(promotion_id, "submit"))

    assert problem(await desk.do(promotion_id, "approve")) == (403, "own_change")
    assert problem(await desk.do(promotion_id, "approve", by=desk.bob)) == (403, "own_change")
    assert await desk.state(promotion_id) == "submitted"

    handed_over = await desk.drafted()
    said(await desk.do(handed_over, "submit", by=desk.bob))
    assert problem(await desk.do(handed_over, "approve", by=desk.bob)) == (403, "own_change")


async def test_a_draft_is_written_anew_and_nothing_else_is(desk: Desk) -> None:
    promotion_id = await desk.drafted(codes=["FIRST"])
    again = promotion({"kind": "amount", "amount": 500}, codes=["SECOND"], limits={"total": 5})
    edited = said(await desk.bob.send("PUT", f"/v1/promotions/{promotion_id}", again))
    said(await desk.do(promotion_id, "submit"))
    refused = await desk.ada.send("PUT", f"/v1/promotions/{promotion_id}", promotion())
    shown = await desk.show(promotion_id)

    assert (edited["version"], edited["benefit"]) == (2, {"kind": "amount", "amount": 500})
    assert problem(refused) == (409, "move_not_allowed")
    assert (shown["codes"], shown["promotion"]["limited"], shown["promotion"]["limits"]["total"]) == (
        ["SECOND"],
        True,
        5,
    )
    versions = await rows(desk.db, "SELECT step, facts ->> 'codes' FROM promotion_steps WHERE facts IS NOT NULL")
    assert versions == [("draft", '["FIRST"]'), ("edited", '["SECOND"]')], "every version stays readable"


async def test_what_was_rejected_stays_so_and_is_copied(desk: Desk) -> None:
    promotion_id = await desk.drafted(codes=["AGAIN"], starts_at=START)
    said(await desk.do(promotion_id, "submit"))
    said(await desk.do(promotion_id, "reject", {"note": "too dear"}, by=desk.bob))
    again = said(await desk.do(promotion_id, "copy", {"name": "Cheaper"}), 201)

    assert problem(await desk.do(promotion_id, "submit")) == (409, "move_not_allowed")
    assert (again["state"], again["name"], again["copy_of"], again["starts_at"]) == (
        "draft",
        "Cheaper",
        promotion_id,
        None,
    )
    assert (await desk.show(again["id"]))["codes"] == ["AGAIN"]
    await every_law_holds(desk.db)


async def test_nothing_starts_before_everybody_can_know(desk: Desk, clock: SetClock) -> None:
    promotion_id = await desk.approved()
    soon = clock.now() + timedelta(seconds=9, microseconds=999_999)
    refused = await desk.do(promotion_id, "schedule", {"starts_at": soon.isoformat()})
    scheduled = said(await desk.do(promotion_id, "schedule"))

    assert problem(refused) == (422, "too_soon")
    assert refused.json()["errors"][0]["field"] == "starts_at"
    assert scheduled["starts_at"] == "2026-11-02T12:00:10Z"
    missed = await desk.approved(starts_at=START)
    clock.advance(timedelta(days=1))
    assert problem(await desk.do(missed, "schedule")) == (409, "start_missed")
    over = await desk.approved(ends_at="2026-11-03T12:00:10Z")
    assert problem(await desk.do(over, "schedule")) == (422, "malformed_promotion")


async def test_what_was_approved_with_a_start_starts_then_and_never_else(desk: Desk, clock: SetClock) -> None:
    """Two said when; one alone does not bring it forward or put it off. What has passed is copied and approved anew."""
    promotion_id = await desk.approved(starts_at=START, ends_at=END)
    sooner = await desk.do(promotion_id, "schedule", {"starts_at": "2026-11-02T12:00:10Z"})
    later = await desk.do(promotion_id, "schedule", {"starts_at": "2026-11-03T18:00:00Z"}, by=desk.bob)
    same = said(await desk.do(promotion_id, "schedule", {"starts_at": "2026-11-02T19:00:00+01:00"}))
    anytime = await desk.approved(ends_at=END)
    chosen = said(await desk.do(anytime, "schedule", {"starts_at": "2026-11-05T18:00:00Z"}))
    missed = await desk.approved(starts_at=START)
    clock.advance(timedelta(hours=7))
    too_late = await desk.do(missed, "schedule")
    instead = await desk.do(missed, "schedule", {"starts_at": "2026-11-03T12:00:00Z"})

    assert [problem(answer) for answer in (sooner, later, instead)] == [(409, "start_not_approved")] * 3
    assert sooner.json()["errors"][0]["field"] == "starts_at"
    assert sooner.json()["facts"]["approved"] == START
    assert (same["starts_at"], same["ends_at"]) == (START, END)
    assert (chosen["starts_at"], chosen["ends_at"]) == ("2026-11-05T18:00:00Z", END)
    assert problem(too_late) == (409, "start_missed")
    assert (await desk.state(missed), said(await desk.do(missed, "copy"), 201)["starts_at"]) == ("approved", None)
    await every_law_holds(desk.db)


async def test_before_it_begins_it_is_withdrawn_and_afterwards_stopped(desk: Desk, clock: SetClock) -> None:
    first, second = await desk.scheduled(starts_at=START), await desk.scheduled(starts_at=START)
    clock.set(clock.now() + timedelta(hours=6) - timedelta(seconds=10))
    withdrawn = said(await desk.do(first, "withdraw", {"note": "not now"}))
    not_yet = await desk.do(second, "stop", {"note": "why wait"})
    clock.advance(timedelta(microseconds=1))
    too_late = await desk.do(second, "withdraw")
    stopped = said(await desk.do(second, "stop", {"note": "a wrong price"}))
    again = said(await desk.do(second, "stop", {"note": "once more"}))

    assert withdrawn["state"] == "withdrawn"
    assert problem(not_yet) == (409, "move_not_allowed")
    assert problem(too_late) == (409, "too_late_to_withdraw")
    assert (stopped["state"], stopped["ends_at"]) == ("scheduled", "2026-11-02T18:00:00.000001Z")
    assert again["ends_at"] == stopped["ends_at"]
    clock.advance(timedelta(seconds=10))
    await desk.keep_time()
    assert await desk.steps(second) == ["draft", "submitted", "approved", "scheduled", "stopped", "live", "ended"]
    assert await told(desk.db, "promotion_withdrawn") == [{"promotion": first, "market": "de"}]
    assert await told(desk.db, "promotion_stopped") == [
        {"promotion": second, "market": "de", "ends_at": "2026-11-02T18:00:00.000001Z"}
    ]
    await every_law_holds(desk.db)


async def test_one_that_runs_is_stopped_ten_seconds_from_now_by_an_operator(
    desk: Desk, clock: SetClock, callers: Callers
) -> None:
    operator = await callers(Role.OPERATOR)
    promotion_id = await desk.live()
    stopped = said(await desk.do(promotion_id, "stop", {"note": "the shop is overrun"}, by=operator))
    clock.advance(timedelta(seconds=9))
    still = await desk.state(promotion_id)
    clock.advance(timedelta(seconds=1))

    assert stopped["ends_at"] == "2026-11-02T12:00:20Z"
    assert (still, await desk.state(promotion_id)) == ("live", "ended")
    assert problem(await desk.do(promotion_id, "stop", {"note": "once more"})) == (409, "move_not_allowed")
    assert problem(await desk.do(promotion_id, "withdraw")) == (409, "move_not_allowed")
    assert problem(await desk.do(promotion_id, "submit", by=operator)) == (403, "wrong_role")


async def test_two_who_schedule_at_once_are_one_after_the_other(desk: Desk) -> None:
    promotion_id = await desk.approved()
    answers = await asyncio.gather(*(desk.do(promotion_id, "schedule") for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert len(await told(desk.db, "promotion_scheduled")) == 1


async def test_a_thirteenth_that_is_judged_as_a_whole_finds_no_room_in_its_lane(desk: Desk) -> None:
    bundle = {"kind": "buy_get", "buy": 2, "get": 1}
    for _ in range(12):
        await desk.scheduled(bundle, starts_at=START, ends_at=END)
    early, late = await desk.approved(bundle, ends_at=START), await desk.approved(bundle, starts_at=END)
    thirteenth = await desk.approved(bundle, starts_at="2026-11-09T17:59:59Z")
    elsewhere = await desk.approved(bundle, starts_at=START, lane=1)
    simple = await desk.approved(starts_at=START)
    by_line = await desk.approved(tiers({"share": 1000}, {"price": 500}), starts_at=START)
    together = await desk.approved(tiers({"share": 1000}, {"amount": 500}), starts_at=START)
    assert problem(await desk.do(together, "schedule")) == (409, "lane_is_full")
    refused = await desk.do(thirteenth, "schedule")

    assert problem(refused) == (409, "lane_is_full")
    assert refused.json()["errors"][0]["field"] == "lane"
    assert (await desk.dry_run(thirteenth))["flags"][0]["code"] == "lane_is_full"
    for promotion_id in (early, late, elsewhere, simple, by_line):
        said(await desk.do(promotion_id, "schedule"))


async def test_promotions_are_listed_by_where_they_stand_now(desk: Desk, clock: SetClock) -> None:
    first, second = await desk.drafted(), await desk.scheduled()
    american = await desk.drafted(market="us")
    clock.advance(timedelta(seconds=10))

    async def listed(**wanted: str) -> list[str]:
        return [one["id"] for one in (await desk.ada.get("/v1/promotions", headers=None, **wanted)).json()["items"]]

    page = (await desk.ada.get("/v1/promotions", limit=2)).json()
    rest = (await desk.ada.get("/v1/promotions", limit=2, cursor=page["next_cursor"])).json()
    assert [one["id"] for one in [*page["items"], *rest["items"]]] == [american, second, first]
    assert await listed(market="us") == [american]
    assert await listed(state="live") == [second]
    assert await listed(state="scheduled") == []
    assert problem(await desk.ada.get(f"/v1/promotions/{'prm_' + '0' * 32}")) == (404, "not_found")
