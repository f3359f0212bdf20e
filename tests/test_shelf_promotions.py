"""The shelf under promotions: it shows what one unit costs whoever walks in, and announces no false reduction."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.rules import Prepared, UnitPrice, prepare, quote, unit_price
from pricing.rules.basket import Basket, BasketLine, Customer
from pricing.rules.book import Book, Price
from tests.books import LONG_AGO, NOON, STORES, WEB, basket, book, item, promotion
from tests.conftest import Api, Callers, Json
from tests.engine_strategies import SKUS, books, instants
from tests.promoting import Desk, open_desk, said
from tests.shop import put_stock
from tests.stories import every_law_holds, order

HALF: Json = {"kind": "percent", "share": 5000}
PROMOTIONS: list[Json] = [
    {"benefit": HALF, "conditions": {"items": {"categories": ["cases"]}}, "limits": {"total": 1}},
    {"benefit": HALF, "conditions": {"items": {"skus": ["WATCH"]}}, "limits": {"per_person": 1}},
    {"benefit": HALF, "conditions": {"items": {"skus": ["CHARGER"]}, "stores": ["berlin"]}},
    {"benefit": {"kind": "amount", "amount": 5000}, "conditions": {"items": {"skus": ["PHONE-BLK"]}}},
    {"benefit": HALF, "conditions": {"groups": ["staff"]}, "lane": 1},
    {"benefit": HALF, "conditions": {"first_purchase": True}, "lane": 2},
    {"benefit": HALF, "conditions": {"unique_codes": True}, "lane": 3},
    {"benefit": HALF, "codes": ["WELCOME"], "lane": 4},
    {"benefit": HALF, "conditions": {"quantity": 2}, "lane": 5},
]
"""What some have and others have not: by use, by person, by place, by who they are, by what they show or buy."""

Shown = dict[str, tuple[int, int | None]]
"""By sku: what one unit costs, and its prior price."""


@pytest.fixture
async def desk(db: Database, clock: SetClock, callers: Callers) -> Desk:
    """Two merchandisers, and something on stock."""
    made = await open_desk(db, clock, callers)
    await put_stock(db, "CASE-BLK", "wh-de", 10)
    return made


async def shelf(api: Api, channel: str) -> Shown:
    """What the shelf says of all that may be bought."""
    products = said(await api.get("/v1/products", channel=channel))["items"]
    found = [one for product in products for one in product["variants"] if one["buyable"]]
    return {
        one["sku"]: (
            (one["reduced_price"] or one["price"])["amount"],
            one["prior_price"] and one["prior_price"]["amount"],
        )
        for one in found
    }


async def quotes(api: Api, channel: str, skus: Shown) -> Shown:
    """What nobody in particular pays for one unit."""
    found: Shown = {}
    for sku in skus:
        one = said(await api.post("/v1/quotes", {"channel": channel, "lines": [{"sku": sku, "quantity": 1}]}))
        prior = one["lines"][0]["prior_price"]
        found[sku] = (one["total"]["amount"], prior and prior["amount"])
    return found


async def test_the_shelf_shows_what_one_unit_costs_whoever_walks_in(
    desk: Desk, clock: SetClock, callers: Callers, web: Api, till: Api
) -> None:
    munich = await callers(Role.TERMINAL, channel="retail-de", location="munich")
    for one in PROMOTIONS:
        await desk.scheduled(**one)
    clock.advance(timedelta(seconds=10))
    await desk.keep_time()

    before = await shelf(web, "web-de")
    said(await web.post("/v1/orders", order(("CASE-BLK", 1), total=1450)), 201)
    clock.advance(timedelta(seconds=3))  # A quote may be remembered for two.
    online, berlin, elsewhere = [
        await shelf(web, "web-de"), await shelf(till, "retail-de"), await shelf(munich, "retail-de")
    ]  # fmt: skip

    assert before["CASE-BLK"] == (1450, 2900)
    assert online["CASE-BLK"] == (2900, None), "its only use is gone"
    assert online["WATCH"] == (24900, None), "nobody in particular has no use of their own"
    assert online["PHONE-BLK"] == (74900, 79900)
    assert (berlin["CHARGER"], elsewhere["CHARGER"]) == ((1950, 3900), (3900, None))
    assert online == await quotes(web, "web-de", online)
    assert berlin == await quotes(till, "retail-de", berlin)
    assert elsewhere == await quotes(munich, "retail-de", elsewhere)
    await every_law_holds(desk.db)


def by_quote(of: Prepared, channel: str, sku: str, at: int, store: str | None, customer: Customer) -> UnitPrice:
    """The same, as a quote of a basket of one unit says it."""
    asked = Basket(channel=channel, store=store, lines=[BasketLine("one", sku, 1)], customer=customer)
    [line] = quote(of, asked, at).lines
    landed = tuple(one.promotion for one in line.discounts)
    return UnitPrice(line.recommended, line.price, line.total, line.prior, landed)


customers = st.builds(
    Customer,
    groups=st.sampled_from([[], ["staff"]]),
    first_purchase=st.booleans(),
    used_up=st.lists(st.sampled_from(["P0", "P1", "P2", "P3"]), unique=True),
    asks_who=st.sampled_from([[], ["P1"]]),
)


@settings(max_examples=300, deadline=None)
@given(books(), st.sampled_from([WEB, STORES]), st.sampled_from([None, "berlin"]), customers, instants)
def test_a_unit_costs_what_a_quote_of_one_says(
    of: Book, channel: str, store: str | None, customer: Customer, at: int
) -> None:
    prepared = prepare(of)

    for sku in SKUS:
        told = unit_price(prepared, channel, sku, at, store, customer)
        assert told == by_quote(prepared, channel, sku, at, store, customer)


@settings(max_examples=600, deadline=None)
@given(books(), st.sampled_from([WEB, STORES]), st.sampled_from([None, "berlin"]), customers, instants)
def test_a_prior_price_stands_only_beside_what_costs_less_than_before(
    of: Book, channel: str, store: str | None, customer: Customer, at: int
) -> None:
    """Whatever was reduced somewhere, and for whomever: who pays as much as before is told of no reduction."""
    prepared = prepare(of)

    for sku in SKUS:
        unit = by_quote(prepared, channel, sku, at, store, customer)
        assert unit.prior is None or unit.reduced < lowest(prepared, channel, sku, unit.prior.since - 1)


def lowest(of: Prepared, channel: str, sku: str, at: int) -> int:
    """The least that a unit cost anybody at an instant, in any store."""
    stores = [None] if channel == WEB else [None, "berlin"]
    return min(unit_price(of, channel, sku, at, store).reduced for store in stores)


def test_a_reduction_in_one_store_is_not_announced_in_another() -> None:
    in_berlin = promotion("berlin", HALF, starts=NOON, conditions={"stores": ["berlin"]})
    prepared = prepare(book([item("A", 1000), item("B", Price(LONG_AGO, NOON, 1000), Price(NOON, None, 900))],
                            [in_berlin]))  # fmt: skip

    def prior(sku: str, store: str | None) -> int | None:
        [line] = quote(prepared, basket((sku, 1), channel=STORES, store=store), NOON).lines
        return None if line.prior is None else line.prior.amount

    assert [prior(sku, store) for sku in "AB" for store in ("berlin", "munich")] == [1000, None, 1000, 1000]
