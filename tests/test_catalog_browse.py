"""Browse and search: by channel and instant, words, category with all below, attributes; in pages, in one statement."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from catalog.browse import BrowseFilter, browse
from catalog.errors import NotCertified, NotListed
from catalog.on_sale import on_sale, why_not_sold
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.refusals import UnknownReference
from tests.conftest import NOON, Api, Callers, Json, problem
from tests.statements import statements

_WORLD = """
    INSERT INTO markets VALUES ('de', 'EUR', '{DE}', true, 'Europe/Berlin');
    INSERT INTO channels VALUES ('web', 'online', 'de', 'Web'), ('shop', 'retail', 'de', 'Shop');
    INSERT INTO categories VALUES
        ('things', NULL, 'Things'), ('cases', 'things', 'Cases'), ('leather', 'cases', 'Leather'),
        ('phones', NULL, 'Phones');
    INSERT INTO products (code, title) VALUES ('case', 'Case'), ('plover', 'Plover'), ('tern', 'Tern 3');
    UPDATE products SET description = 'Waterproof, with two cameras' WHERE code = 'tern';
    INSERT INTO variants (sku, product, name, category, brand, tax_class, attributes, status) VALUES
        ('CASE-LEA', 'case', 'Leather case for Tern 3', 'leather', NULL, 'standard', '{"color": "Brown"}', 'active'),
        ('CASE-OLD', 'case', 'Old case', 'cases', NULL, 'standard', NULL, 'retired'),
        ('PLOVER-1', 'plover', 'Plover', 'phones', 'O''Neil', 'standard', NULL, 'draft'),
        ('TERN-BLK', 'tern', 'Tern 3 Black', 'phones', 'Skerrin', 'standard',
         '{"color": "Black", "memory": 128, "size": 6.1, "esim": true}', 'active'),
        ('TERN-BLU', 'tern', 'Tern 3 Blue', 'phones', 'Skerrin', 'standard',
         '{"color": "Blue", "memory": "256"}', 'active');
    INSERT INTO listings VALUES
        ('web', 'CASE-LEA', '2026-01-01Z', NULL, '2026-01-01Z'),
        ('web', 'CASE-OLD', '2026-01-01Z', NULL, '2026-01-01Z'),
        ('web', 'PLOVER-1', '2026-01-01Z', NULL, '2026-01-01Z'),
        ('web', 'TERN-BLK', '2026-11-02 12:00Z', NULL, '2026-12-01Z'),
        ('web', 'TERN-BLU', '2026-01-01Z', '2026-11-02 12:00Z', NULL)
"""


@pytest.fixture
async def world(db: Database) -> Database:
    """A few products in every condition."""
    async with db.transaction() as tx:
        for statement in _WORLD.split(";\n"):
            await tx.execute(text(statement.replace(":", r"\:")))
    return db


async def found(db: Database, now: datetime = NOON, **wanted: Any) -> list[list[str]]:  # noqa: ANN401 - filters are of any kind
    """The skus of each product found; exactly one statement is sent for them."""
    with statements(db) as sent:
        async with db.read() as tx:
            products = await browse(tx, BrowseFilter(**wanted), now)
    assert len(sent) == 1
    return [[variant.sku for variant in product.variants] for product in products]


FOUND: list[tuple[Json, list[list[str]]]] = [
    ({}, [["CASE-LEA", "CASE-OLD"], ["PLOVER-1"], ["TERN-BLK", "TERN-BLU"]]),
    ({"channel": "web"}, [["CASE-LEA"], ["TERN-BLK"]]),
    ({"channel": "shop"}, []),
    ({"channel": "nowhere"}, []),
    ({"status": "draft"}, [["PLOVER-1"]]),
    ({"q": "tern"}, [["CASE-LEA"], ["TERN-BLK", "TERN-BLU"]]),
    ({"q": "TER bl"}, [["TERN-BLK", "TERN-BLU"]]),
    ({"q": "tern -blue"}, [["CASE-LEA"], ["TERN-BLK"]]),
    ({"q": '"case for tern" or plover'}, [["CASE-LEA"], ["PLOVER-1"]]),
    ({"q": "o'n"}, [["PLOVER-1"]]),
    ({"q": "skerrin tern-blk"}, [["TERN-BLK"]]),
    ({"q": "' \\ :* & | !! <-> ("}, []),
    ({"q": "''"}, []),
    ({"category": "things"}, [["CASE-LEA", "CASE-OLD"]]),
    ({"category": "leather"}, [["CASE-LEA"]]),
    ({"q": "phones"}, [["PLOVER-1"], ["TERN-BLK", "TERN-BLU"]]),
    ({"q": "thing"}, [["CASE-LEA", "CASE-OLD"]]),
    ({"q": "waterproof"}, [["TERN-BLK", "TERN-BLU"]]),
    ({"q": '"two cameras" phone blue'}, [["TERN-BLU"]]),
    ({"q": "phone -waterproof"}, [["PLOVER-1"]]),
    ({"q": "-phone"}, [["CASE-LEA", "CASE-OLD"]]),
    ({"q": "things -leather"}, [["CASE-OLD"]]),
    ({"q": "plover or waterproof black"}, [["TERN-BLK"]]),
    ({"q": "phone nothing"}, []),
    ({"q": ""}, [["CASE-LEA", "CASE-OLD"], ["PLOVER-1"], ["TERN-BLK", "TERN-BLU"]]),
    ({"q": " \t"}, [["CASE-LEA", "CASE-OLD"], ["PLOVER-1"], ["TERN-BLK", "TERN-BLU"]]),
    ({"attributes": [("color", "Black")]}, [["TERN-BLK"]]),
    ({"attributes": [("color", "Black"), ("color", "Blue")]}, [["TERN-BLK", "TERN-BLU"]]),
    ({"attributes": [("color", "Black"), ("memory", "256")]}, []),
    ({"attributes": [("memory", "128")]}, [["TERN-BLK"]]),
    ({"attributes": [("memory", "256")]}, [["TERN-BLU"]]),
    ({"attributes": [("size", "6.1"), ("esim", "true")]}, [["TERN-BLK"]]),
    ({"attributes": [('co"lor', 'B"lack')]}, []),
    ({"channel": "web", "q": "ter", "category": "phones", "attributes": [("color", "Black")]}, [["TERN-BLK"]]),
    ({"limit": 1}, [["CASE-LEA", "CASE-OLD"], ["PLOVER-1"]]),
    ({"limit": 1, "after": "plover"}, [["TERN-BLK", "TERN-BLU"]]),
]


async def test_products_are_found(world: Database, subtests: pytest.Subtests) -> None:
    for wanted, skus in FOUND:
        with subtests.test(**wanted):
            assert await found(world, **wanted) == skus


async def test_a_listing_begins_and_ends_at_its_instants(world: Database) -> None:
    before = NOON - timedelta(microseconds=1)

    assert await found(world, before, channel="web", q="tern 3 bl") == [["TERN-BLU"]]
    assert await found(world, NOON, channel="web", q="tern 3 bl") == [["TERN-BLK"]]


async def test_a_found_variant_carries_its_listing(world: Database) -> None:
    async with world.read() as tx:
        [product] = await browse(tx, BrowseFilter(channel="web", q="tern black"), NOON)

    [variant] = product.variants
    assert (product.code, product.title, product.warranty_months) == ("tern", "Tern 3", 24)
    assert (variant.visible_from, variant.visible_to) == (NOON, None)
    assert variant.certified_from == datetime(2026, 12, 1, tzinfo=UTC)
    assert variant.attributes == {"color": "Black", "memory": 128, "size": 6.1, "esim": True}


@pytest.mark.usefixtures("world")
async def test_staff_page_through_what_they_search(callers: Callers) -> None:
    analyst = await callers(Role.ANALYST)

    first = (await analyst.get("/v1/catalog/products", limit=2)).json()
    last = (await analyst.get("/v1/catalog/products", limit=2, cursor=first["next_cursor"])).json()
    black = await analyst.get(
        "/v1/catalog/products", attribute=["color:Black", "memory:128"], channel="web", status="active"
    )
    same = await analyst.get("/v1/catalog/products", limit=2, headers={"If-None-Match": await tag(analyst)})

    assert [product["code"] for product in first["items"]] == ["case", "plover"]
    assert [product["code"] for product in last["items"]] == ["tern"]
    assert last["next_cursor"] is None
    assert [variant["sku"] for variant in black.json()["items"][0]["variants"]] == ["TERN-BLK"]
    assert (same.status_code, same.content) == (304, b"")


async def tag(caller: Api) -> str:
    """The tag of the first page of two."""
    return str((await caller.get("/v1/catalog/products", limit=2)).headers["etag"])


UNREADABLE: list[Json] = [
    {"attribute": "color"},
    {"attribute": ":Black"},
    {"attribute": "color:"},
    {"attribute": [f"a{n}:b" for n in range(11)]},
    {"status": "asleep"},
    {"limit": 201},
    {"limit": "many"},
    {"q": "x" * 201},
    {"q": "a\x00b"},
    {"cursor": "bm9wZQ"},
]


async def test_a_filter_that_cannot_be_read_is_refused(callers: Callers, subtests: pytest.Subtests) -> None:
    analyst = await callers(Role.ANALYST)

    for wanted in UNREADABLE:
        with subtests.test(**wanted):
            assert problem(await analyst.get("/v1/catalog/products", **wanted)) == (400, "invalid_input")


async def test_imported_attributes_of_any_size_do_not_spoil_a_page(world: Database, callers: Callers) -> None:
    absurd = '{"mass": 1e999, "atoms": 1000000000000000000000000000000, "size": 6.10}'
    async with world.transaction() as tx:
        await tx.execute(text("UPDATE variants SET attributes = :absurd WHERE sku = 'PLOVER-1'"), {"absurd": absurd})
    analyst = await callers(Role.ANALYST)

    page = await analyst.get("/v1/catalog/products", q="plover")
    one = await analyst.get("/v1/catalog/variants/PLOVER-1")

    expected = {"mass": "1e999", "atoms": 10**30, "size": 6.1}
    assert page.json()["items"][0]["variants"][0]["attributes"] == expected
    assert one.json()["attributes"] == expected


async def test_why_something_is_not_sold_now(world: Database) -> None:
    pairs = [("web", sku) for sku in ("CASE-LEA", "CASE-OLD", "PLOVER-1", "TERN-BLK", "TERN-BLU", "GHOST")]
    pairs += [("shop", "CASE-LEA"), ("nowhere", "CASE-LEA")]
    with statements(world) as sent:
        async with world.read() as tx:
            known = await on_sale(tx, pairs)

    assert len(sent) == 1
    assert known.keys() == set(pairs[:-1])
    leather = known["web", "CASE-LEA"]
    assert leather[2:11] == (
        "online", "de", "EUR", True, "Europe/Berlin", "Leather case for Tern 3", "active", "standard", False,
    )  # fmt: skip
    reasons = {sku: type(why_not_sold(one, "sku", NOON)) for (channel, sku), one in known.items() if channel == "web"}
    assert reasons == {
        "CASE-LEA": type(None),
        "CASE-OLD": NotListed,
        "PLOVER-1": NotListed,
        "TERN-BLK": NotCertified,
        "TERN-BLU": NotListed,
        "GHOST": UnknownReference,
    }
    assert isinstance(why_not_sold(known["shop", "CASE-LEA"], "sku", NOON), NotListed)
    black = known["web", "TERN-BLK"]
    assert why_not_sold(black, "sku", datetime(2026, 12, 1, tzinfo=UTC)) is None
    blue = known["web", "TERN-BLU"]
    assert isinstance(why_not_sold(blue, "sku", NOON - timedelta(seconds=1)), NotCertified)
