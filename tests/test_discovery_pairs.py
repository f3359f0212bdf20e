"""Attach pairs over HTTP: counts and chances that can be checked by hand."""

import json
from csv import reader
from datetime import timedelta
from io import BytesIO

import pyarrow.parquet as pq
import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.reports.discovery import lines, paired, pairs
from tests.attach_loading import load, tell
from tests.baskets import MORNING, Basket, past
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.discovery_asking import EVERYTHING, PAIRS, TEN, found, numbers


@pytest.fixture
async def analyst(callers: Callers) -> Api:
    """Somebody who may look at figures."""
    return await callers(Role.ANALYST)


async def test_a_pair_is_what_its_orders_say(db: Database, analyst: Api) -> None:
    await load(db, past(TEN))

    answer = await found(analyst)

    assert answer["rows"][:2] == [
        {
            "group": {},
            "anchor": "cases",
            "attach": "phones",
            "whole": 10,
            "anchors": 6,
            "attaches": 6,
            "both": 5,
            "support": "0.500000",
            "confidence": "0.833333",
            "lift": "1.388889",
            "leverage": "0.140000",
            "expected": "2.966029",
            "adjusted_lift": "1.685756",
            "p": "1.79e-01",
            "q": "1.00e+00",
            "worth_a_program": False,
            "open": None,
            "pairings": [],
            "programs": [],
        },
        {**answer["rows"][0], "anchor": "phones", "attach": "cases"},
    ]
    assert [numbers(row) for row in answer["rows"][2:]] == [
        ("accessories", "cases", 10, 3, 6, 1),
        ("accessories", "phones", 10, 3, 6, 1),
        ("cases", "accessories", 10, 6, 3, 1),
        ("phones", "accessories", 10, 6, 3, 1),
    ]
    assert {(row["expected"], row["p"], row["q"], row["leverage"]) for row in answer["rows"][2:]} == {
        ("1.454479", "7.66e-01", "1.00e+00", "-0.080000")
    }
    assert (answer["tests"], answer["found"], answer["worth"], answer["left_out"]) == (6, 6, 0, None)


async def test_what_is_expected_is_plain_where_all_things_are_alike(db: Database, analyst: Api) -> None:
    """Of four orders of two, a sixth is expected to have each of the six pairs of four things, in each channel."""
    germany = [*[Basket("P1 C1")] * 2, *[Basket("W1 C2")] * 2, *[Basket(sku) for sku in ("P1", "C1", "W1", "C2")]]
    await load(db, past(germany))
    one = await found(analyst, level="sku")
    await load(db, past([*germany, *[Basket("P1 C1", channel="retail-us")] * 3]))
    two = await found(analyst, level="sku", sort="support")

    # 2 / (4 / 6) = 3, and 1 - exp(-2/3) * (1 + 2/3) = 0.144
    assert {(row["both"], row["expected"], row["adjusted_lift"], row["p"]) for row in one["rows"]} == {
        (2, "0.666667", "3.000000", "1.44e-01")
    }
    # In America there is nothing but these two: all three orders are as they had to be.
    assert [(row["both"], row["expected"], row["adjusted_lift"]) for row in two["rows"][::2]] == [
        (5, "3.666667", "1.363636"),
        (2, "0.666667", "3.000000"),
    ]


async def test_an_answer_says_what_it_means(db: Database, analyst: Api) -> None:
    await load(db, past(TEN))

    asked = {"from": "2026-03-01", "to": "2026-03-31", "channel_kind": "online", "per": "channel", "market": "de"}
    answer = await found(analyst, level="sku", sort="support", **asked)

    definition = answer["definition"]
    assert definition["whole"] == "orders with at least one net unit of anything"
    assert definition["both"] == "of those, orders with at least one net unit of each"
    assert definition["period"] == {"from": "2026-03-01", "to": "2026-03-31"}
    assert definition["filters"] == {"channel_kind": "online", "market": "de"}
    assert {name: definition[name] for name in ("level", "per", "sort", "min_support", "min_lift", "window_days")} == {
        "level": "sku",
        "per": "channel",
        "sort": "support",
        "min_support": 1,
        "min_lift": "0",
        "window_days": None,
    }
    assert "Things are skus." in definition["rules"]
    assert all(rule.endswith(".") for rule in definition["rules"])
    assert (answer["as_of"], answer["believed_at"], answer["settled"]) == (
        "2026-11-02T12:00:00Z",
        "2026-11-02T12:00:00Z",
        False,
    )


async def test_what_came_back_makes_no_pair_and_a_past_as_of_still_has_it(db: Database, analyst: Api) -> None:
    await load(db, past([Basket("P1 C1", back="C1"), Basket("P1 C1"), Basket("W1")]))
    before = (MORNING + timedelta(hours=1)).isoformat()

    now, then = await found(analyst), await found(analyst, as_of=before)

    assert [numbers(row) for row in now["rows"]] == [
        ("cases", "phones", 3, 1, 2, 1),
        ("phones", "cases", 3, 2, 1, 1),
    ]
    assert [numbers(row)[2:] for row in then["rows"]] == [(3, 2, 2, 2)] * 2


async def test_only_what_comes_often_enough_is_tested_and_only_what_reaches_both_bounds_is_listed(
    db: Database, analyst: Api
) -> None:
    await load(db, past(TEN))

    often = await found(analyst, min_support=3)
    high = await found(analyst, min_lift="1.685756")
    higher = await found(analyst, min_lift="1.685757")

    assert [numbers(row)[:2] for row in often["rows"]] == [("cases", "phones"), ("phones", "cases")]
    assert often["tests"] == 3
    assert often["rows"][0]["q"] == "5.37e-01"
    assert [len(answer["rows"]) for answer in (high, higher)] == [2, 0]


async def test_each_channel_has_its_own_figures_and_the_guard_is_over_all_of_them(db: Database, analyst: Api) -> None:
    shop = [Basket(one.skus, channel="retail-us") for one in TEN]
    await load(db, past([*TEN, *shop, Basket("P1 W1", channel="retail-us")]))

    kinds = await found(analyst, per="channel_kind", min_support=3)
    channels = await found(analyst, per="channel")
    together = await found(analyst)

    best = [row for row in kinds["rows"] if numbers(row)[:2] == ("cases", "phones")]
    assert [(row["group"], numbers(row)[2:], row["q"]) for row in best] == [
        ({"channel_kind": "online"}, (10, 6, 6, 5), "6.45e-01"),
        ({"channel_kind": "retail"}, (11, 6, 7, 5), "6.45e-01"),
    ]
    assert (kinds["tests"], channels["tests"], together["tests"]) == (6, 12, 6)
    assert {row["group"]["channel"] for row in channels["rows"]} == {"online-de", "retail-us"}
    assert numbers(together["rows"][0])[2:] == (21, 12, 13, 10)


async def test_levels_tell_things_apart_as_finely_as_is_asked(db: Database, analyst: Api) -> None:
    await load(db, past([Basket("P1 P3 C2"), Basket("P2 C1 W1")]))

    def of(answer: Json) -> set[tuple[str, str]]:
        return {(row["anchor"], row["attach"]) for row in answer["rows"] if row["anchor"] < row["attach"]}

    assert of(await found(analyst, level="sku")) == {
        ("C2", "P1"), ("C2", "P3"), ("P1", "P3"), ("C1", "P2"), ("C1", "W1"), ("P2", "W1"),
    }  # fmt: skip
    assert of(await found(analyst, level="product")) == {
        ("case-leather", "phone"), ("case-leather", "phone-pro"), ("phone", "phone-pro"), ("case", "phone"),
        ("case", "watch"), ("phone", "watch"),
    }  # fmt: skip
    assert of(await found(analyst, level="category")) == {
        ("leather", "phones"), ("flagships", "leather"), ("flagships", "phones"), ("cases", "phones"),
        ("accessories", "cases"), ("accessories", "phones"),
    }  # fmt: skip
    assert of(await found(analyst, level="top_category")) == {("accessories", "phones")}


async def test_orders_whose_numbers_look_the_same_are_told_apart_by_their_instants(
    db: Database, analyst: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "_NUMBER", "CAST(length(x.order_number) AS bigint)")
    await load(db, past(TEN))

    answer = await found(analyst)

    assert [numbers(row) for row in answer["rows"][:3]] == [
        ("cases", "phones", 10, 6, 6, 5),
        ("phones", "cases", 10, 6, 6, 5),
        ("accessories", "cases", 10, 3, 6, 1),
    ]


# Orders that are beyond all measure


async def test_an_order_with_too_many_things_is_left_out_whole(
    db: Database, analyst: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "THINGS_MAX", 3)
    await load(db, past([*TEN, Basket("P1 P3 C1 W1 C2", "eve")]))

    orders = await found(analyst)
    customers = await found(analyst, basis="customers", window_days=0)

    assert orders["left_out"] == {"number": 1, "more_than": 100}
    assert numbers(orders["rows"][0]) == ("cases", "phones", 10, 6, 6, 5)
    assert customers["left_out"] == {"number": 1, "more_than": 100}
    assert customers["rows"] == []


async def test_more_pairs_than_can_be_held_are_refused(
    db: Database, analyst: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "PAIRS_MAX", 2)
    await load(db, past(TEN))

    answer = await analyst.get(PAIRS, **EVERYTHING)

    assert problem(answer) == (422, "too_many_pairs")
    assert answer.json()["errors"][0]["field"] == "level"


# Pages


async def test_pages_are_of_the_list_that_was_begun(db: Database, analyst: Api, clock: SetClock) -> None:
    history = past(TEN)
    await load(db, history)
    whole = await found(analyst)
    pages = [await found(analyst, limit=4)]
    late = past([*TEN, *[Basket("P1 W1", day=246)] * 9])
    clock.advance(timedelta(days=2))
    async with db.transaction() as tx:
        await tell(tx, late, history.sales[-1].at)

    while cursor := pages[-1]["next_cursor"]:
        pages.append(await found(analyst, limit=4, cursor=cursor))

    assert [len(page["rows"]) for page in pages] == [4, 2]
    assert [row for page in pages for row in page["rows"]] == whole["rows"]
    assert {page["as_of"] for page in pages} == {"2026-11-02T12:00:00Z"}
    assert numbers((await found(analyst, sort="support"))["rows"][0])[2:] == (19, 12, 15, 10)
    for wrong in ("x", pages[0]["next_cursor"]):
        refused = await analyst.get(PAIRS, cursor=wrong, as_of="2026-11-02T11:00:00Z")
        assert problem(refused) == (400, "invalid_input")
        assert refused.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    "other",
    [
        {"sort": "support"},
        {"level": "sku"},
        {"per": "channel"},
        {"min_lift": "0.5"},
        {"market": "de"},
        {"to": "2026-03-02"},
        {"basis": "customers", "window_days": 30},
    ],
)
async def test_a_cursor_belongs_to_the_question_that_it_was_given_for(db: Database, analyst: Api, other: Json) -> None:
    await load(db, past(TEN))
    cursor = (await found(analyst, limit=2))["next_cursor"]

    goes_on = await found(analyst, cursor=cursor, limit=3)
    refused = await analyst.get(PAIRS, **{**EVERYTHING, **other}, cursor=cursor)

    assert len(goes_on["rows"]) == 3
    assert problem(refused) == (400, "invalid_input")
    assert refused.json()["errors"][0]["field"] == "cursor"


async def test_a_file_has_all_pairs_and_what_they_mean(db: Database, analyst: Api) -> None:
    await load(db, past(TEN))
    whole = await found(analyst, per="channel")

    csv = await analyst.get(PAIRS, **EVERYTHING, per="channel", format="csv")
    parquet = await analyst.get(PAIRS, **EVERYTHING, per="channel", format="parquet")
    part = await analyst.get(PAIRS, format="csv", limit=4)

    head, *lines = list(reader(csv.text.splitlines()))
    assert head[:8] == ["channel", "anchor", "attach", "whole", "anchors", "attaches", "both", "support"]
    assert [line[:8] for line in lines] == [
        ["online-de", *(str(value) for value in numbers(row)), row["support"]] for row in whole["rows"]
    ]
    table = pq.read_table(BytesIO(parquet.content))
    about = json.loads(table.schema.metadata[b"commerce"])
    assert (table.num_rows, about["definition"], about["tests"]) == (6, whole["definition"], 6)
    assert problem(part) == (400, "invalid_input")


# What is known already


async def test_a_pair_that_the_catalog_knows_is_marked(
    db: Database, analyst: Api, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await load(db, past(TEN))
    merchandiser = await callers(Role.MERCHANDISER)
    for code, anchor, attach in (
        ("phones-cases", "category:phones", "category:cases"),
        ("some-phones", "sku:P1", "category:cases"),
        ("phones-all", "category:phones", "category:accessories"),
    ):
        put = await merchandiser.send("PUT", f"/v1/catalog/pairings/{code}", {"anchor": [anchor], "attach": [attach]})
        assert put.status_code == 200, put.text

    seeded = await analyst.post("/v1/reports/attach-programs/seed", {})
    assert seeded.status_code == 201, seeded.text

    answer = await found(analyst)

    for kind in ("pairings", "programs"):
        marked = {(row["anchor"], row["attach"]): row[kind] for row in answer["rows"]}
        assert marked["phones", "cases"] == ["phones-all", "phones-cases"]
        assert marked["phones", "accessories"] == ["phones-all"]
        assert marked["cases", "phones"] == []

    monkeypatch.setattr(paired, "PROGRAMS_MAX", 1)
    fewer = await found(analyst)
    assert {tuple(row["programs"]) for row in fewer["rows"]} == {("phones-all",), ()}
    assert any("the first 1000 by their codes" in rule for rule in fewer["definition"]["rules"])


# Refusals


@pytest.mark.parametrize(
    ("asked", "status", "code", "field"),
    [
        ({"basis": "customers"}, 400, "invalid_input", "window_days"),
        ({"window_days": 30}, 400, "invalid_input", "window_days"),
        ({"later_only": "true"}, 400, "invalid_input", "later_only"),
        ({"complete_only": "true"}, 400, "invalid_input", "complete_only"),
        ({"basis": "units"}, 400, "invalid_input", "basis"),
        ({"level": "brand"}, 400, "invalid_input", "level"),
        ({"per": "store"}, 400, "invalid_input", "per"),
        ({"min_support": 0}, 400, "invalid_input", "min_support"),
        ({"min_lift": "-1"}, 400, "invalid_input", "min_lift"),
        ({"min_lift": "NaN"}, 400, "invalid_input", "min_lift"),
        ({"channel": "nowhere"}, 422, "unknown_reference", "channel"),
        ({"channel": "online-de", "channel_kind": "retail"}, 400, "invalid_input", "channel_kind"),
        ({"market": "mars"}, 422, "unknown_reference", "market"),
        ({"store": "nowhere"}, 422, "unknown_reference", "store"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, 400, "invalid_input", "to"),
        ({"as_of": "2027-01-01T00:00:00Z"}, 400, "invalid_input", "as_of"),
        ({"believed_at": "2026-01-01"}, 400, "invalid_input", "believed_at"),
        ({"limit": 201}, 400, "invalid_input", "limit"),
    ],
)
async def test_what_does_not_go_together_is_refused_by_name(
    db: Database, analyst: Api, asked: Json, status: int, code: str, field: str
) -> None:
    await load(db, past(TEN))

    answer = await analyst.get(PAIRS, **asked)

    assert problem(answer) == (status, code)
    assert answer.json()["errors"][0]["field"] == field


async def test_a_shop_without_a_past_has_no_pairs(db: Database, analyst: Api) -> None:
    del db
    answer = await found(analyst)

    assert (answer["rows"], answer["tests"], answer["found"], answer["as_of"]) == (
        [],
        0,
        0,
        f"{NOON:%Y-%m-%dT%H:%M:%SZ}",
    )
