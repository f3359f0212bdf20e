"""A price change from its draft to its end: two people, one instant, and a diary that says who did what."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.db import Database, Session
from commerce.kernel.refusals import MoveNotAllowed
from pricing.changes.approve import approve_change
from pricing.changes.in_time import done_in_time
from pricing.changes.move import lock_change, move_change, read_change
from pricing.changes.rules import PriceChangeState
from tests.conftest import NOON, Callers, problem
from tests.price_changes import JANUARY, LEAD, TONIGHT, Desk, at, change, desk, item
from tests.shop import rows
from tests.stories import eur, plant, told

__all__ = ["desk"]

TOMORROW = NOON + timedelta(days=1)


async def test_a_change_goes_its_way_and_charges_from_its_instant_on(desk: Desk) -> None:
    change_id = await desk.draft(item("PHONE-BLK", 74900), starts_at=at(TONIGHT))
    assert await desk.state(change_id) == "draft"
    submitted = await desk.do(change_id, "submit", note="As agreed")
    approved = await desk.do(change_id, "approve", desk.bea, note="Fine")
    scheduled = await desk.do(change_id, "schedule")
    before = await desk.series("PHONE-BLK")
    desk.clock.set(TONIGHT)
    await desk.tick()

    states = [answer.json()["state"] for answer in (submitted, approved, scheduled)]
    assert states == ["submitted", "approved", "scheduled"]
    assert before == [(JANUARY, at(TONIGHT), 79900), (at(TONIGHT), None, 74900)]
    whole = await desk.shown(change_id)
    ada, bea = whole["change"]["created_by"], whole["change"]["approved_by"]
    assert ada != bea
    assert [(step["state"], step["by"], step["at"], step["note"]) for step in whole["steps"]] == [
        ("draft", ada, at(NOON), None),
        ("submitted", ada, at(NOON), "As agreed"),
        ("approved", bea, at(NOON), "Fine"),
        ("scheduled", ada, at(NOON), None),
        ("live", "schedule", at(TONIGHT), None),
    ]
    assert whole["items"] == [
        {
            "sku": "PHONE-BLK",
            "channel": None,
            "price": eur(74900),
            "old": eur(79900),
            "starts_at": None,
            "ends_at": None,
            "exception": None,
        }
    ]
    [news] = await told(desk.db, "price_change_scheduled")
    assert (news["change_id"], news["market"], news["starts_at"]) == (change_id, "de", at(TONIGHT))
    assert len(await told(desk.db, "price_change_live")) == 1
    await desk.laws_hold()


async def test_nobody_approves_their_own_change(desk: Desk) -> None:
    own = await desk.draft(item("WATCH", 19900))
    early = await desk.do(own, "approve", desk.bea)
    await desk.do(own, "submit", desk.bea)
    drafted = await desk.do(own, "approve", desk.ada)
    submitted = await desk.do(own, "approve", desk.bea)

    assert problem(early) == (409, "move_not_allowed")
    assert [problem(drafted), problem(submitted)] == [(403, "own_change")] * 2
    assert await desk.state(own) == "submitted"


async def test_an_admin_may_approve_and_only_merchandisers_may_draft(desk: Desk, callers: Callers) -> None:
    change_id = await desk.draft(item("WATCH", 19900))
    await desk.do(change_id, "submit")
    approved = await desk.do(change_id, "approve", await callers(Role.ADMIN))

    assert approved.status_code == 200
    for role in Role:
        if role is not Role.MERCHANDISER:
            caller = await callers(role)
            assert problem(await caller.post("/v1/price-changes", change(item("WATCH", 1)))) == (403, "wrong_role")


async def test_what_was_rejected_or_withdrawn_goes_nowhere(desk: Desk) -> None:
    rejected = await desk.draft(item("WATCH", 19900))
    await desk.do(rejected, "submit")
    no = await desk.do(rejected, "reject", desk.bea, note="Not before Christmas")
    withdrawn = await desk.draft(item("WATCH", 18900))
    await desk.do(withdrawn, "withdraw", note="Never mind")

    assert (no.status_code, no.json()["state"]) == (200, "rejected")
    assert (await desk.shown(rejected))["steps"][-1]["note"] == "Not before Christmas"
    for change_id in (rejected, withdrawn):
        for verb in ("submit", "schedule", "withdraw"):
            assert problem(await desk.do(change_id, verb)) == (409, "move_not_allowed")
    assert problem(await desk.do(rejected, "reject", desk.bea)) == (400, "invalid_input")
    await desk.laws_hold()


async def test_a_change_is_scheduled_once(desk: Desk) -> None:
    change_id = await desk.approved(item("WATCH", 19900))
    first = await desk.do(change_id, "schedule")
    second = await desk.do(change_id, "schedule")

    assert (first.status_code, first.json()["starts_at"]) == (200, at(NOON + LEAD))
    assert problem(second) == (409, "move_not_allowed")
    assert await desk.series("WATCH") == [(JANUARY, at(NOON + LEAD), 24900), (at(NOON + LEAD), None, 19900)]


async def test_nothing_begins_before_everybody_can_know_of_it(desk: Desk) -> None:
    soon = await desk.approved(item("WATCH", 19900))
    sooner = await desk.do(soon, "schedule", starts_at=at(NOON + LEAD - timedelta(microseconds=1)))
    just = await desk.do(soon, "schedule", starts_at=at(NOON + LEAD))

    assert problem(sooner) == (422, "too_soon")
    assert sooner.json()["errors"][0]["field"] == "starts_at"
    assert just.status_code == 200


async def test_a_change_begins_when_it_was_approved_to_and_at_no_other_instant(desk: Desk) -> None:
    planned = await desk.approved(item("WATCH", 19900), starts_at=at(TONIGHT))
    earlier = await desk.do(planned, "schedule", starts_at=at(TONIGHT - timedelta(hours=1)))
    later = await desk.do(planned, "schedule", desk.bea, starts_at=at(TOMORROW))
    as_approved = await desk.do(planned, "schedule", starts_at=at(TONIGHT))
    missed = await desk.approved(item("CHARGER", 3500), starts_at=at(TONIGHT))
    desk.clock.set(TONIGHT - LEAD + timedelta(microseconds=1))
    too_late = await desk.do(missed, "schedule")
    asked = await desk.do(missed, "schedule", starts_at=at(TOMORROW))

    assert [problem(answer) for answer in (earlier, later, asked)] == [(409, "start_not_approved")] * 3
    assert {answer.json()["errors"][0]["field"] for answer in (earlier, later, too_late)} == {"starts_at"}
    assert (as_approved.status_code, as_approved.json()["starts_at"]) == (200, at(TONIGHT))
    assert problem(too_late) == (409, "start_missed")
    assert await desk.state(missed) == "approved"
    assert await desk.series("CHARGER") == [(JANUARY, None, 3900)]


async def test_what_was_approved_against_another_price_is_drafted_anew(desk: Desk) -> None:
    """A tenth less than 249.00 was approved. Meanwhile it costs 189.00, and the same price would be a rise."""
    cheaper = await desk.approved(item("CHARGER", 3500), item("WATCH", 22400))
    drafted = await desk.draft(item("WATCH", 22500))
    await desk.live(item("WATCH", 18900))
    outdated = await desk.do(cheaper, "schedule")
    unseen = await desk.do(drafted, "submit")
    tried = await desk.tried(drafted)
    await desk.scheduled(item("WATCH", 22400))

    assert [problem(answer) for answer in (outdated, unseen)] == [(409, "change_outdated")] * 2
    facts = outdated.json()["facts"]
    assert (facts["field"], facts["sku"], facts["seen"], facts["now"]) == ("items[1].price", "WATCH", 24900, 18900)
    assert [line.partition(":")[0] for line in tried["refusals"]] == ["change_outdated"]
    assert await desk.state(cheaper) == "approved"
    assert await desk.series("CHARGER") == [(JANUARY, None, 3900)], "all or nothing"
    await desk.laws_hold()


async def test_a_channel_price_is_seen_beside_what_the_channel_would_charge(desk: Desk) -> None:
    """It has no price of its own: a tenth less than the recommended 39.00 was approved, and that fell to 29.00."""
    fair = {"reason": "The fair", "expires_at": at(NOON + timedelta(days=7))}
    own = await desk.approved(item("CHARGER", 3510, "web-de", exception=fair))
    same = await desk.approved(item("WATCH", 24900, "web-de"))
    await desk.live(item("CHARGER", 2900), item("WATCH", 24900, "web-de"))
    outdated = await desk.do(own, "schedule")
    await desk.schedule(same)

    assert (await desk.shown(own))["items"][0]["old"] == eur(3900)
    assert problem(outdated) == (409, "change_outdated")
    assert (outdated.json()["facts"]["seen"], outdated.json()["facts"]["now"]) == (3900, 2900)
    await desk.laws_hold()


async def test_many_prices_are_scheduled_earlier_and_may_take_longer(desk: Desk) -> None:
    """A second more for every 100, and the transaction is cut off so long before the start that all can hear of it."""
    await plant(
        desk.db,
        "INSERT INTO variants (sku, product, name, category, tax_class, status)"
        " SELECT 'S' || n, 'case', 'Case', 'cases', 'standard', 'active' FROM generate_series(1, 500) AS s (n)",
    )
    soon = await desk.approved(*(item(f"S{n}", n) for n in range(1, 501)))
    too_soon = await desk.do(soon, "schedule", starts_at=at(NOON + timedelta(seconds=14)))
    scheduled = await desk.do(soon, "schedule")
    async with desk.db.transaction() as tx:
        await done_in_time(tx, NOON + timedelta(seconds=12), NOON)
        limit = (await tx.execute(text("SHOW transaction_timeout"))).scalar_one()

    assert problem(too_soon) == (422, "too_soon")
    assert too_soon.json()["facts"]["earliest"] == at(NOON + timedelta(seconds=15))
    assert scheduled.json()["starts_at"] == at(NOON + timedelta(seconds=15))
    assert limit == "6s"


async def test_a_change_is_seen_to_be_live_and_ended_at_its_instants_even_if_nobody_moved_it(desk: Desk) -> None:
    change_id = await desk.scheduled(item("WATCH", 19900), starts_at=at(TONIGHT), ends_at=at(TOMORROW))
    seen = []
    for instant in (TONIGHT - timedelta(microseconds=1), TONIGHT, TOMORROW):
        desk.clock.set(instant)
        listed = (await desk.ada.get("/v1/price-changes", state=await desk.state(change_id))).json()["items"]
        seen.append([one["state"] for one in listed])
    await desk.tick()

    assert seen == [["scheduled"], ["live"], ["ended"]]
    assert [(step["state"], step["at"]) for step in (await desk.shown(change_id))["steps"][-2:]] == [
        ("live", at(TONIGHT)),
        ("ended", at(TOMORROW)),
    ]
    assert len(await told(desk.db, "price_change_ended")) == 1
    await desk.laws_hold()


async def test_a_weekend_price_gives_way_to_the_price_it_interrupted(desk: Desk) -> None:
    await desk.scheduled(item("WATCH", 19900), starts_at=at(TONIGHT), ends_at=at(TOMORROW))

    assert await desk.series("WATCH") == [
        (JANUARY, at(TONIGHT), 24900),
        (at(TONIGHT), at(TOMORROW), 19900),
        (at(TOMORROW), None, 24900),
    ]


async def test_what_was_withdrawn_before_its_start_leaves_the_prices_as_they_were(desk: Desk) -> None:
    change_id = await desk.scheduled(
        item("WATCH", 19900), item("CASE-BLK", None), starts_at=at(TONIGHT), ends_at=at(TOMORROW)
    )
    desk.clock.set(TONIGHT - LEAD)
    withdrawn = await desk.do(change_id, "withdraw", note="The supplier said no")

    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    assert await desk.series("WATCH") == [(JANUARY, None, 24900)]
    assert await desk.series("CASE-BLK") == [(JANUARY, None, 2900)]
    believed = "SELECT count(*) FROM recommended_prices WHERE change_id = :id AND superseded_at IS NOT NULL"
    assert await rows(desk.db, believed, id=change_id) == [(1,)], "what was planned once can be read still"
    assert len(await told(desk.db, "price_change_withdrawn")) == 1
    await desk.laws_hold()


async def test_what_has_begun_or_is_about_to_is_not_withdrawn(desk: Desk) -> None:
    change_id = await desk.scheduled(item("WATCH", 19900), starts_at=at(TONIGHT))
    desk.clock.set(TONIGHT - LEAD + timedelta(microseconds=1))
    about_to = await desk.do(change_id, "withdraw")
    desk.clock.set(TONIGHT)
    begun = await desk.do(change_id, "withdraw")

    assert [problem(about_to), problem(begun)] == [(409, "too_late_to_withdraw"), (409, "move_not_allowed")]
    assert about_to.json()["detail"].endswith("Roll it back once it is live.")
    assert begun.json()["facts"]["state"] == "live"
    assert await desk.state(change_id) == "live"


async def test_a_price_can_end_and_a_plan_is_not_overwritten(desk: Desk) -> None:
    await desk.scheduled(item("WATCH", None), starts_at=at(TOMORROW))
    await desk.scheduled(item("PHONE-BLK", 69900), starts_at=at(TOMORROW))
    over = await desk.draft(item("CHARGER", 2900), item("PHONE-BLK", 74900))
    refused = await desk.do(over, "submit")
    up_to = await desk.scheduled(item("PHONE-BLK", 74900), ends_at=at(TOMORROW))

    assert await desk.series("WATCH") == [(JANUARY, at(TOMORROW), 24900)]
    assert problem(refused) == (409, "price_overlaps")
    assert refused.json()["errors"][0]["field"] == "items[1].sku"
    assert await desk.state(up_to) == "scheduled"
    assert await desk.series("CHARGER") == [(JANUARY, None, 3900)], "all or nothing"


async def test_what_it_meets_is_looked_at_again_when_it_is_scheduled(desk: Desk) -> None:
    first = await desk.approved(item("WATCH", 19900), starts_at=at(TONIGHT))
    second = await desk.approved(item("WATCH", 18900), starts_at=at(TOMORROW))
    await desk.schedule(second)
    late = await desk.do(first, "schedule")
    async with desk.db.transaction() as tx:
        await tx.execute(text("UPDATE variants SET status = 'retired' WHERE sku = 'CHARGER'"))
    retired = await desk.ada.post("/v1/price-changes", change(item("CHARGER", 1)))

    assert problem(late) == (409, "price_overlaps")
    assert problem(retired) == (409, "sku_retired")
    assert await desk.state(first) == "approved"


REFUSED = [
    (change(), (400, "invalid_input"), "items"),
    (change(item("WATCH", 1), csv="sku,channel,price\n"), (400, "invalid_input"), "items"),
    (change(item("GHOST", 1)), (422, "unknown_reference"), "items[0].sku"),
    (change(item("WATCH", 1), item("WATCH", 2, "web-us")), (422, "unknown_reference"), "items[1].channel"),
    (change(item("WATCH", 1), item("WATCH", 2)), (422, "priced_twice"), "items[1].sku"),
    (
        change({"sku": "WATCH", "price": {"amount": 1, "currency": "USD"}}),
        (422, "mixed_currency"),
        "items[0].price.currency",
    ),
    (change({"sku": "WATCH"}), (400, "invalid_input"), "items[0].price"),
    (change(item("WATCH", -1)), (400, "invalid_input"), "items[0].price.amount"),
    (change(item("WATCH", 1), market="fr"), (422, "unknown_reference"), "market"),
    (change(item("WATCH", 1), starts_at="2026-11-02T11:59:59Z"), (422, "price_in_the_past"), "starts_at"),
    (change(item("WATCH", 1), ends_at="2026-11-02T11:59:59Z"), (400, "invalid_input"), "ends_at"),
    (change(item("WATCH", 1), reason=" "), (400, "invalid_input"), "reason"),
    (
        change(item("WATCH", 1, exception={"reason": "Fair", "expires_at": at(TOMORROW)})),
        (400, "invalid_input"),
        "items[0].exception",
    ),
    (
        change(item("WATCH", 1, "web-de", exception={"reason": "Fair", "expires_at": at(NOON)})),
        (400, "invalid_input"),
        "items[0].exception.expires_at",
    ),
]


async def test_a_change_that_cannot_be_is_refused_by_field(desk: Desk, subtests: pytest.Subtests) -> None:
    for body, answer, field in REFUSED:
        with subtests.test(field=field, answer=answer):
            refused = await desk.ada.post("/v1/price-changes", body)
            assert problem(refused) == answer
            assert refused.json()["errors"][0]["field"].endswith(field.partition(".")[2] or field), refused.text

    assert await rows(desk.db, "SELECT count(*) FROM price_changes") == [(0,)]


async def test_lists_come_in_pages_newest_first(desk: Desk) -> None:
    ids = [await desk.draft(item("WATCH", 10000 + n)) for n in range(3)]
    first = (await desk.ada.get("/v1/price-changes", market="de", limit=2)).json()
    second = (await desk.ada.get("/v1/price-changes", market="de", limit=2, cursor=first["next_cursor"])).json()

    assert [one["id"] for one in (*first["items"], *second["items"])] == ids[::-1]
    assert second["next_cursor"] is None
    assert (await desk.ada.get("/v1/price-changes", market="us")).json()["items"] == []
    assert problem(await desk.ada.get("/v1/price-changes/pch_" + "0" * 32)) == (404, "not_found")


BOTH_LOOKED = asyncio.Barrier(2)


async def approve_unguarded(tx: Session, change_id: str, actor: str, note: str | None, now: datetime) -> None:
    """Look at the change, wait until the other has looked as well, and approve what was seen."""
    seen = await read_change(tx, change_id)
    await BOTH_LOOKED.wait()
    await lock_change(tx, change_id)
    await move_change(tx, seen, PriceChangeState.APPROVED, actor, now, note)


Approver = Callable[[Session, str, str, str | None, datetime], Awaitable[None]]


@pytest.mark.parametrize(("verb", "approvals"), [(approve_unguarded, 2), (approve_change, 1)])
async def test_two_approvers_at_once(desk: Desk, db: Database, verb: Approver, approvals: int) -> None:
    """Whoever does not lock before looking approves what was approved already."""
    change_id = await desk.draft(item("WATCH", 19900))
    await desk.do(change_id, "submit")

    async def attempt(actor: str) -> bool:
        try:
            async with db.transaction() as tx:
                await verb(tx, change_id, actor, None, NOON)
        except MoveNotAllowed:
            return False
        return True

    done = await asyncio.gather(attempt("bea"), attempt("cleo"))

    assert done.count(True) == approvals
    steps = "SELECT count(*) FROM price_change_steps WHERE state = 'approved'"
    assert await rows(db, steps) == [(approvals,)]
