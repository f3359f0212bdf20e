"""Products and variants: created as drafts, edited, published, listed, retired, and refused by field."""

import asyncio

import pytest

from catalog.events import ProductPublished
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from tests.conftest import Api, Callers, Json, problem
from tests.shop import rows

BLACK = {
    "sku": "TERN-BLK",
    "name": "Tern 3 black",
    "category": "phones",
    "brand": "Skerrin",
    "gtin": "4006381333931",
    "tax_class": "standard",
    "attributes": {"color": "Black", "memory": 128, "esim": True},
    "serial_numbered": True,
}
TERN = {
    "code": "tern-3",
    "title": "Tern 3",
    "description": "A phone.",
    "warranty_months": 24,
    "warranty_terms": "Both ways by post.",
    "variants": [BLACK, {"sku": "TERN-WHT", "name": "Tern 3 white", "category": "phones"}],
}
WHITE_AS_STORED: Json = {
    "sku": "TERN-WHT",
    "name": "Tern 3 white",
    "category": "phones",
    "brand": None,
    "gtin": None,
    "tax_class": "standard",
    "attributes": None,
    "serial_numbered": False,
    "status": "draft",
    "listings": [],
}


async def test_a_product_begins_as_drafts(callers: Callers, db: Database) -> None:
    merchandiser = await with_categories(callers)

    created = await merchandiser.post("/v1/catalog/products", TERN)

    drafts = [{**BLACK, "status": "draft", "listings": []}, WHITE_AS_STORED]
    assert (created.status_code, created.json()) == (201, {**TERN, "variants": drafts})
    assert (await merchandiser.get("/v1/catalog/products/tern-3")).json() == created.json()
    assert (await merchandiser.get("/v1/catalog/variants/TERN-BLK")).json() == drafts[0]
    assert await rows(db, "SELECT sku FROM variants WHERE attributes IS NULL") == [("TERN-WHT",)]


async def test_it_is_edited_published_listed_and_retired(callers: Callers, db: Database) -> None:
    merchandiser = await with_product(callers)
    path = "/v1/catalog/products/tern-3"

    edited = await merchandiser.send("PATCH", path, {"title": "Tern III", "warranty_months": 36})
    variant = await merchandiser.send(
        "PATCH", "/v1/catalog/variants/TERN-BLK", {"gtin": None, "attributes": None, "tax_class": "reduced"}
    )
    listed = await merchandiser.send("PUT", "/v1/listings/web-de/TERN-BLK", {"visible_from": "2026-11-01T00:00:00Z"})
    certified = {"visible_from": "2026-11-01T01:00:00+01:00", "certified_from": "2026-11-20T00:00:00Z"}
    again = await merchandiser.send("PUT", "/v1/listings/web-de/TERN-BLK", certified)
    published = await merchandiser.post(f"{path}/publish")
    retired = await merchandiser.post(f"{path}/retire", {"skus": ["TERN-WHT"]})

    assert (edited.json()["title"], edited.json()["warranty_months"]) == ("Tern III", 36)
    assert [variant.json()[name] for name in ("gtin", "attributes", "tax_class", "brand")] == [
        None, None, "reduced", "Skerrin",
    ]  # fmt: skip
    assert listed.json()["certified_from"] is None
    assert again.status_code == 200
    assert [row["status"] for row in published.json()["variants"]] == ["active", "active"]
    assert published.json()["variants"][0]["listings"] == [
        {
            "channel": "web-de",
            "visible_from": "2026-11-01T00:00:00Z",
            "visible_to": None,
            "certified_from": "2026-11-20T00:00:00Z",
        }
    ]
    assert [row["status"] for row in retired.json()["variants"]] == ["active", "retired"]
    assert await rows(db, "SELECT topic, body FROM outbox_messages ORDER BY topic") == [
        ("product_published", {"product": "tern-3", "skus": ["TERN-BLK", "TERN-WHT"]}),
        ("product_retired", {"product": "tern-3", "skus": ["TERN-WHT"]}),
    ]


async def test_what_was_retired_stays_readable_and_comes_back_only_by_name(callers: Callers) -> None:
    merchandiser = await with_product(callers)
    path = "/v1/catalog/products/tern-3"
    await merchandiser.post(f"{path}/retire")

    unnamed = await merchandiser.post(f"{path}/publish")
    named = await merchandiser.post(f"{path}/publish", {"skus": ["TERN-BLK"]})
    twice = await merchandiser.post(f"{path}/publish", {"skus": ["TERN-BLK"]})

    assert problem(unnamed) == (409, "nothing_to_move")
    assert [row["status"] for row in named.json()["variants"]] == ["active", "retired"]
    assert problem(twice) == (409, "move_not_allowed")
    assert twice.json()["facts"]["state"] == "active"
    assert (await merchandiser.get("/v1/catalog/variants/TERN-WHT")).json()["status"] == "retired"


async def test_a_variant_is_added_later(callers: Callers) -> None:
    merchandiser = await with_product(callers)
    blue = {"sku": "TERN-BLU", "name": "Tern 3 blue", "category": "phones"}

    added = await merchandiser.post("/v1/catalog/products/tern-3/variants", blue)
    taken = await merchandiser.post("/v1/catalog/products/tern-3/variants", blue)
    nowhere = await merchandiser.post("/v1/catalog/products/tern-9/variants", {**blue, "sku": "X"})

    assert (added.status_code, added.json()["status"]) == (201, "draft")
    assert problem(taken) == (409, "already_exists")
    assert problem(nowhere) == (404, "not_found")


BAD_VARIANTS: list[tuple[Json, tuple[int, str], str | None]] = [
    ({"sku": "TERN/BLK"}, (400, "invalid_input"), "variants[0].sku"),
    ({"gtin": "4006381333932"}, (422, "invalid_gtin"), "variants[0].gtin"),
    ({"gtin": "400638133393"}, (422, "invalid_gtin"), "variants[0].gtin"),
    ({"gtin": "٤٠٠٦٣٨١٣٣٣٩٣١"}, (422, "invalid_gtin"), "variants[0].gtin"),
    ({"category": "toys"}, (422, "unknown_reference"), "variants[0].category"),
    ({"sku": "TERN-WHT"}, (409, "already_exists"), "variants[1].sku"),
    ({"sku": "TAKEN"}, (409, "already_exists"), "variants[0].sku"),
    ({"tax_class": "luxury"}, (400, "invalid_input"), "variants[0].tax_class"),
    ({"name": "x" * 201}, (400, "invalid_input"), "variants[0].name"),
    ({"name": ""}, (400, "invalid_input"), "variants[0].name"),
    ({"sku": "A\x00B"}, (400, "invalid_input"), "variants[0].sku"),
    ({"attributes": {"size:eu": 40}}, (400, "invalid_input"), None),
    ({"attributes": {"size": {"eu": 40}}}, (400, "invalid_input"), None),
    ({"attributes": {"size": 1.5}}, (400, "invalid_input"), None),
    ({"attributes": {"size": 10**30}}, (400, "invalid_input"), None),
    ({"colour": "black"}, (400, "invalid_input"), "variants[0].colour"),
]


async def test_a_bad_variant_refuses_the_whole_product(
    callers: Callers, db: Database, subtests: pytest.Subtests
) -> None:
    merchandiser = await with_categories(callers)
    other = {"code": "other", "title": "Other", "variants": [{"sku": "TAKEN", "name": "T", "category": "phones"}]}
    await merchandiser.post("/v1/catalog/products", other)

    for change, answer, field in BAD_VARIANTS:
        with subtests.test(change=change):
            variants = [{**BLACK, **change}, {"sku": "TERN-WHT", "name": "Tern 3 white", "category": "phones"}]
            refused = await merchandiser.post("/v1/catalog/products", {**TERN, "variants": variants})
            assert problem(refused) == answer
            assert field is None or refused.json()["errors"][0]["field"] == field

    assert await rows(db, "SELECT code FROM products") == [("other",)]
    assert await rows(db, "SELECT sku FROM variants") == [("TAKEN",)]


REFUSED: list[tuple[str, str, Json, tuple[int, str]]] = [
    ("POST", "/v1/catalog/products", {**TERN, "variants": []}, (400, "invalid_input")),
    ("POST", "/v1/catalog/products", TERN, (409, "already_exists")),
    ("PATCH", "/v1/catalog/products/tern-9", {"title": "X"}, (404, "not_found")),
    ("PATCH", "/v1/catalog/products/tern-9", {}, (404, "not_found")),
    ("PATCH", "/v1/catalog/products/tern-3", {"warranty_months": 241}, (400, "invalid_input")),
    ("PATCH", "/v1/catalog/products/tern-3", {"title": None}, (400, "invalid_input")),
    ("PATCH", "/v1/catalog/variants/TERN-BLK", {"gtin": "123"}, (422, "invalid_gtin")),
    ("PATCH", "/v1/catalog/variants/TERN-BLK", {"category": "toys"}, (422, "unknown_reference")),
    ("PATCH", "/v1/catalog/variants/TERN-BLK", {"sku": "X"}, (400, "invalid_input")),
    ("PATCH", "/v1/catalog/variants/TERN-XXX", {"name": "X"}, (404, "not_found")),
    ("POST", "/v1/catalog/products/tern-3/publish", {"skus": ["CASE"]}, (422, "not_in_product")),
    ("POST", "/v1/catalog/products/tern-3/publish", {"skus": []}, (400, "invalid_input")),
    ("POST", "/v1/catalog/products/tern-9/retire", {}, (404, "not_found")),
    ("PUT", "/v1/listings/web-fr/TERN-BLK", {"visible_from": "2026-11-01T00:00:00Z"}, (404, "not_found")),
    ("PUT", "/v1/listings/web-de/CASE", {"visible_from": "2026-11-01T00:00:00Z"}, (404, "not_found")),
    ("PUT", "/v1/listings/web-de/TERN-BLK", {"visible_from": "2026-11-01T00:00:00"}, (400, "invalid_input")),
    ("PUT", "/v1/listings/web-de/TERN-BLK", {"visible_from": "0001-01-01T00:00:00+23:59"}, (400, "invalid_input")),
    ("PUT", "/v1/listings/web-de/TERN-BLK", {"visible_from": "9999-12-31T23:59:59-23:59"}, (400, "invalid_input")),
    (
        "PUT",
        "/v1/listings/web-de/TERN-BLK",
        {"visible_from": "2026-11-01T00:00:00Z", "visible_to": "2026-11-01T01:00:00+01:00"},
        (400, "invalid_input"),
    ),
]


async def test_what_cannot_be_done_is_refused(callers: Callers, db: Database, subtests: pytest.Subtests) -> None:
    merchandiser = await with_product(callers)
    before = (await merchandiser.get("/v1/catalog/products/tern-3")).content

    for method, path, body, answer in REFUSED:
        with subtests.test(f"{method} {path}", body=body):
            refused = await (
                merchandiser.post(path, body) if method == "POST" else merchandiser.send(method, path, body)
            )
            assert problem(refused) == answer

    assert (await merchandiser.get("/v1/catalog/products/tern-3")).content == before
    assert await rows(db, "SELECT count(*) FROM products") == [(1,)]
    assert await rows(db, "SELECT count(*) FROM outbox_messages") == [(0,)]


async def test_two_people_publish_at_once_and_it_is_told_once(callers: Callers, db: Database) -> None:
    merchandiser = await with_product(callers)

    answers = await asyncio.gather(*(merchandiser.post("/v1/catalog/products/tern-3/publish") for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert await rows(db, "SELECT topic FROM outbox_messages") == [(ProductPublished.topic,)]


async def test_one_key_sent_twice_publishes_once_and_answers_twice(callers: Callers) -> None:
    merchandiser = await with_product(callers)

    first = await merchandiser.post("/v1/catalog/products/tern-3/publish", once="launch")
    again = await merchandiser.post("/v1/catalog/products/tern-3/publish", once="launch")

    assert (first.status_code, first.content) == (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize("noughts", ["", "0"])
async def test_a_gtin_is_one_variants_only_however_it_is_written(callers: Callers, db: Database, noughts: str) -> None:
    merchandiser = await with_product(callers)
    same = f"{noughts}{BLACK['gtin']}"
    blue = {"sku": "TERN-BLU", "name": "Tern 3 blue", "category": "phones", "gtin": same}
    twins = [{**blue, "gtin": "036000291452"}, {**blue, "sku": "TERN-RED", "gtin": f"{noughts}036000291452"}]

    refused = [
        await merchandiser.post("/v1/catalog/products/tern-3/variants", blue),
        await merchandiser.send("PATCH", "/v1/catalog/variants/TERN-WHT", {"gtin": same}),
        await merchandiser.post("/v1/catalog/products", {**TERN, "code": "tern-4", "variants": twins}),
        await merchandiser.post("/v1/catalog/products", {**TERN, "code": "tern-4", "variants": [blue]}),
    ]
    own = await merchandiser.send("PATCH", "/v1/catalog/variants/TERN-BLK", {"gtin": same})

    assert [problem(answer) for answer in refused] == [(409, "already_exists")] * 4
    fields = [answer.json()["errors"][0]["field"] for answer in refused]
    assert fields == ["gtin", "gtin", "variants[1].gtin", "variants[0].gtin"]
    assert own.status_code == 200
    assert await rows(db, "SELECT sku, gtin FROM variants ORDER BY sku") == [
        ("TERN-BLK", same),
        ("TERN-WHT", None),
    ]


async def test_of_two_variants_with_one_gtin_at_once_one_is_added(callers: Callers, db: Database) -> None:
    merchandiser = await with_product(callers)
    twins: list[Json] = [
        {"sku": f"TERN-{n}", "name": "Tern 3", "category": "phones", "gtin": "96385074"} for n in range(5)
    ]

    answers = await asyncio.gather(*(merchandiser.post("/v1/catalog/products/tern-3/variants", one) for one in twins))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert {problem(answer)[1] for answer in answers if answer.status_code == 409} == {"already_exists"}
    assert await rows(db, "SELECT count(*) FROM variants WHERE gtin = '96385074'") == [(1,)]


async def test_drafts_are_not_for_shoppers(callers: Callers) -> None:
    await with_product(callers)
    storefront = await callers(Role.STOREFRONT, channel="web-de")

    assert problem(await storefront.get("/v1/catalog/products")) == (403, "wrong_role")
    assert problem(await storefront.get("/v1/catalog/products/tern-3")) == (403, "wrong_role")


async def with_categories(callers: Callers) -> Api:
    """A merchandiser in a world with a category and a channel."""
    admin = await callers(Role.ADMIN)
    market = {"code": "de", "currency": "EUR", "countries": ["DE"], "prices_include_tax": True, "time_zone": "CET"}
    await admin.post("/v1/markets", market)
    await admin.post("/v1/channels", {"code": "web-de", "kind": "online", "market": "de", "name": "Web shop"})
    await admin.post("/v1/categories", {"code": "phones", "name": "Phones"})
    return await callers(Role.MERCHANDISER)


async def with_product(callers: Callers) -> Api:
    """A merchandiser in a world with one product of two drafts."""
    merchandiser = await with_categories(callers)
    assert (await merchandiser.post("/v1/catalog/products", TERN)).status_code == 201
    return merchandiser
