"""Rolling back: what a change took away is put back by another one, and nobody's later plan is lost over it."""

from datetime import timedelta

from tests.conftest import NOON, Json, problem
from tests.price_changes import JANUARY, LEAD, Desk, at, desk, item
from tests.shop import rows
from tests.stories import eur, plant, told

__all__ = ["desk"]

HOUR = timedelta(hours=1)
START = NOON + LEAD


async def test_a_live_change_is_rolled_back_by_a_change_that_somebody_else_approves(desk: Desk) -> None:
    change_id = await desk.live(item("WATCH", 19900), item("CASE-BLK", None), item("DRAFT-1", 89900))
    desk.clock.advance(HOUR)
    begun = await desk.do(change_id, "roll-back", reason="The price was meant for March")
    counter = begun.json()
    own = await desk.do(counter["id"], "approve", desk.ada)
    again = await desk.do(change_id, "roll-back", reason="Me too")
    await desk.approve(counter["id"])
    await desk.schedule(counter["id"])
    before = await desk.state(change_id)
    desk.clock.advance(LEAD)
    seen = await desk.state(change_id)
    await desk.tick()

    assert begun.status_code == 201
    assert (counter["state"], counter["origin"], counter["counter_of"]) == ("submitted", "counter", change_id)
    assert (counter["name"], counter["items"]) == ("Roll back: Cheaper phones", 3)
    assert [problem(own), problem(again)] == [(403, "own_change"), (409, "already_countered")]
    assert (before, seen) == ("live", "rolled_back")
    back = at(NOON + LEAD + HOUR + LEAD)
    assert await desk.series("WATCH") == [
        (JANUARY, at(START), 24900),
        (at(START), back, 19900),
        (back, None, 24900),
    ]
    assert await desk.series("CASE-BLK") == [(JANUARY, at(START), 2900), (back, None, 2900)]
    whole = await desk.shown(change_id)
    assert whole["change"]["countered_by"] == counter["id"]
    last = whole["steps"][-1]
    assert (last["state"], last["by"], last["at"], last["note"]) == ("rolled_back", "schedule", back, counter["id"])
    [news] = await told(desk.db, "price_change_rolled_back")
    assert (news["change_id"], news["counter_id"]) == (change_id, counter["id"])
    await desk.laws_hold()


async def test_history_stays_what_it_was(desk: Desk) -> None:
    """What was charged while the change was live, and what was believed before it, can be asked for ever."""
    change_id = await desk.live(item("WATCH", 19900))
    counter_id = await desk.rolled_back(change_id)

    believed = """
        SELECT amount, valid_from, valid_to FROM recommended_prices
         WHERE sku = 'WATCH' AND market = 'de' AND (recorded_at IS NULL OR recorded_at <= :then)
           AND (superseded_at IS NULL OR superseded_at > :then) ORDER BY valid_from
    """
    at_noon = await rows(desk.db, believed, then=NOON - timedelta(seconds=1))
    while_live = await rows(desk.db, believed, then=START - timedelta(seconds=1))
    assert [(amount, ends) for amount, _, ends in at_noon] == [(24900, None)]
    assert [(amount, ends) for amount, _, ends in while_live] == [(24900, START), (19900, None)]
    told = (await desk.ada.get("/v1/recommended-prices/history", market="de", sku="WATCH")).json()["prices"]
    assert [(one["price"]["amount"], one["change_id"], one["recorded_by"]) for one in told] == [
        (24900, None, change_id),
        (19900, change_id, counter_id),
        (24900, None, counter_id),
    ], "whose price it is, and who saw to it that it holds from when to when"
    charged_then = [row for row in await desk.series("WATCH") if row[0] == at(START)]
    assert charged_then == [(at(START), at(START + LEAD), 19900)]


async def test_what_a_later_change_has_overwritten_is_left_as_it_is(desk: Desk) -> None:
    first = await desk.live(item("WATCH", 19900), item("CHARGER", 3500))
    await desk.live(item("WATCH", 18900))
    begun = await desk.do(first, "roll-back", reason="No")

    shown = await desk.shown(begun.json()["id"])
    assert [(one["sku"], one["price"], one["old"]) for one in shown["items"]] == [("CHARGER", eur(3900), eur(3500))]


async def test_nothing_is_left_to_roll_back(desk: Desk) -> None:
    first = await desk.live(item("WATCH", 19900))
    await desk.live(item("WATCH", 18900))
    weekend = await desk.live(item("CHARGER", 3500), ends_at=at(desk.clock.now() + HOUR))
    nothing = await desk.do(first, "roll-back", reason="No")
    over = await desk.do(weekend, "roll-back", reason="No", starts_at=at(desk.clock.now() + 2 * HOUR))
    desk.clock.advance(HOUR)
    ended = await desk.do(weekend, "roll-back", reason="No")

    assert [problem(nothing), problem(over)] == [(409, "nothing_to_roll_back")] * 2
    assert problem(ended) == (409, "move_not_allowed")


async def test_a_plan_inside_of_it_stays_and_the_rest_is_put_back_on_both_sides(desk: Desk) -> None:
    first = await desk.live(item("WATCH", 19900))
    friday, monday = NOON + 24 * HOUR, NOON + 96 * HOUR
    await desk.scheduled(item("WATCH", 17900), starts_at=at(friday), ends_at=at(monday))
    await desk.rolled_back(first)

    back = at(START + LEAD)
    assert await desk.series("WATCH") == [
        (JANUARY, at(START), 24900),
        (at(START), back, 19900),
        (back, at(friday), 24900),
        (at(friday), at(monday), 17900),
        (at(monday), None, 24900),
    ]
    await desk.laws_hold()


async def test_a_change_that_has_ended_by_then_stays_ended(desk: Desk) -> None:
    """Its roll back was approved, and nobody scheduled it in time."""
    hour = timedelta(hours=1)
    weekend = await desk.live(item("WATCH", 19900), ends_at=at(NOON + hour))
    counter_id = (await desk.do(weekend, "roll-back", reason="A slip of the pen")).json()["id"]
    await desk.approve(counter_id)
    desk.clock.set(NOON + hour)
    late = await desk.do(counter_id, "schedule")

    assert problem(late) == (409, "nothing_to_roll_back")
    assert await desk.state(weekend) == "ended"


async def test_a_plan_that_is_withdrawn_does_not_bring_back_what_was_rolled_back(desk: Desk) -> None:
    first = await desk.live(item("WATCH", 19900))
    friday, monday = NOON + 24 * HOUR, NOON + 96 * HOUR
    plan = await desk.scheduled(item("WATCH", 17900), starts_at=at(friday), ends_at=at(monday))
    await desk.rolled_back(first)
    await desk.do(plan, "withdraw")

    back = at(START + LEAD)
    charged = [(begins, amount) for begins, _, amount in await desk.series("WATCH")]
    assert charged[:3] == [(JANUARY, 24900), (at(START), 19900), (back, 24900)]
    assert {amount for _, amount in charged[2:]} == {24900}
    await desk.laws_hold()


async def test_a_weekend_that_is_rolled_back_gives_way_to_the_price_that_it_interrupted(desk: Desk) -> None:
    monday = NOON + 96 * HOUR
    first = await desk.live(item("WATCH", 19900), ends_at=at(monday))
    counter_id = await desk.rolled_back(first)

    [item_] = (await desk.shown(counter_id))["items"]
    assert (item_["price"], item_["ends_at"]) == (eur(24900), at(monday)), "after that it is what it would have been"
    assert await desk.series("WATCH") == [
        (JANUARY, at(START), 24900),
        (at(START), at(START + LEAD), 19900),
        (at(START + LEAD), None, 24900),
    ]


async def test_a_counter_change_that_is_outdated_is_drafted_anew(desk: Desk) -> None:
    first = await desk.live(item("WATCH", 19900))
    counter_id = (await desk.do(first, "roll-back", reason="No")).json()["id"]
    await desk.approve(counter_id)
    await desk.live(item("WATCH", 18900))
    outdated = await desk.do(counter_id, "schedule")
    await desk.do(counter_id, "withdraw")
    nothing = await desk.do(first, "roll-back", reason="No")

    assert problem(outdated) == (409, "roll_back_outdated")
    assert problem(nothing) == (409, "nothing_to_roll_back")
    await desk.laws_hold()


async def test_a_counter_change_can_be_withdrawn_and_can_be_rolled_back(desk: Desk) -> None:
    first = await desk.live(item("WATCH", 19900))
    counter_id = (await desk.do(first, "roll-back", reason="No", starts_at=at(NOON + HOUR))).json()["id"]
    await desk.approve(counter_id)
    await desk.schedule(counter_id)
    await desk.do(counter_id, "withdraw")
    as_before = await desk.series("WATCH")
    counter_id = await desk.rolled_back(first)
    await desk.rolled_back(counter_id)

    assert as_before == [(JANUARY, at(START), 24900), (at(START), None, 19900)]
    assert [amount for _, _, amount in await desk.series("WATCH")] == [24900, 19900, 24900, 19900]
    assert [await desk.state(each) for each in (first, counter_id)] == ["rolled_back"] * 2
    await desk.laws_hold()


async def test_beneath_a_change_whose_own_ground_was_rolled_back_lies_what_was_before_both(desk: Desk) -> None:
    tuesday = NOON + 24 * HOUR
    first = await desk.live(item("WATCH", 19900))
    second = await desk.scheduled(item("WATCH", 17900), starts_at=at(tuesday))
    await desk.rolled_back(first)
    desk.clock.set(tuesday)
    await desk.tick()
    await desk.rolled_back(second)

    assert [amount for _, _, amount in await desk.series("WATCH")] == [24900, 19900, 24900, 17900, 24900]
    await desk.laws_hold()


async def test_of_two_changes_the_newer_is_rolled_back_and_then_the_older(desk: Desk) -> None:
    """What was put back is the older change's price still, and goes with it."""
    first = await desk.live(item("WATCH", 19900))
    second = await desk.live(item("WATCH", 17900))
    await desk.rolled_back(second)
    [older] = (await desk.ada.get("/v1/prices", channel="web-de", sku="WATCH")).json()["prices"]
    await desk.rolled_back(first)
    [original] = (await desk.ada.get("/v1/prices", channel="web-de", sku="WATCH")).json()["prices"]

    assert (older["charge"], older["change_id"]) == (eur(19900), first)
    assert (original["charge"], original["change_id"]) == (eur(24900), None)
    assert [amount for _, _, amount in await desk.series("WATCH")] == [24900, 19900, 17900, 19900, 24900]
    assert [await desk.state(each) for each in (first, second)] == ["rolled_back"] * 2
    await desk.laws_hold()


async def test_what_lies_under_another_change_is_rolled_back_where_it_comes_up(desk: Desk) -> None:
    """The older one goes first, as far as it can be seen; what is under the newer one stays away when that goes."""
    first = await desk.live(item("WATCH", 19900), item("CHARGER", 3500))
    second = await desk.live(item("WATCH", 17900))
    hidden = await desk.live(item("PHONE-BLK", 69900))
    await desk.live(item("PHONE-BLK", 68900))
    nothing = await desk.do(hidden, "roll-back", reason="No")
    await desk.rolled_back(first)
    under = await desk.series("WATCH")
    await desk.rolled_back(second)

    assert problem(nothing) == (409, "nothing_to_roll_back")
    assert [amount for _, _, amount in under] == [24900, 19900, 17900]
    assert [amount for _, _, amount in await desk.series("WATCH")] == [24900, 19900, 17900, 24900]
    await desk.laws_hold()


async def test_a_roll_back_of_a_roll_back_is_rolled_back(desk: Desk) -> None:
    line = [await desk.live(item("WATCH", 19900), item("CASE-BLK", None))]
    believed = []
    for _ in range(3):
        line.append(await desk.rolled_back(line[-1]))
        believed.append(desk.clock.now())

    assert [amount for _, _, amount in await desk.series("WATCH")] == [24900, 19900, 24900, 19900, 24900]
    assert [amount for _, _, amount in await desk.series("CASE-BLK")] == [2900, 2900, 2900]
    for then, amount in zip(believed, (24900, 19900, 24900), strict=True):
        asked: Json = {"channel": "web-de", "sku": "WATCH", "at": at(then), "believed_at": at(then)}
        [price] = (await desk.ada.get("/v1/prices", **asked)).json()["prices"]
        assert price["charge"] == eur(amount)
    assert [await desk.state(each) for each in line] == ["rolled_back"] * 3 + ["live"]
    await desk.laws_hold()


async def test_a_price_in_a_gap_gives_way_to_what_was_there_before_the_gap(desk: Desk) -> None:
    gap = await desk.live(item("WATCH", None))
    inside = await desk.live(item("WATCH", 19900))
    nothing = await desk.do(gap, "roll-back", reason="No")
    counter_id = await desk.rolled_back(inside)
    ended = await desk.series("WATCH")
    await desk.rolled_back(gap)

    assert problem(nothing) == (409, "nothing_to_roll_back")
    assert [amount for _, _, amount in ended] == [24900, 19900]
    assert [amount for _, _, amount in await desk.series("WATCH")] == [24900, 19900, 24900]
    assert await desk.state(counter_id) == "live"
    await desk.laws_hold()


async def test_a_sku_that_was_retired_meanwhile_keeps_nobody_from_rolling_back(desk: Desk) -> None:
    change_id = await desk.live(item("WATCH", 19900), item("CHARGER", 3500))
    await plant(desk.db, "UPDATE variants SET status = 'retired' WHERE sku = 'CHARGER'")
    counter_id = await desk.rolled_back(change_id)

    assert [await desk.state(each) for each in (change_id, counter_id)] == ["rolled_back", "live"]
    assert [(await desk.series(sku))[-1][2] for sku in ("WATCH", "CHARGER")] == [24900, 3900]
    await desk.laws_hold()
