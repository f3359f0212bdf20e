"""What goods teach: what sold in which configuration and what is left, what came back, and what might go."""

from datetime import timedelta
from pathlib import Path

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from inventory.laws import LAWS as STOCK_LAWS
from tests.conftest import NOON, Api, Callers, Json
from tests.lesson_shop import PHONE, asked, assert_same, bring, later, past, picked
from tests.shop import no_law_is_broken, open_shop, put_stock
from tests.stories import cash, order, sale

FIRST_QUARTER = {"from": "2026-01-01", "to": "2026-03-31"}
JUNE = "2026-06-30"
PHONE_BLK = "sku:PHONE-BLK"


@pytest.fixture
async def analyst(callers: Callers) -> Api:
    """Somebody who asks."""
    return await callers(Role.ANALYST)


@pytest.fixture
async def shop(db: Database) -> None:
    """The shop as it is today: phones in two colours in the warehouse and in both stores."""
    await open_shop(db)
    for sku, location, units in (
        ("PHONE-BLK", "wh-de", 20), ("PHONE-WHT", "wh-de", 6), ("PHONE-BLK", "berlin", 10), ("PHONE-WHT", "berlin", 4),
        ("PHONE-BLK", "munich", 5),
    ):  # fmt: skip
        await put_stock(db, sku, location, units)


async def sold(till: Api, sku: str, quantity: int) -> None:
    """Sell some phones at a till."""
    total = 79900 * quantity
    answer = await till.post("/v1/till-sales", sale((sku, quantity), total=total, tenders=[cash(total)]))
    assert answer.status_code == 201, answer.text


async def ordered(web: Api, sku: str, quantity: int, **how: object) -> str:
    """Order some online; the order's id."""
    answer = await web.post("/v1/orders", order((sku, quantity), total=79900 * quantity, **how))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


# Sell-through


@pytest.mark.usefixtures("shop")
async def test_colours_sell_differently_in_each_kind_of_channel(analyst: Api, till: Api, web: Api) -> None:
    """What is ordered online still lies there, but is nobody's to buy; what a store has sold is gone. 28 days."""
    await sold(till, "PHONE-BLK", 3)
    await sold(till, "PHONE-WHT", 1)
    await ordered(web, "PHONE-WHT", 2)

    answer = await asked(analyst, "sell-through", of="category:phones", by="option:colour")

    assert answer["definition"]["period"] == {"from": "2026-10-06", "to": "2026-11-02"}
    assert answer["definition"]["numbers"] == {"days": 28}
    assert answer["definition"]["group_by"] == ["product", "option:colour", "channel_kind"]
    figures = ("units", "demand", "share_of_demand", "on_hand", "available", "sell_through", "days_of_cover")
    assert picked(answer, *figures) == [
        ("phone", "black", "retail", 3, 4, "0.750000", 12, 12, "0.200000", "112.000000"),
        ("phone", "white", "online", 2, 2, "1.000000", 6, 4, "0.333333", "56.000000"),
        ("phone", "white", "retail", 1, 4, "0.250000", 3, 3, "0.250000", "84.000000"),
        ("phone", "black", "online", 0, 2, "0.000000", 20, 20, "0.000000", None),
    ]


@pytest.mark.usefixtures("shop")
async def test_a_store_has_its_own_stock_and_a_channel_what_serves_it(analyst: Api, till: Api) -> None:
    await sold(till, "PHONE-BLK", 3)

    berlin = await asked(analyst, "sell-through", of="sku:PHONE-BLK", by="sku", store="berlin", per="all")
    channels = await asked(analyst, "sell-through", of="sku:PHONE-BLK", by="sku", per="channel")

    assert picked(berlin, "units", "on_hand") == [("phone", "PHONE-BLK", 3, 7)]
    assert picked(channels, "units", "on_hand") == [
        ("phone", "PHONE-BLK", "retail-de", 3, 12),
        ("phone", "PHONE-BLK", "web-de", 0, 20),
    ]


@pytest.mark.usefixtures("shop")
async def test_a_past_as_of_has_the_stock_of_then(
    db: Database, clock: SetClock, analyst: Api, till: Api, operator: Api
) -> None:
    await sold(till, "PHONE-BLK", 3)
    then = clock.now().isoformat()
    clock.advance(timedelta(hours=1))
    before = await asked(analyst, "sell-through", by="sku", as_of=then)

    receipt = {"location": "berlin", "reference": "DN-1", "lines": [{"sku": "PHONE-BLK", "units": 50}]}
    assert (await operator.post("/v1/stock/receipts", receipt)).status_code == 201
    await sold(till, "PHONE-WHT", 4)

    after = await asked(analyst, "sell-through", by="sku")
    assert_same(await asked(analyst, "sell-through", by="sku", as_of=then), before)
    figures = {row["group"]["sku"]: (row["units"], row["on_hand"]) for row in after["rows"]
               if row["group"]["channel_kind"] == "retail"}  # fmt: skip
    assert figures == {"PHONE-BLK": (3, 62), "PHONE-WHT": (4, 0)}
    await no_law_is_broken(db, *STOCK_LAWS)


@pytest.mark.usefixtures("shop")
async def test_what_is_sold_is_not_there_to_sell_before_it_leaves_nor_after(
    clock: SetClock, analyst: Api, web: Api, operator: Api
) -> None:
    """All six white phones are ordered; then they leave, and nothing is sold more for that, nor less left."""
    white: Json = {"of": "sku:PHONE-WHT", "by": "sku", "per": "channel", "channel": "web-de"}
    then, day = clock.now().isoformat(), clock.now().date().isoformat()
    clock.advance(timedelta(hours=1))
    order_id = await ordered(web, "PHONE-WHT", 6)
    waiting = await asked(analyst, "sell-through", **white)
    clock.advance(timedelta(days=1))
    shipped = await operator.post(f"/v1/orders/{order_id}/ship", {"location": "wh-de"})
    assert shipped.status_code == 200, shipped.text

    figures = ("units", "drawn", "on_hand", "available", "sell_through", "days_of_cover")
    key = ("phone", "PHONE-WHT", "web-de")
    assert picked(waiting, *figures) == [(*key, 6, 6, 6, 0, "1.000000", "0.000000")]
    assert picked(await asked(analyst, "sell-through", **white), *figures) == [
        (*key, 6, 6, 0, 0, "1.000000", "0.000000")
    ]
    assert picked(await asked(analyst, "sell-through", as_of=then, **white), *figures) == [
        (*key, 0, 0, 6, 6, "0.000000", None)
    ]
    assert picked(await asked(analyst, "sell-through", as_of=day, **white), *figures) == picked(waiting, *figures)


@pytest.mark.usefixtures("shop")
async def test_a_past_period_has_the_stock_of_its_end(db: Database, clock: SetClock, analyst: Api, till: Api) -> None:
    """What comes in January is nothing that November left. A period that is not over ends at the as-of."""
    november = {"from": "2026-11-01", "to": "2026-11-30"}
    await sold(till, "PHONE-BLK", 5)
    in_november = await asked(analyst, "sell-through", of="sku:PHONE-BLK", by="sku", per="all", store="berlin",
                              **november)  # fmt: skip
    clock.advance(timedelta(days=70))
    await put_stock(db, "PHONE-BLK", "berlin", 995)

    answer = await asked(analyst, "sell-through", of="sku:PHONE-BLK", by="sku", per="all", store="berlin", **november)
    today = await asked(analyst, "sell-through", of="sku:PHONE-BLK", by="sku", per="all", store="berlin")

    assert in_november["definition"]["stock_as_of"] == in_november["as_of"]
    assert answer["definition"]["stock_as_of"] == "2026-11-30"
    assert [picked(one, "units", "available", "sell_through") for one in (in_november, answer, today)] == [
        [("phone", "PHONE-BLK", 5, 5, "0.500000")],
        [("phone", "PHONE-BLK", 5, 5, "0.500000")],
        [("phone", "PHONE-BLK", 0, 1000, "0.000000")],
    ]


async def test_days_are_those_of_the_markets_that_are_meant(db: Database, clock: SetClock, analyst: Api) -> None:
    """Half past midnight in Germany, where 2 November is over; in America it goes on."""
    await open_shop(db)
    clock.advance(timedelta(hours=11, minutes=30))

    told = {market: (await asked(analyst, "sell-through", market=market))["definition"] for market in ("us", "de")}
    second = {"from": "2026-11-02", "to": "2026-11-02"}
    ends = [
        (await asked(analyst, "sell-through", market=market, **second))["definition"]["stock_as_of"]
        for market in ("us", "de")
    ]

    assert {market: (one["period"]["to"], one["numbers"]["days"]) for market, one in told.items()} == {
        "us": ("2026-11-02", 28), "de": ("2026-11-03", 28),
    }  # fmt: skip
    assert ends == ["2026-11-02T23:30:00Z", "2026-11-02"]


@pytest.mark.usefixtures("shop")
async def test_what_is_collected_is_sold_online_and_drawn_from_the_store(analyst: Api, web: Api, till: Api) -> None:
    """Four of Berlin's ten are ordered to be collected there, two sold at its till; Munich has five more."""
    await ordered(web, "PHONE-BLK", 4, fulfilment="collect", collect_at="berlin")
    await sold(till, "PHONE-BLK", 2)
    asked_of = {"of": "sku:PHONE-BLK", "by": "sku", "market": "de"}

    channels = await asked(analyst, "sell-through", per="channel", **asked_of)
    berlin = await asked(analyst, "sell-through", per="channel", store="berlin", **asked_of)
    retail = await asked(analyst, "sell-through", per="all", channel_kind="retail", **asked_of)

    figures = ("units", "share_of_demand", "drawn", "available", "sell_through", "days_of_cover")
    assert picked(channels, *figures) == [
        ("phone", "PHONE-BLK", "web-de", 4, "1.000000", 0, 20, "0.000000", None),
        ("phone", "PHONE-BLK", "retail-de", 2, "1.000000", 6, 9, "0.400000", "42.000000"),
    ]
    assert picked(berlin, *figures) == [
        ("phone", "PHONE-BLK", "retail-de", 2, "1.000000", 6, 4, "0.600000", "18.666667"),
    ]
    assert picked(retail, *figures) == [("phone", "PHONE-BLK", 2, "1.000000", 6, 9, "0.400000", "42.000000")]


@pytest.mark.usefixtures("shop")
async def test_a_stores_sales_are_those_made_in_it_whatever_is_collected_there(
    analyst: Api, web: Api, till: Api
) -> None:
    """Ida orders four phones online and collects them in Berlin: it has to hand them over, and has sold her nothing."""
    ida = {"email": "ida@example.test"}
    await ordered(web, "PHONE-BLK", 4, fulfilment="collect", collect_at="berlin", buyer=ida)
    await sold(till, "PHONE-BLK", 2)
    berlin = {"store": "berlin", "per": "all"}

    tail = (await asked(analyst, "sku-tail", of=PHONE_BLK, store="berlin"))["rows"]
    goods = [
        picked(await asked(analyst, "returns", by="sku", **berlin), "sold"),
        [(row["units"], row["orders"]) for row in tail],
        picked(await asked(analyst, "sell-through", of=PHONE_BLK, **berlin), "units", "drawn"),
    ]
    people = [
        await asked(analyst, "repeat-purchase", **berlin),
        await asked(analyst, "customer-revenue", anchor="category:phones", attach="category:cases", **berlin),
    ]
    rate = await asked(
        analyst, "attach-rate", anchor="category:phones", attach="category:cases", basis="units", store="berlin"
    )

    assert goods == [[("phone", "PHONE-BLK", 2)], [(2, 1)], [("phone", 2, 6)]]
    assert [one["rows"] for one in people] == [[], []]
    assert rate["total"]["denominator"] == 2
    for answer in (*people, rate):
        assert "A sale's store is the one in which it was sold" in " ".join(answer["definition"]["rules"])


async def test_before_any_stock_was_written_down_nobody_knows_how_much_there_was(
    db: Database, analyst: Api, tmp_path: Path
) -> None:
    """An imported stock is known since its import, today at noon: nobody knows what there was when March ended."""
    await bring(db, tmp_path / "past", past())

    then = await asked(analyst, "sell-through", by="product", as_of=JUNE, **FIRST_QUARTER)
    today = await asked(analyst, "sell-through", by="product", of="category:phones", **{"from": "2026-01-01"})
    quarter = await asked(analyst, "sell-through", by="product", **FIRST_QUARTER)

    figures = ("units", "on_hand", "sell_through", "days_of_cover")
    assert picked(then, *figures) == [
        ("case", "online", 4, None, None, None),
        ("phone", "online", 4, None, None, None),
        ("case", "retail", 1, None, None, None),
        ("phone", "retail", 1, None, None, None),
    ]
    assert picked(quarter, *figures) == picked(then, *figures)
    assert picked(today, *figures) == [
        ("phone", "online", 5, 12, "0.294118", "734.400000"),
        ("phone", "retail", 1, None, None, None),
    ]


async def test_several_options_make_a_configuration(db: Database, analyst: Api, tmp_path: Path) -> None:
    await bring(db, tmp_path / "past", past())

    answer = await asked(analyst, "sell-through", by="option:colour,option:memory", per="all", **FIRST_QUARTER)

    assert picked(answer, "units", "demand") == [("case", None, None, 5, 5), ("phone", "black", "256", 5, 5)]


# Returns


async def test_what_came_back_is_a_share_of_what_left(db: Database, analyst: Api, tmp_path: Path) -> None:
    """A phone sold online came back to a store on the 14th day, a case to its own after nine days and an hour."""
    await bring(db, tmp_path / "past", past())

    answer = await asked(analyst, "returns", by="product", market="de")

    rows = {(row["group"]["product"], row["group"]["channel_kind"]): row for row in answer["rows"]}
    assert rows["phone", "online"] == {
        "group": {"product": "phone", "channel_kind": "online"}, "sold": 5, "returned": 1, "share": "0.200000",
        "interval": {"low": "0.036224", "high": "0.624465"}, "small_sample": True, "cancelled": 1,
        "came_back": {"same_channel": 0, "same_kind": 0, "other_kind": 1, "unsaid": 0}, "median_days": 14,
        "revenue_sold": {"amount": 30000, "currency": "EUR"}, "revenue_returned": {"amount": 3333, "currency": "EUR"},
    }  # fmt: skip
    case = rows["case", "retail"]
    assert (case["sold"], case["returned"], case["median_days"]) == (2, 1, 10)
    assert case["came_back"] == {"same_channel": 1, "same_kind": 0, "other_kind": 0, "unsaid": 0}
    assert case["revenue_returned"] == {"amount": 1000, "currency": "EUR"}
    assert [picked(answer, "returned")[n][:2] for n in (0, 1)] == [("phone", "online"), ("case", "retail")]


async def test_a_return_counts_from_when_it_was_known(db: Database, analyst: Api, tmp_path: Path) -> None:
    await bring(db, tmp_path / "past", past())

    known = [
        picked(await asked(analyst, "returns", by="all", per="all", as_of=day), "sold", "returned", "median_days")
        for day in ("2026-02-02", "2026-02-03", "2026-02-28")
    ]

    assert known == [[(5, 0, None)], [(5, 1, 14)], [(12, 2, 10)]]


async def test_revenue_in_several_currencies_is_told_for_none(db: Database, analyst: Api, tmp_path: Path) -> None:
    await bring(db, tmp_path / "past", past())

    both = await asked(analyst, "returns", by="product", per="all")
    each = await asked(analyst, "returns", by="product", per="market")

    assert [row["revenue_sold"] for row in both["rows"]] == [None, None]
    assert [(row["group"]["market"], row["revenue_sold"]["currency"]) for row in each["rows"]] == [
        ("de", "EUR"), ("de", "EUR"), ("us", "USD"), ("us", "USD"),
    ]  # fmt: skip


# What becomes known later


async def test_a_sale_that_becomes_known_later_changes_no_tail_that_was_believed(
    db: Database, clock: SetClock, analyst: Api, tmp_path: Path
) -> None:
    await bring(db, tmp_path / "past", past())
    questions: list[tuple[str, Json]] = [
        ("sku-tail", {"as_of": "2026-02-28", "days": 60}),
        ("returns", {"as_of": JUNE, "by": "sku"}),
        ("sell-through", {"as_of": JUNE, "by": "sku", **FIRST_QUARTER}),
    ]
    before = [await asked(analyst, report, **params) for report, params in questions]
    clock.advance(timedelta(days=1))
    await bring(db, tmp_path / "more", later("B-9", "web-de", "bob", "2026-02-01T12:00:00+01:00", PHONE))

    for answer, (report, params) in zip(before, questions, strict=True):
        believed = await asked(analyst, report, believed_at=NOON.isoformat(), **params)
        assert_same(believed, answer)
        assert (await asked(analyst, report, **params))["rows"] != answer["rows"]
