"""What customers teach: who came again, for how many devices, and what they were sold, by the month they began in."""

from datetime import timedelta
from pathlib import Path

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, Json
from tests.lesson_shop import CASE, asked, assert_same, bring, later, past, picked
from tests.shop import rows

JUNE = "2026-06-30"
SETS = {"anchor": "category:phones", "attach": "category:cases"}
SPLIT = ("anchor", "attached", "other", "total")


@pytest.fixture
async def analyst(db: Database, callers: Callers, tmp_path: Path) -> Api:
    """Somebody who asks, after the past was imported."""
    await bring(db, tmp_path / "past", past())
    return await callers(Role.ANALYST)


def split(view: Json) -> tuple[object, ...]:
    """Amounts by what they are for, and their currency."""
    (currency,) = {view[part]["currency"] for part in SPLIT}
    return *(view[part]["amount"] for part in SPLIT), currency


# Repeat purchase


async def test_who_came_again_is_counted_by_the_month_of_the_first_order(analyst: Api) -> None:
    """Ann came back on the last of 30 days, half an hour before midnight; Bob on the 31st."""
    answer = await asked(analyst, "repeat-purchase", as_of=JUNE)

    shares = [f"within_{days}.{part}" for days in (30, 90) for part in ("numerator", "denominator")]
    assert picked(answer, "customers", *shares) == [("2026-01", 2, 1, 2, 2, 2), ("2026-02", 1, 1, 1, 1, 1)]
    assert picked(answer, "orders.one", "orders.two", "orders.three_or_more", "orders.total") == [
        ("2026-01", 0, 1, 1, 5),
        ("2026-02", 0, 1, 0, 2),
    ]
    assert picked(answer, "orders.per_customer", "devices") == [
        ("2026-01", "2.500000", None),
        ("2026-02", "2.000000", None),
    ]


async def test_whose_window_is_not_over_is_apart(analyst: Api) -> None:
    """At the end of 9 February, where it ends last, Ann's 30 days are over; Bob's began ten days later."""
    parts = ("denominator", "numerator", "complete", "open.denominator", "open.numerator")

    before = await asked(analyst, "repeat-purchase", as_of="2026-02-08")
    on_the_day = await asked(analyst, "repeat-purchase", as_of="2026-02-09")
    in_june = await asked(analyst, "repeat-purchase", as_of=JUNE)

    assert picked(before, *(f"within_30.{part}" for part in parts)) == [("2026-01", 0, 0, False, 2, 0)]
    assert picked(on_the_day, *(f"within_30.{part}" for part in parts)) == [("2026-01", 1, 1, False, 1, 0)]
    assert picked(in_june, *(f"within_365.{part}" for part in parts)) == [
        ("2026-01", 0, 0, False, 2, 2),
        ("2026-02", 0, 0, False, 1, 1),
    ]


async def test_devices_are_what_is_left_of_them(analyst: Api) -> None:
    """Of Bob's three phones one came back; Cal has one."""
    answer = await asked(analyst, "repeat-purchase", as_of=JUNE, devices="category:phones")

    parts = ("none", "one", "two", "three_or_more", "total", "per_customer")
    assert picked(answer, *(f"devices.{part}" for part in parts)) == [
        ("2026-01", 0, 0, 2, 0, 4, "2.000000"),
        ("2026-02", 0, 1, 0, 0, 1, "1.000000"),
    ]
    assert answer["definition"]["sets"]["devices"]["skus"] == 2


async def test_with_an_anchor_everybody_begins_with_their_first_one(analyst: Api) -> None:
    """Cal's first case came with the phone, in America; Bob's was a month after his phone."""
    answer = await asked(analyst, "repeat-purchase", as_of=JUNE, anchor="category:cases", per="channel")

    assert picked(answer, "customers", "orders.total") == [
        ("2026-01", "web-de", 1, 3),
        ("2026-02", "web-de", 1, 1),
        ("2026-02", "web-us", 1, 2),
    ]


async def test_filters_are_about_the_first_order_and_make_no_later_one_the_first(analyst: Api) -> None:
    retail = await asked(analyst, "repeat-purchase", as_of=JUNE, channel_kind="retail")
    german = await asked(analyst, "repeat-purchase", as_of=JUNE, market="de")
    february = await asked(analyst, "repeat-purchase", as_of=JUNE, **{"from": "2026-02-01", "to": "2026-02-28"})

    assert retail["rows"] == []
    assert picked(german, "customers") == [("2026-01", 2)]
    assert picked(february, "customers") == [("2026-02", 1)]


# Revenue


async def test_revenue_of_the_first_days_is_split_by_what_it_was_for(analyst: Api) -> None:
    """Of Bob's three phones for 100.00 one came back: 33.33 are taken off. His case came too late for 30 days."""
    answer = await asked(analyst, "customer-revenue", as_of=JUNE, **SETS)

    january, february = answer["rows"]
    assert january["group"] == {"cohort": "2026-01", "currency": "EUR"}
    assert split(january["within_30"]["revenue"]) == (16667, 2000, 0, 18667, "EUR")
    assert split(january["within_30"]["per_customer"]) == (8334, 1000, 0, 9334, "EUR")
    assert split(january["within_90"]["revenue"]) == (16667, 3000, 0, 19667, "EUR")
    assert january["within_365"]["customers"] == 0
    assert january["within_365"]["per_customer"] is None
    assert january["within_365"]["open"]["customers"] == 2
    assert split(january["within_365"]["open"]["revenue"]) == (26667, 3000, 0, 29667, "EUR")
    assert february["group"] == {"cohort": "2026-02", "currency": "USD"}


async def test_what_was_bought_in_another_currency_is_counted_and_never_added(analyst: Api) -> None:
    """Cal began with dollars, and bought a case for euros five days later."""
    answer = await asked(analyst, "customer-revenue", as_of=JUNE, **{"from": "2026-02-01"}, **SETS)

    (cal,) = answer["rows"]
    assert split(cal["within_30"]["revenue"]) == (10000, 1000, 0, 11000, "USD")
    assert cal["within_30"]["elsewhere"] == 1


async def test_what_is_neither_is_other(analyst: Api) -> None:
    answer = await asked(analyst, "customer-revenue", as_of=JUNE, anchor="sku:CASE-1", attach="sku:PHONE-2")

    assert [split(row["within_30"]["revenue"]) for row in answer["rows"]] == [
        (2000, 0, 10000, 12000, "EUR"),
        (1000, 0, 0, 1000, "EUR"),
        (1000, 0, 10000, 11000, "USD"),
    ]


# What is known later


async def test_a_merge_changes_what_is_known_now_and_not_what_was_known_then(
    db: Database, clock: SetClock, callers: Callers, analyst: Api
) -> None:
    """Cal turns out to be Bob."""
    questions: list[tuple[str, Json]] = [("repeat-purchase", {}), ("customer-revenue", dict(SETS))]
    then = clock.now().isoformat()
    before = [await asked(analyst, report, **params) for report, params in questions]
    people = dict(await rows(db, "SELECT code, id FROM customers"))
    clock.advance(timedelta(days=1))

    office = await callers(Role.OPERATOR)
    merge = await office.post(f"/v1/customers/{people['cal']}/merge", {"into": people["bob"], "reason": "same"})
    assert merge.status_code == 201, merge.text

    for answer, (report, params) in zip(before, questions, strict=True):
        assert_same(await asked(analyst, report, as_of=then, **params), answer)
    repeat, revenue = [await asked(analyst, report, **params) for report, params in questions]
    assert picked(repeat, "customers", "orders.total") == [("2026-01", 2, 7)]
    assert picked(revenue, "customers", "within_90.elsewhere") == [("2026-01", "EUR", 2, 1)]


async def test_a_past_that_is_imported_later_restates_unless_one_asks_what_was_believed(
    db: Database, clock: SetClock, analyst: Api, tmp_path: Path
) -> None:
    before = await asked(analyst, "repeat-purchase", as_of=JUNE)
    clock.advance(timedelta(days=1))
    await bring(db, tmp_path / "more", later("B-9", "web-de", "bob", "2026-01-30T12:00:00+01:00", CASE))

    restated = await asked(analyst, "repeat-purchase", as_of=JUNE)
    believed = await asked(analyst, "repeat-purchase", as_of=JUNE, believed_at=before["believed_at"])

    assert picked(restated, "within_30.numerator") == [("2026-01", 2), ("2026-02", 1)]
    assert_same(believed, before)
