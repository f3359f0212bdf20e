"""Quotes: what a basket costs now, to the cent, in a market with tax included and in one where it is added."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from pricing.books.lead import LEASE
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.shop import reprice, republish, rows
from tests.statements import statements
from tests.stories import TRACES, every_law_holds, lines, open_lawful_shop, plant

NOTHING = [(0,) * 11 + (None,) * 3]


@pytest.fixture
async def web(db: Database, callers: Callers) -> AsyncIterator[Api]:
    """The German web shop. Nothing is on stock: a quote promises no goods, and leaves nothing behind."""
    await open_lawful_shop(db)
    yield await callers(Role.STOREFRONT, channel="web-de")
    assert await rows(db, TRACES) == NOTHING


def basket(*wanted: tuple[str, Any], channel: str = "web-de", **more: object) -> Json:
    """A basket's body."""
    return {"channel": channel, "lines": lines(*wanted), **more}


def line(number: int, sku: str, name: str, quantity: int, price: int, rate: int, tax: int) -> Json:
    """A priced line without discount, as it is answered."""
    return {
        "line": number,
        "sku": sku,
        "name": name,
        "quantity": quantity,
        "recommended_price": price,
        "unit_price": price,
        "discount_total": 0,
        "tax_rate_bp": rate,
        "tax_total": tax,
        "line_total": price * quantity,
        "serial_numbered": False,
        "discounts": [],
        "prior_price": None,
    }


async def test_where_prices_include_tax_the_tax_is_inside_each_line(web: Api, db: Database) -> None:
    answer = await web.post("/v1/quotes", basket(("PHONE-BLK", 2), ("CASE-BLK", 1), ("CHARGER", 1), ("CASE-BLK", 2)))

    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "channel": "web-de",
        "market": "de",
        "currency": "EUR",
        "prices_include_tax": True,
        "quoted_at": "2026-11-02T12:00:00Z",
        "lines": [
            line(1, "PHONE-BLK", "Phone black", 2, 79900, 1900, 25514),
            line(2, "CASE-BLK", "Case black", 1, 2900, 1900, 463),
            line(3, "CHARGER", "Charger", 1, 3900, 1900, 623),
            line(4, "CASE-BLK", "Case black", 2, 2900, 1900, 926),
        ],
        "subtotal": {"amount": 172400, "currency": "EUR"},
        "discount_total": {"amount": 0, "currency": "EUR"},
        "tax_total": {"amount": 27526, "currency": "EUR"},
        "total": {"amount": 172400, "currency": "EUR"},
        "book": 1,
        "promotions": [],
        "gifts": [],
        "shipping": None,
        "codes": [],
    }
    await every_law_holds(db)


async def test_where_prices_are_before_tax_it_comes_on_top(web: Api, callers: Callers) -> None:
    del web
    us = await callers(Role.STOREFRONT, channel="web-us")

    answer = await us.post("/v1/quotes", basket(("PHONE-BLK", 1), ("CASE-BLK", 3), channel="web-us"))

    quote = answer.json()
    assert answer.status_code == 200, answer.text
    assert quote["prices_include_tax"] is False
    assert quote["lines"] == [
        line(1, "PHONE-BLK", "Phone black", 1, 74900, 800, 5992),
        line(2, "CASE-BLK", "Case black", 3, 2500, 800, 600),
    ]
    assert quote["subtotal"] == {"amount": 82400, "currency": "USD"}
    assert quote["tax_total"] == {"amount": 6592, "currency": "USD"}
    assert quote["total"] == {"amount": 88992, "currency": "USD"}


async def test_a_till_quotes_in_its_own_channel_at_the_same_prices(web: Api, callers: Callers) -> None:
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")

    online = (await web.post("/v1/quotes", basket(("WATCH", 3)))).json()
    store = (await till.post("/v1/quotes", basket(("WATCH", 3), channel="retail-de"))).json()

    assert store["lines"] == online["lines"] == [line(1, "WATCH", "Watch", 3, 24900, 1900, 11927)]
    assert store["total"] == online["total"] == {"amount": 74700, "currency": "EUR"}


async def test_a_price_holds_from_its_instant_on(web: Api, db: Database, clock: SetClock) -> None:
    await reprice(db, "WATCH", 19900, at=NOON + timedelta(seconds=1))

    before = await web.post("/v1/quotes", basket(("WATCH", 1)))
    clock.advance(timedelta(seconds=1))
    after = await web.post("/v1/quotes", basket(("WATCH", 1)))

    assert before.json()["total"]["amount"] == 24900
    assert after.json()["total"]["amount"] == 19900
    assert after.json()["lines"][0]["tax_total"] == 3177


async def test_a_device_is_sold_from_the_instant_it_is_certified(web: Api, db: Database, clock: SetClock) -> None:
    await plant(db, "UPDATE listings SET certified_from = '2026-11-02 13:00Z' WHERE sku = 'WATCH'")

    early = await web.post("/v1/quotes", basket(("CASE-BLK", 1), ("WATCH", 1)))
    clock.advance(timedelta(hours=1))
    on_time = await web.post("/v1/quotes", basket(("CASE-BLK", 1), ("WATCH", 1)))

    assert problem(early) == (422, "not_certified")
    assert early.json()["errors"][0]["field"] == "lines[1].sku"
    assert early.json()["facts"]["certified_from"] == "2026-11-02T13:00:00Z"
    assert on_time.json()["total"]["amount"] == 27800


async def test_a_device_is_sold_while_it_is_visible(web: Api, db: Database, clock: SetClock) -> None:
    await plant(
        db,
        "UPDATE listings SET visible_from = '2026-11-02 12:30Z', visible_to = '2026-11-02 13:00Z' WHERE sku = 'WATCH'",
    )
    answers = []
    for _ in range(3):
        answers.append((await web.post("/v1/quotes", basket(("WATCH", 1)))).status_code)
        clock.advance(timedelta(minutes=30))

    assert answers == [422, 200, 422]


NO_LONGER_PRICED = """
    WITH over AS (UPDATE recommended_prices SET superseded_at = '2026-11-02 12:00Z' RETURNING *)
    INSERT INTO recommended_prices (sku, market, valid_from, valid_to, amount)
    SELECT sku, market, valid_from, '2026-11-02 12:00Z', amount FROM over
"""
NOT_SOLD = [
    ("unknown sku", "SELECT 1", "unknown_reference"),
    ("never certified", "UPDATE listings SET certified_from = NULL", "not_certified"),
    ("not listed in this channel", "DELETE FROM listings WHERE channel = 'web-de'", "not_listed"),
    ("not yet visible", "UPDATE listings SET visible_from = '2026-12-01Z'", "not_listed"),
    ("no longer visible", "UPDATE listings SET visible_to = '2026-11-02 12:00Z'", "not_listed"),
    ("retired", "UPDATE variants SET status = 'retired'", "not_listed"),
    ("a draft", "UPDATE variants SET status = 'draft'", "not_listed"),
    ("not priced", "UPDATE recommended_prices SET superseded_at = '2026-11-02 12:00Z'", "not_priced"),
    ("no longer priced", NO_LONGER_PRICED, "not_priced"),
    ("not taxed", "DELETE FROM tax_rates WHERE market = 'de'", "not_taxed"),
]


@pytest.mark.parametrize(("planted", "code"), [case[1:] for case in NOT_SOLD], ids=[case[0] for case in NOT_SOLD])
async def test_what_is_not_sold_is_not_quoted(web: Api, db: Database, planted: str, code: str) -> None:
    await plant(db, planted)
    await republish(db)

    answer = await web.post("/v1/quotes", basket(("NOPE" if code == "unknown_reference" else "WATCH", 1)))

    assert problem(answer) == (422, code)
    assert answer.json()["errors"][0]["field"] == "lines[0].sku"


async def test_shipping_without_a_rate_is_to_blame_itself(web: Api, db: Database) -> None:
    """It is taxed at the standard rate, whatever is shipped."""
    await plant(
        db,
        "UPDATE variants SET tax_class = 'reduced' WHERE sku = 'WATCH'",
        "DELETE FROM tax_rates WHERE market = 'de' AND tax_class = 'standard'",
    )
    await republish(db)

    answer = await web.post("/v1/quotes", basket(("WATCH", 1), shipping={"amount": 500, "currency": "EUR"}))

    assert problem(answer) == (422, "not_taxed")
    assert answer.json()["facts"] == {"field": "shipping", "tax_class": "standard", "market": "de"}


async def test_a_malformed_basket_is_refused_by_the_field(web: Api) -> None:
    cases: list[tuple[Json, str]] = [
        (basket(("WATCH", "1")), "lines[0].quantity"),
        (basket(("WATCH", 1.0)), "lines[0].quantity"),
        (basket(("WATCH", True)), "lines[0].quantity"),
        (basket(("WATCH", None)), "lines[0].quantity"),
        (basket(("WATCH", 0)), "lines[0].quantity"),
        (basket(("WATCH", -1)), "lines[0].quantity"),
        (basket(("WATCH", 10_001)), "lines[0].quantity"),
        (basket(("", 1)), "lines[0].sku"),
        (basket(("W\x00", 1)), "lines[0].sku"),
        (basket(("W" * 101, 1)), "lines[0].sku"),
        (basket(), "lines"),
        (basket(*[("WATCH", 1)] * 101), "lines"),
        (basket(("WATCH", 1), price=1), "price"),
        ({"channel": "web-de"}, "lines"),
        ({"lines": [{"sku": "WATCH", "quantity": 1}]}, "channel"),
    ]
    for body, field in cases:
        answer = await web.post("/v1/quotes", body)
        assert (*problem(answer), answer.json()["errors"][0]["field"]) == (400, "invalid_input", field), body


async def test_a_key_quotes_in_its_own_channel_only(web: Api, callers: Callers) -> None:
    unbound = await callers(Role.STOREFRONT)
    analyst = await callers(Role.ANALYST)

    other = await web.post("/v1/quotes", basket(("WATCH", 1), channel="web-us"))

    assert problem(other) == (403, "wrong_channel")
    assert other.json()["errors"][0]["field"] == "channel"
    assert problem(await unbound.post("/v1/quotes", basket(("WATCH", 1)))) == (403, "wrong_channel")
    assert problem(await analyst.post("/v1/quotes", basket(("WATCH", 1)))) == (403, "wrong_role")
    assert problem(await callers.nobody().post("/v1/quotes", basket(("WATCH", 1)))) == (401, "unauthenticated")


async def test_a_long_basket_takes_as_many_statements_as_a_short_one(web: Api, db: Database, clock: SetClock) -> None:
    await web.post("/v1/quotes", basket(("WATCH", 1)))
    clock.advance(LEASE)
    skus = ("PHONE-BLK", "PHONE-WHT", "CASE-BLK", "CHARGER", "WATCH")

    await web.post("/v1/quotes", basket(("WATCH", 9)))
    with statements(db) as short:
        await web.post("/v1/quotes", basket(("WATCH", 1)))
    with statements(db) as long:
        await web.post("/v1/quotes", basket(*[(sku, 1) for sku in skus * 20]))

    assert (len(short), len(long)) == (2, 2)
