"""What somebody plans is not overwritten, be it that a price begins or that one ends; what merely ends is followed."""

from datetime import timedelta

import pytest

from commerce.kernel.db import Database
from pricing.errors import PriceOverlaps
from pricing.write_prices import PriceWrite, write_prices
from tests.conftest import NOON, problem
from tests.price_changes import JANUARY, LEAD, Desk, at, desk, item

__all__ = ["desk"]

FRIDAY, MONDAY, CHRISTMAS = NOON + timedelta(days=4), NOON + timedelta(days=7), NOON + timedelta(days=53)


async def test_the_planned_end_of_a_sale_is_in_the_way_of_a_price_that_would_go_on_for_good(desk: Desk) -> None:
    await desk.scheduled(item("WATCH", None), starts_at=at(CHRISTMAS))
    cheaper = await desk.draft(item("WATCH", 19900))
    seen = await desk.tried(cheaper)
    refused = await desk.do(cheaper, "submit")
    until_then = await desk.scheduled(item("WATCH", 19900), ends_at=at(CHRISTMAS))

    assert problem(refused) == (409, "price_overlaps")
    assert refused.json()["errors"][0]["field"] == "items[0].sku"
    assert (refused.json()["facts"]["begins"], refused.json()["facts"]["ends"]) == (at(CHRISTMAS), True)
    assert [line.partition(" from ")[0] for line in seen["refusals"]] == [
        "price_overlaps: 'WATCH' has no price any more in 'de'"
    ]
    assert {tuple(effect["warnings"]) for effect in seen["effects"]} == {("overlaps",)}
    assert await desk.state(until_then) == "scheduled"
    assert await desk.series("WATCH") == [
        (JANUARY, at(NOON + LEAD), 24900),
        (at(NOON + LEAD), at(CHRISTMAS), 19900),
    ]
    await desk.laws_hold()


async def test_a_gap_that_begins_at_the_same_instant_is_in_the_way_as_well(desk: Desk) -> None:
    await desk.scheduled(item("WATCH", None), starts_at=at(CHRISTMAS))
    instead = await desk.draft(item("WATCH", 19900), starts_at=at(CHRISTMAS))
    refused = await desk.do(instead, "submit")
    back_on_sale = await desk.scheduled(item("WATCH", 19900), starts_at=at(CHRISTMAS + timedelta(days=1)))

    assert problem(refused) == (409, "price_overlaps")
    assert await desk.state(back_on_sale) == "scheduled"


async def test_a_change_may_follow_exactly_where_a_temporary_price_ends(desk: Desk) -> None:
    await desk.scheduled(item("WATCH", 19900), starts_at=at(FRIDAY), ends_at=at(MONDAY))
    inside = await desk.draft(item("WATCH", 22900), starts_at=at(FRIDAY + timedelta(hours=1)))
    refused = await desk.do(inside, "submit")
    follows = await desk.scheduled(item("WATCH", 22900), starts_at=at(MONDAY))
    again = await desk.draft(item("WATCH", 21900), starts_at=at(MONDAY))
    taken = await desk.do(again, "submit")

    assert [problem(refused), problem(taken)] == [(409, "price_overlaps")] * 2
    assert refused.json()["facts"]["begins"] == at(MONDAY), "the weekend's end is a plan"
    assert await desk.series("WATCH") == [
        (JANUARY, at(FRIDAY), 24900),
        (at(FRIDAY), at(MONDAY), 19900),
        (at(MONDAY), None, 22900),
    ]
    await desk.do(follows, "withdraw")
    assert (await desk.series("WATCH"))[2:] == [(at(MONDAY), None, 24900)]
    await desk.laws_hold()


async def test_a_channels_price_that_ends_is_followed_by_another_one(desk: Desk) -> None:
    fair = {"reason": "The fair in Leipzig", "expires_at": at(MONDAY)}
    await desk.live(item("WATCH", 19900, "web-de", exception=fair))
    for_good = await desk.draft(item("WATCH", 24900, "web-de"))
    refused = await desk.do(for_good, "submit")
    follows = await desk.scheduled(item("WATCH", 24900, "web-de"), starts_at=at(MONDAY))

    assert problem(refused) == (409, "price_overlaps")
    assert refused.json()["facts"] == {
        **refused.json()["facts"],
        "channel": "web-de",
        "begins": at(MONDAY),
        "ends": True,
    }
    assert await desk.state(follows) == "scheduled"


async def test_where_a_counter_change_begins_nothing_else_does(desk: Desk) -> None:
    first = await desk.live(item("WATCH", 19900))
    counter_id = (await desk.do(first, "roll-back", reason="No", starts_at=at(MONDAY))).json()["id"]
    await desk.approve(counter_id)
    await desk.schedule(counter_id)
    over = await desk.draft(item("WATCH", 18900), starts_at=at(MONDAY))
    refused = await desk.do(over, "submit")

    assert problem(refused) == (409, "price_overlaps")
    await desk.do(counter_id, "withdraw")
    over = await desk.draft(item("WATCH", 18900), starts_at=at(MONDAY))
    assert (await desk.do(over, "submit")).status_code == 200, "what was withdrawn is nobody's plan"


async def test_what_is_written_without_a_change_overwrites_no_plan_either(desk: Desk, db: Database) -> None:
    await desk.scheduled(item("WATCH", None), starts_at=at(CHRISTMAS))
    with pytest.raises(PriceOverlaps) as refused:
        async with db.transaction() as tx:
            await write_prices(tx, "de", [PriceWrite("WATCH", None, MONDAY, None, 19900)], None, NOON)

    assert (refused.value.begins, refused.value.ends) == (CHRISTMAS, True)


async def test_what_others_were_approved_against_is_withdrawn_after_them(desk: Desk) -> None:
    """249.00 to 200.00 tomorrow, and a tenth less than that the day after: without the first it would be far more."""
    day = timedelta(days=1)
    first = await desk.scheduled(item("WATCH", 20000), item("CHARGER", 3500), starts_at=at(NOON + day))
    upon = await desk.scheduled(item("WATCH", 18000), starts_at=at(NOON + 2 * day))
    beside = await desk.scheduled(item("PHONE-BLK", 74900), starts_at=at(NOON + 2 * day))
    refused = await desk.do(first, "withdraw")
    withdrawn = [await desk.do(one, "withdraw") for one in (beside, upon, first)]

    assert problem(refused) == (409, "change_relied_on")
    assert refused.json()["facts"]["by"] == [upon]
    assert [answer.status_code for answer in withdrawn] == [200] * 3
    assert await desk.series("WATCH") == [(JANUARY, None, 24900)]
    await desk.laws_hold()


async def test_what_a_channel_would_charge_is_relied_on_as_well(desk: Desk) -> None:
    day = timedelta(days=1)
    fair = {"reason": "The fair", "expires_at": at(NOON + 7 * day)}
    first = await desk.scheduled(item("WATCH", 20000), starts_at=at(NOON + day))
    upon = await desk.scheduled(item("WATCH", 18000, "web-de", exception=fair), starts_at=at(NOON + 2 * day))
    refused = await desk.do(first, "withdraw")

    assert problem(refused) == (409, "change_relied_on")
    assert refused.json()["facts"]["by"] == [upon]


async def test_a_roll_back_says_who_relies_on_what_it_takes_back(desk: Desk) -> None:
    """A mistake is put right at once; but a tenth less than the mistake is still to come, and somebody should know."""
    first = await desk.live(item("WATCH", 20000), item("CHARGER", 3500))
    later = NOON + timedelta(days=2)
    upon = await desk.scheduled(item("WATCH", 18000), starts_at=at(later))
    await desk.scheduled(item("PHONE-BLK", 74900), starts_at=at(later))
    counter_id = (await desk.do(first, "roll-back", reason="A slip of the pen")).json()["id"]
    submitted = await desk.tried(counter_id)
    await desk.approve(counter_id)
    await desk.schedule(counter_id)

    assert (submitted["relied_on_by"], submitted["refusals"]) == ([upon], [])
    assert (await desk.tried(counter_id))["relied_on_by"] == [], "it has happened"


async def test_what_begins_before_a_scheduled_change_does_not_alter_what_that_replaces(desk: Desk) -> None:
    """A channel's price was approved beside 249.00, and what is recommended would be less by then."""
    fair = {"reason": "The fair", "expires_at": at(NOON + timedelta(days=7))}
    tomorrow, later = NOON + timedelta(days=1), NOON + timedelta(days=2)
    less = await desk.approved(item("WATCH", 20000), starts_at=at(tomorrow))
    upon = await desk.scheduled(item("WATCH", 25900, "web-de", exception=fair), starts_at=at(later))
    refused = await desk.do(less, "schedule")
    over = await desk.draft(item("WATCH", 20000), starts_at=at(tomorrow), ends_at=at(later))

    assert problem(refused) == (409, "others_outdated")
    assert refused.json()["facts"]["others"] == [upon]
    assert (await desk.tried(less))["relied_on_by"] == [upon]
    assert [text.partition(":")[0] for text in (await desk.tried(less))["refusals"]] == ["others_outdated"]
    assert (await desk.tried(over))["relied_on_by"] == [], "it is over by then"
    await desk.do(upon, "withdraw")
    assert (await desk.do(less, "schedule")).status_code == 200


async def test_what_brings_back_what_others_have_seen_is_withdrawn_at_any_time(desk: Desk) -> None:
    """179.00 was approved after 199.00. The 199.00 are to be rolled back, and then they are not."""
    day = timedelta(days=1)
    first = await desk.live(item("WATCH", 19900))
    upon = await desk.scheduled(item("WATCH", 17900), starts_at=at(NOON + 2 * day))
    answer = await desk.do(first, "roll-back", reason="A slip", starts_at=at(NOON + day))
    counter_id = answer.json()["id"]
    await desk.approve(counter_id)
    await desk.schedule(counter_id)
    withdrawn = await desk.do(counter_id, "withdraw")
    refused = await desk.do(upon, "roll-back", reason="Too early")

    assert withdrawn.status_code == 200, withdrawn.text
    assert problem(refused) == (409, "move_not_allowed")
    assert (await desk.series("WATCH"))[-1] == (at(NOON + 2 * day), None, 17900)
    await desk.laws_hold()
