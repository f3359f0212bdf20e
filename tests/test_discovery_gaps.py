"""Channel gaps over HTTP: what sells in one kind of channel and not in the other, counted by hand."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.attach_loading import load
from tests.attach_world import Variant
from tests.baskets import MORNING, Basket, past
from tests.conftest import Api, Callers, Json, problem
from tests.stories import plant

GAPS = "/v1/reports/channel-gaps"
ALL: Json = {"min_support": 1}
SOLD = [
    *[Basket("P1 C1")] * 6,
    *[Basket("P2")] * 4,
    *[Basket("W1", channel="retail-de")] * 3,
    *[Basket("P1 C1", channel="retail-de")] * 2,
    *[Basket("P1 P2", channel="retail-de")] * 3,
]
"""Ten orders online, eight in stores. Cases: six orders of ten, and two of eight. Watches: none of ten, three of eight.

Black phones (P1): six of ten, five of eight. White ones (P2): four of ten, three of eight.
"""
_LISTED = """
    INSERT INTO listings (channel, sku, visible_from, visible_to, certified_from) VALUES
        ('online-de', 'P1', '2026-01-01Z', NULL, '2026-01-01Z'),
        ('retail-us', 'P1', '2026-01-01Z', NULL, '2026-01-01Z'),
        ('online-de', 'C1', '2026-01-01Z', '2026-06-01Z', '2026-01-01Z'),
        ('retail-de', 'C1', '2026-01-01Z', NULL, NULL),
        ('retail-de', 'W1', '2026-01-01Z', NULL, '2026-05-01Z')
"""


@pytest.fixture
async def analyst(callers: Callers) -> Api:
    """Somebody who may look at figures."""
    return await callers(Role.ANALYST)


async def found(analyst: Api, **asked: object) -> Json:
    """The answer to a question about gaps; whatever was sold once is in it."""
    answer = await analyst.get(GAPS, **{**ALL, **asked})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def orders(answer: Json) -> dict[str, tuple[int, int]]:
    """Orders online and in stores, by thing."""
    return {row["thing"]: (row["online"]["orders"], row["retail"]["orders"]) for row in answer["rows"]}


async def test_a_thing_is_compared_with_all_that_was_sold_beside_it(db: Database, analyst: Api) -> None:
    await load(db, past(SOLD))

    answer = await found(analyst)

    assert (answer["online"], answer["retail"]) == ({"units": 16, "orders": 10}, {"units": 13, "orders": 8})
    assert (answer["tests"], answer["found"], answer["gaps"]) == (4, 4, 0)
    assert answer["rows"] == [
        {
            "thing": "W1",
            "online": {"units": 0, "orders": 0, "unit_share": "0.000000", "order_share": "0.000000"},
            "retail": {"units": 3, "orders": 3, "unit_share": "0.230769", "order_share": "0.375000"},
            "unit_ratio": "0.000000",
            "order_ratio": "0.000000",
            "adjusted_ratio": "0.000000",
            "p": "1.76e-01",
            "q": "7.02e-01",
            "sells_in": "retail",
            "listed_in": [],
            "gap": False,
        },
        {
            "thing": "C1",
            "online": {"units": 6, "orders": 6, "unit_share": "0.375000", "order_share": "0.600000"},
            "retail": {"units": 2, "orders": 2, "unit_share": "0.153846", "order_share": "0.250000"},
            "unit_ratio": "2.437500",
            "order_ratio": "2.400000",
            "adjusted_ratio": "2.400000",
            "p": "4.60e-01",
            "q": "9.19e-01",
            "sells_in": None,
            "listed_in": [],
            "gap": False,
        },
        *answer["rows"][2:],
    ]
    assert orders(answer) == {"W1": (0, 3), "C1": (6, 2), "P2": (4, 3), "P1": (6, 5)}


async def test_a_gap_is_sure_and_large(db: Database, analyst: Api) -> None:
    await load(db, past([basket for basket in SOLD for _ in range(5)]))

    large, larger = await found(analyst, min_ratio="2.4"), await found(analyst, min_ratio="2.400001")

    assert [(row["thing"], row["gap"]) for row in large["rows"]] == [
        ("W1", True),
        ("C1", True),
        ("P2", False),
        ("P1", False),
    ]
    assert [row["thing"] for row in larger["rows"] if row["gap"]] == ["W1"]
    assert (large["gaps"], larger["gaps"]) == (2, 1)
    # Four are tested, and what is too even has found nothing, however sure that it is not even.
    assert [row["p"] for row in large["rows"][:2]] == [row["p"] for row in larger["rows"][:2]]
    assert [row["q"] for row in large["rows"]] == ["4.17e-05", "3.59e-02", "1.00e+00", "1.00e+00"]
    assert [row["q"] for row in larger["rows"]] == ["4.17e-05", "1.00e+00", "1.00e+00", "1.00e+00"]
    assert [row["thing"] for row in (await found(analyst, sort="orders"))["rows"]] == ["P1", "C1", "P2", "W1"]
    assert [row["thing"] for row in (await found(analyst, min_support=36))["rows"]] == ["C1", "P1"]


async def test_what_is_sold_once_more_counts_in_units_and_not_in_orders(db: Database, analyst: Api) -> None:
    await load(db, past([Basket("W1 W1 W1 C1"), Basket("W1 C1", channel="retail-de", back="W1")]))

    answer = await found(analyst)
    then = await found(analyst, as_of=(MORNING + timedelta(hours=1)).isoformat())

    sold = {row["thing"]: (row["online"]["units"], row["retail"]["units"]) for row in answer["rows"]}
    assert sold == {"W1": (3, 0), "C1": (1, 1)}
    assert orders(answer) == {"W1": (1, 0), "C1": (1, 1)}
    assert orders(then) == {"W1": (1, 1), "C1": (1, 1)}
    assert {row["thing"]: row["unit_ratio"] for row in answer["rows"]} == {"W1": None, "C1": "0.250000"}


async def test_a_set_and_a_level_choose_what_is_compared_and_not_with_what(db: Database, analyst: Api) -> None:
    await load(db, past(SOLD))

    accessories = await found(analyst, of="category:accessories", level="category")
    tops = await found(analyst, level="top_category")

    assert orders(accessories) == {"accessories": (0, 3), "cases": (6, 2)}
    assert accessories["online"] == {"units": 16, "orders": 10}
    assert accessories["definition"]["of"] == ["category:accessories"]
    assert orders(tops) == {"accessories": (6, 5), "phones": (10, 5)}


async def test_where_a_thing_can_be_bought_is_said_beside_where_it_sells(
    db: Database, analyst: Api, callers: Callers, clock: SetClock
) -> None:
    await load(db, past(SOLD))
    await plant(db, _LISTED)

    async def listed(**asked: object) -> dict[str, list[str]]:
        return {row["thing"]: row["listed_in"] for row in (await found(analyst, **asked))["rows"]}

    assert await listed() == {"W1": ["retail"], "C1": [], "P2": [], "P1": ["online", "retail"]}
    assert await listed(as_of="2026-04-29") == {"W1": [], "C1": ["online"], "P2": [], "P1": ["online", "retail"]}
    assert await listed(market="de") == {"W1": ["retail"], "C1": [], "P2": [], "P1": ["online"]}
    assert await listed(listed_in_both="true") == {"P1": ["online", "retail"]}
    assert (await found(analyst, listed_in_both="true"))["tests"] == 1
    clock.advance(timedelta(hours=1))
    retired = await (await callers(Role.MERCHANDISER)).post("/v1/catalog/products/phone/retire", {"skus": ["P1"]})
    assert retired.status_code == 200, retired.text
    assert await listed(listed_in_both="true") == {}
    assert await listed(listed_in_both="true", as_of="2026-11-01") == {"P1": ["online", "retail"]}


async def test_a_market_and_a_period_narrow_everything(db: Database, analyst: Api) -> None:
    there = [*[Basket("P1 C1", channel="retail-us")] * 2, *[Basket("P1 P2", channel="retail-us")] * 3]
    await load(db, past([*SOLD, *there, Basket("C2", day=3)]))

    germany = await found(analyst, market="de", **{"from": "2026-03-02", "to": "2026-03-02"})
    america = await found(analyst, market="us")

    assert (germany["online"]["orders"], germany["retail"]["orders"]) == (10, 8)
    assert germany["definition"]["filters"] == {"market": "de"}
    assert orders(germany) == orders(await found(analyst, market="de", to="2026-03-02"))
    assert orders(germany) == {"W1": (0, 3), "C1": (6, 2), "P2": (4, 3), "P1": (6, 5)}
    assert orders(america) == {"C1": (0, 2), "P1": (0, 5), "P2": (0, 3)}
    assert {
        (row["p"], row["gap"], row["online"]["order_share"], row["order_ratio"], row["adjusted_ratio"])
        for row in america["rows"]
    } == {("1.00e+00", False, None, None, None)}


async def test_a_market_that_sells_another_way_makes_no_gap(db: Database, analyst: Api) -> None:
    """In Germany nine orders of ten are online, in America one; each sells a phone and a case of its own alike."""
    shares = (("de", 9, 1, "P1 C1"), ("us", 1, 9, "P2 C2"))
    baskets = [
        Basket(skus, channel=f"{kind}-{market}")
        for market, online, retail, skus in shares
        for kind, number in (("online", online), ("retail", retail))
        for _ in range(20 * number)
    ]
    watches = [Basket("W1", channel=f"{kind}-de") for kind in ("online", "retail") for _ in range(20)]
    await load(db, past(baskets))
    alike = await found(analyst)
    await load(db, past([*baskets, *watches]))
    planted = await found(analyst)

    assert {(row["order_ratio"], row["adjusted_ratio"], row["p"], row["gap"]) for row in alike["rows"]} == {
        ("9.000000", "1.000000", "1.00e+00", False),
        ("0.111111", "1.000000", "1.00e+00", False),
    }
    # Of 240 German orders 200 are online: 20 * 40 / 240 of the watches are, as compared with 20 * 200 / 240 in stores.
    assert [(row["thing"], row["adjusted_ratio"]) for row in planted["rows"] if row["gap"]] == [("W1", "0.200000")]


async def test_skus_of_one_market_are_no_gaps_and_what_was_planted_is_found(db: Database, analyst: Api) -> None:
    """A hundred skus, fifty in each market, sold online and in stores as all else is there; but for one."""
    dice = Random(4)  # noqa: S311 - nothing here is secret
    skus = [f"S{number:02}" for number in range(100)]
    variants = [Variant(sku, f"product-{sku}", "phones") for sku in skus]
    baskets = [
        Basket(" ".join(dice.sample(own, 3)), channel=f"{'online' if dice.random() < online else 'retail'}-{market}")
        for market, online, own in (("de", 0.8, skus[:50]), ("us", 0.2, skus[50:]))
        for _ in range(2000)
    ]
    await load(db, past(baskets, variants))
    alike = await found(analyst)
    await load(db, past([*baskets, *[Basket("S60", channel="online-us")] * 60], variants))
    planted = await found(analyst)

    assert (alike["tests"], alike["gaps"]) == (100, 0)
    assert min(max(Decimal(row["order_ratio"]), 1 / Decimal(row["order_ratio"])) for row in alike["rows"]) > 2
    assert [row["thing"] for row in planted["rows"] if row["gap"]] == ["S60"]


async def test_pages_are_of_the_list_that_was_begun(db: Database, analyst: Api) -> None:
    await load(db, past(SOLD))
    whole = await found(analyst)

    pages = [await found(analyst, limit=3)]
    pages.append(await found(analyst, limit=3, cursor=pages[0]["next_cursor"]))

    assert [row for page in pages for row in page["rows"]] == whole["rows"]
    assert [len(page["rows"]) for page in pages] == [3, 1]
    assert (pages[1]["next_cursor"], pages[1]["as_of"]) == (None, pages[0]["as_of"])
    for other in ({"sort": "orders"}, {"level": "product"}, {"of": "category:phones"}, {"listed_in_both": "true"}):
        refused = await analyst.get(GAPS, **{**ALL, **other}, cursor=pages[0]["next_cursor"])
        assert problem(refused) == (400, "invalid_input")
        assert refused.json()["errors"][0]["field"] == "cursor"


async def test_an_answer_is_kept_while_nothing_is_written_and_the_catalog_says_the_same(
    db: Database, analyst: Api
) -> None:
    await load(db, past(SOLD))
    before = await found(analyst)
    await plant(db, "UPDATE variants SET product = 'phone' WHERE sku = 'C1'", "DELETE FROM report_sales")

    kept = await found(analyst)
    other = await found(analyst, level="product")

    assert kept == before
    assert other["rows"] == []


@pytest.mark.parametrize(
    ("asked", "status", "code", "field"),
    [
        ({"of": "category:lost"}, 422, "unknown_reference", "of"),
        ({"of": "phones"}, 400, "invalid_input", "of"),
        ({"of": "category:home"}, 400, "invalid_input", "of"),
        ({"min_ratio": "0.5"}, 400, "invalid_input", "min_ratio"),
        ({"channel_kind": "online"}, 400, "invalid_input", "channel_kind"),
        ({"market": "mars"}, 422, "unknown_reference", "market"),
        ({"sort": "lift"}, 400, "invalid_input", "sort"),
        ({"as_of": "2027-01-01"}, 400, "invalid_input", "as_of"),
    ],
)
async def test_what_does_not_go_together_is_refused_by_name(
    db: Database, analyst: Api, asked: Json, status: int, code: str, field: str
) -> None:
    await load(db, past(SOLD))
    await plant(db, "INSERT INTO categories (code, name) VALUES ('home', 'Home')")

    answer = await analyst.get(GAPS, **asked)

    assert problem(answer) == (status, code)
    assert answer.json()["errors"][0]["field"] == field
