"""The shelf: what a storefront shows, with prices and availability, in three statements however long it is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, problem
from tests.shop import open_shop, put_stock


@pytest.fixture
async def web(db: Database, callers: Callers) -> Api:
    """The German web shop with three black phones in the warehouse and five in a store."""
    await open_shop(db)
    await put_stock(db, "PHONE-BLK", "wh-de", 3)
    await put_stock(db, "PHONE-BLK", "berlin", 5)
    return await callers(Role.STOREFRONT, channel="web-de")


async def test_the_shelf_shows_price_and_what_can_be_shipped(web: Api) -> None:
    answer = await web.get("/v1/products", channel="web-de", category="phones")

    assert answer.status_code == 200, answer.text
    [phone] = answer.json()["items"]
    black, white = phone["variants"]
    assert (phone["code"], black["sku"], white["sku"]) == ("phone", "PHONE-BLK", "PHONE-WHT")
    assert black["price"] == {"amount": 79900, "currency": "EUR"}
    assert (black["available"], white["available"]) == (3, 0)
    assert black["buyable"] is True


@pytest.mark.usefixtures("web")
async def test_a_store_counts_what_lies_in_stores(callers: Callers) -> None:
    till = await callers(Role.TERMINAL, channel="retail-de", location="berlin")

    answer = await till.get("/v1/products", channel="retail-de", q="phone black")

    assert [v["available"] for p in answer.json()["items"] for v in p["variants"]] == [5]


async def test_a_category_shows_all_that_is_below_it(web: Api) -> None:
    answer = await web.get("/v1/products", channel="web-de", category="accessories")

    assert [product["code"] for product in answer.json()["items"]] == ["case", "charger", "watch"]


async def test_pages_follow_each_other_without_gaps(web: Api) -> None:
    seen, cursor = [], None
    for _ in range(4):
        page = (
            await web.get("/v1/products", channel="web-de", limit=1, **({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [product["code"] for product in page["items"]]
        cursor = page["next_cursor"]

    assert (seen, cursor) == (["case", "charger", "phone", "watch"], None)


async def test_an_unchanged_shelf_is_not_sent_again(web: Api, db: Database) -> None:
    first = await web.get("/v1/products", channel="web-de")
    again = await web.get("/v1/products", channel="web-de", headers={"If-None-Match": first.headers["etag"]})
    await put_stock(db, "CASE-BLK", "wh-de", 1)
    changed = await web.get("/v1/products", channel="web-de", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert changed.status_code == 200


async def test_what_is_not_certified_yet_is_shown_but_not_buyable(web: Api, db: Database, clock: SetClock) -> None:
    soon = clock.now() + timedelta(hours=1)
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE listings SET certified_from = :soon WHERE sku = 'WATCH'"), {"soon": soon})

    before = (await web.get("/v1/products", channel="web-de", q="watch")).json()["items"][0]["variants"][0]
    clock.set(soon)
    after = (await web.get("/v1/products", channel="web-de", q="watch")).json()["items"][0]["variants"][0]

    assert (before["buyable"], after["buyable"]) == (False, True)


async def test_a_key_sees_its_own_shelf_only(web: Api) -> None:
    assert problem(await web.get("/v1/products", channel="web-us")) == (403, "wrong_channel")


async def test_one_product_is_shown_as_on_the_shelf(web: Api, db: Database) -> None:
    shelf = (await web.get("/v1/products", channel="web-de", category="phones")).json()["items"]

    one = await web.get("/v1/products/phone", channel="web-de")
    same = await web.get("/v1/products/phone", channel="web-de", headers={"If-None-Match": one.headers["etag"]})
    await put_stock(db, "PHONE-WHT", "wh-de", 1)
    changed = await web.get("/v1/products/phone", channel="web-de", headers={"If-None-Match": one.headers["etag"]})

    assert (one.status_code, [one.json()]) == (200, shelf)
    assert (same.status_code, same.content) == (304, b"")
    assert [variant["available"] for variant in changed.json()["variants"]] == [3, 1]


async def test_a_product_that_the_channel_does_not_show_is_not_found(web: Api) -> None:
    assert problem(await web.get("/v1/products/draft", channel="web-de")) == (404, "not_found")
    assert problem(await web.get("/v1/products/nothing", channel="web-de")) == (404, "not_found")
    assert problem(await web.get("/v1/products/phone", channel="web-us")) == (403, "wrong_channel")
    assert problem(await web.get("/v1/products/phone")) == (400, "invalid_input")


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("path", ["/v1/products", "/v1/products/phone", "/v1/catalog/products"])
async def test_the_shelf_of_a_channel_that_does_not_exist_is_refused(callers: Callers, path: str) -> None:
    analyst = await callers(Role.ANALYST)

    answer = await analyst.get(path, channel="nope")

    assert problem(answer) == (422, "unknown_reference")
    assert answer.json()["facts"] == {"field": "channel", "value": "nope"}


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize("path", ["/v1/products", "/v1/catalog/products"])
async def test_a_category_that_does_not_exist_is_refused(callers: Callers, path: str) -> None:
    analyst = await callers(Role.ANALYST)

    answer = await analyst.get(path, channel="web-de", category="nope")

    assert problem(answer) == (422, "unknown_reference")
    assert answer.json()["facts"] == {"field": "category", "value": "nope"}


async def test_a_misspelt_filter_is_refused(web: Api) -> None:
    answer = await web.get("/v1/products", channel="web-de", categry="phones")

    assert problem(answer) == (400, "invalid_input")
    assert answer.json()["errors"][0]["field"] == "categry"


@pytest.mark.parametrize("products", [1, 50])
async def test_fifty_products_take_as_many_statements_as_one(web: Api, db: Database, products: int) -> None:
    async with db.transaction() as tx:
        for statement in MANY:
            await tx.execute(text(statement))
    await web.get("/v1/products", channel="web-de", limit=1)  # the key is looked up once and then known
    statements: list[str] = []

    def note(*facts: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own shape
        statements.append(facts[2])

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    answer = await web.get("/v1/products", channel="web-de", limit=products)
    event.remove(db.engine.sync_engine, "before_cursor_execute", note)

    assert len(answer.json()["items"]) == products
    assert len(statements) == 3, statements


MANY = (
    "INSERT INTO products (code, title) SELECT 'many-' || n, 'Many' FROM generate_series(1, 60) n",
    """INSERT INTO variants (sku, product, name, category, tax_class, status)
       SELECT 'MANY-' || n, 'many-' || n, 'Many', 'phones', 'standard', 'active' FROM generate_series(1, 60) n""",
    "INSERT INTO listings SELECT 'web-de', sku, '2026-01-01Z', NULL, '2026-01-01Z' FROM variants WHERE name = 'Many'",
    "INSERT INTO recommended_prices SELECT sku, 'de', '2026-01-01Z', NULL, 100 FROM variants WHERE name = 'Many'",
)
