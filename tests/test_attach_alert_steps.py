"""Alerts, look by look: what is unsure opens none until it lasts, and what collapses is told at once."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.reports.programs.errors import ImportUnderWay
from orders.reports.programs.evaluate import evaluate_all
from orders.reports.programs.rules import LASTS
from tests.companions import ALERTS, FORTY_UP, LAST, PLACE, alerts, changed, days, look, program, sell, write
from tests.conftest import NOON, Api, Callers, Json
from tests.shop import open_shop, rows
from tests.stories import every_law_holds, told

LEFT, WORSE, BACK = "attach_rate_left_band", "attach_rate_got_worse", "attach_rate_came_back"


@pytest.fixture
async def analyst(db: Database, callers: Callers) -> Api:
    """Whoever works with figures, in the fixed shop."""
    await open_shop(db)
    return await callers(Role.ANALYST)


async def test_a_rate_that_hovers_at_the_end_of_its_band_is_told_to_nobody(
    analyst: Api, db: Database, clock: SetClock, tmp_path: Path
) -> None:
    await write(analyst, goal=FORTY_UP, period_days=1)

    await days(db, clock, tmp_path, [39, 41] * 4)

    assert await alerts(analyst) == await told(db, LEFT) == []
    await every_law_holds(db)


async def test_what_is_unsure_is_told_when_it_lasts_and_is_over_when_that_lasts(
    analyst: Api, db: Database, clock: SetClock, tmp_path: Path
) -> None:
    await write(analyst, goal=FORTY_UP, period_days=1)

    await days(db, clock, tmp_path, [39] * (LASTS - 1) + [41])
    interrupted = await alerts(analyst)
    await days(db, clock, tmp_path, [39] * LASTS, start=LASTS)
    [opened] = await alerts(analyst)
    await days(db, clock, tmp_path, [41] * (LASTS - 1) + [39] + [41] * (LASTS - 1), start=2 * LASTS)
    [kept] = await alerts(analyst)
    await days(db, clock, tmp_path, [41], start=4 * LASTS - 1)
    [over] = await alerts(analyst)

    assert interrupted == []
    assert (opened["sure"], opened["as_of"], opened["numerator"]) == (False, "2026-11-14", 39)
    assert (kept["state"], kept["latest"]["side"], kept["latest"]["numerator"]) == ("open", None, 41)
    assert (over["outcome"], over["latest"]["as_of"], over["told_again"]) == ("back", "2026-11-28", None)
    assert [len(await told(db, topic)) for topic in (LEFT, WORSE, BACK)] == [1, 0, 1]
    assert await rows(db, "SELECT count(*) FROM attach_looks") == [(LASTS,)]
    await every_law_holds(db)


async def test_a_rate_that_collapses_is_told_at_once_and_one_that_falls_on_once_more(
    analyst: Api, db: Database, clock: SetClock, tmp_path: Path
) -> None:
    """Each time it is clearly below what was told last; and sure of it, nobody is told that it still is."""
    await write(analyst, goal=FORTY_UP, period_days=1)

    await days(db, clock, tmp_path, [39] * LASTS)
    await days(db, clock, tmp_path, [29, 27, 10, 30, 12, 2], start=LASTS)

    [alert] = await alerts(analyst)
    assert (alert["numerator"], alert["sure"], alert["state"]) == (39, False, "open")
    assert [(one["numerator"], one["sure"]) for one in await told(db, WORSE)] == [(29, True), (10, True), (2, True)]
    assert alert["told_again"] == alert["latest"] == {
        "side": "below",
        "sure": True,
        "as_of": "2026-11-13",
        "believed_at": "2026-11-14T11:59:00Z",
        "period": {"from": "2026-11-06", "to": "2026-11-06"},
        "numerator": 2,
        "denominator": 100,
        "rate": "0.020000",
        "interval": {"low": "0.005502", "high": "0.070012"},
    }  # fmt: skip
    assert len(await told(db, LEFT)) == 1


async def test_while_an_import_is_under_way_nobody_looks_at_what_it_may_still_change(
    analyst: Api, db: Database, clock: SetClock, tmp_path: Path
) -> None:
    """It brings what was recorded an hour ago: nine of forty would be told, and nobody could ask for that again."""
    await sell(db, tmp_path, "web-de", LAST, phones=40, cases=9)
    await write(analyst, goal=FORTY_UP)

    async def look_in() -> None:
        await look(db, clock)
        with pytest.raises(ImportUnderWay):
            await evaluate_all(db, [], clock.now())

    await sell(db, tmp_path, "web-de", LAST, phones=60, cases=41, meanwhile=look_in)
    during = await rows(db, "SELECT evaluated_for FROM attach_programs")
    await look(db, clock)

    assert during == [(None,)]
    assert await rows(db, "SELECT evaluated_for FROM attach_programs") == [(date(2026, 11, 1),)]
    assert await alerts(analyst) == await told(db, LEFT) == []


async def test_what_can_be_asked_since_today_is_not_told_as_what_cannot_be_asked(
    analyst: Api, callers: Callers, db: Database, clock: SetClock
) -> None:
    """Yesterday the set had a phone, and a minute ago there was no such channel: by now, both can be asked."""
    operator = await callers(Role.OPERATOR)
    await analyst.send("PUT", "/v1/reports/sets/extras", {"members": ["category:cases", "sku:PHONE-BLK"]})
    clock.advance(timedelta(minutes=1))
    await analyst.send("PUT", "/v1/reports/sets/extras", {"members": ["category:cases"]})
    await write(analyst, code="a", attach=["set:extras"], goal=FORTY_UP)
    outlet = {"code": "web-outlet", "kind": "online", "market": "de", "name": "Outlet"}
    assert (await operator.post("/v1/channels", outlet)).status_code == 201
    await write(analyst, code="b", channel="web-outlet", goal=FORTY_UP)

    today = await evaluate_all(db, [], clock.now())
    refused = await rows(db, "SELECT refused_code FROM attach_programs")
    tomorrow = await evaluate_all(db, [], clock.advance(timedelta(days=1)))

    assert [one.refused for one in today] == [
        "attach: 'PHONE-BLK' is in the anchor set as well.",
        "channel: 'web-outlet' is not known here.",
    ]
    assert refused == [(None,), (None,)]
    assert await told(db, "attach_program_refused") == []
    assert [one.refused for one in tomorrow] == [None, None]


async def test_looking_twice_at_a_day_is_one_look(analyst: Api, db: Database, clock: SetClock, tmp_path: Path) -> None:
    await write(analyst, goal=FORTY_UP, period_days=1)
    await days(db, clock, tmp_path, [39] * (LASTS - 1))

    evaluated = [await evaluate_all(db, [], clock.now()) for _ in range(LASTS)]

    assert [one.verdicts[0].numerator for [one] in evaluated] == [39] * LASTS
    assert await alerts(analyst) == []
    assert await rows(db, "SELECT count(*) FROM attach_looks") == [(LASTS - 1,)]


async def test_units_are_told_of_when_they_are_far_out_and_again_when_they_are_farther(
    analyst: Api, db: Database, clock: SetClock, tmp_path: Path
) -> None:
    """They have no interval: a tenth of a case to each phone is far."""
    await write(analyst, basis="units", window_days=None, goal={"low_bp": 6000}, period_days=1)
    seen = []
    for day, cases in enumerate([55, 50, 45, 39, 65, 70]):
        await sell(db, tmp_path, "web-de", date(2026, 11, 1) + timedelta(days=day), phones=100, cases=cases)
        await look(db, clock, at=NOON + timedelta(days=day))
        seen.append([(one["numerator"], one["sure"], one["state"]) for one in await alerts(analyst)])

    assert seen == [[], *[[(50, False, "open")]] * 4, [(50, False, "closed")]]
    assert [one["numerator"] for one in await told(db, WORSE)] == [39]


async def test_another_target_or_the_same_set_in_other_words_changes_no_alert(
    analyst: Api, db: Database, clock: SetClock, tmp_path: Path
) -> None:
    await sell(db, tmp_path, "web-de", LAST, phones=40, cases=9)
    await write(analyst, goal=FORTY_UP, attach=["category:cases", "sku:WATCH"])
    await look(db, clock)
    [alert] = await alerts(analyst)
    noted = (await analyst.post(f"{ALERTS}/{alert['id']}/acknowledge", {"note": "Known"})).json()

    words: list[Json] = [
        {"goal": {**FORTY_UP, "target_bp": 5000}},
        {"goal": {**FORTY_UP, "target_bp": None}},
        {"anchor": ["category:phones", "category:phones"]},
        {"attach": ["sku:WATCH", "category:cases", "sku:WATCH"]},
        {"goals_by_kind": {"online": {"target_bp": 5000}}},
    ]
    for version, more in enumerate(words, 1):
        said = changed(program(attach=["category:cases", "sku:WATCH"], goal=FORTY_UP), version, **more)
        assert (await analyst.send("PUT", f"{PLACE}/phones-cases", said)).json()["version"] == version + 1
        await look(db, clock)

    assert await alerts(analyst) == [noted]
    assert len(await told(db, LEFT)) == 1
