"""What an import takes can be read on every route, and what no route could show is not taken."""

from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

import catalog.schemas
import pricing.schemas
from commerce.exchange.export_folder import export_folder
from commerce.exchange.files import BY_NAME
from commerce.exchange.import_folder import import_folder
from commerce.exchange.kinds import JSON_LEVELS_MAX, is_shallow
from commerce.kernel.access import Role
from commerce.kernel.bodies import Body
from commerce.kernel.db import Database
from tests.conftest import Callers
from tests.exchange_folders import SHOP, Files, read_folder, write_folder
from tests.stories import order
from tests.test_exchange_cells import CODES, NASTY, disarmed

DEEP = '{"a": ' + "[" * (JSON_LEVELS_MAX - 1) + "]" * (JSON_LEVELS_MAX - 1) + "}"
MUCH = '{"whole": ' + "9" * 4_000 + ', "broken": 0.' + "3" * 4_000 + ', "e": -1e400}'
ODD: Files = {
    **NASTY,
    "products": [
        *NASTY["products"],
        ["deep", "deep", "n" * 1_000, "Z", "b" * 1_000, "", "zero", DEEP, "active"],
        ["a/b", "a/b", "Half and half", "Z", "", "", "zero", "", "active"],
        ["much", "much", "\x01\x7f\n", "Z", "\x02", "", "zero", MUCH, "draft"],
    ],
}
LISTS = (
    "/v1/markets",
    "/v1/channels",
    "/v1/locations",
    "/v1/categories",
    "/v1/catalog/products",
    "/v1/orders",
    "/v1/stock",
    "/v1/stock/movements",
    "/v1/products?channel=web-jp",
    "/v1/tax-rates?market=jp",
)


async def test_whatever_was_imported_can_be_read_on_every_route(db: Database, callers: Callers, tmp_path: Path) -> None:
    safe = {name: [row for row in given if row[0] != BY_NAME[name].key[0]] for name, given in disarmed(ODD).items()}
    await import_folder(db, write_folder(tmp_path, safe))
    office = await callers(Role.OPERATOR)
    key = {"Authorization": f"Bearer {office.key}"}
    named = [quote(code, safe="") for code in CODES]
    paths = [
        *LISTS,
        *(f"/v1/categories/{code}" for code in named),
        *(f"/v1/catalog/variants/{code}" for code in [*named, "deep", "much"]),
        *(f"/v1/catalog/products/{code}" for code in ("%3Dgroup", "deep", "much")),
        *(f"/v1/recommended-prices?market=jp&sku={code}" for code in named),
        *(f"/v1/recommended-prices/history?market=jp&sku={code}" for code in named),
    ]

    answers = {path: (await office.client.get(path, headers=key)).status_code for path in paths}

    assert {path: status for path, status in answers.items() if status != 200} == {}


async def test_a_code_with_a_slash_from_the_past_is_listed_sold_and_exported(
    db: Database, callers: Callers, tmp_path: Path
) -> None:
    past = {name: [[cell.replace("PHONE-1", "PHONE/1") for cell in row] for row in SHOP[name]] for name in SHOP}
    await import_folder(db, write_folder(tmp_path / "in", past))
    web = await callers(Role.STOREFRONT, channel="web-de")

    shelf = await web.get("/v1/products", channel="web-de", q="phone/1")
    ordered = await web.post("/v1/orders", order(("PHONE/1", 1), total=74900))
    await export_folder(db, tmp_path / "out")

    assert [variant["sku"] for variant in shelf.json()["items"][0]["variants"]] == ["PHONE/1"]
    assert (ordered.status_code, ordered.json()["lines"][0]["sku"]) == (201, "PHONE/1")
    assert "PHONE/1" in {row[0] for row in read_folder(tmp_path / "out")["products"]}


def test_answers_carry_no_limits() -> None:
    """What is stored is shown, even where no request could have brought it."""
    answers = [
        one
        for module in (catalog.schemas, pricing.schemas)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and not issubclass(one, Body)
    ]

    assert len(answers) > 10
    limited = {"pattern", "minLength", "maxLength", "minimum", "maximum", "maxItems"}
    ours = [one for one in answers if one.__module__ in {"catalog.schemas", "pricing.schemas"}]
    for one in ours:
        fields = msgspec.json.schema(one)["$defs"][one.__name__]["properties"]
        assert {name for name, field in fields.items() if limited & _words(field)} == set(), one.__name__


def _words(node: object) -> set[str]:
    if isinstance(node, dict):
        return set(node).union(*map(_words, node.values()))
    return set().union(*map(_words, node)) if isinstance(node, list) else set()


@pytest.mark.parametrize(
    ("cell", "shallow"),
    [
        (DEEP, True),
        ('{"a": ' + DEEP + "}", False),
        ('{"a": ' + DEEP + ', "a": 1}', False),
        ('{"' + "[" * 100 + '": "\\"' + "{" * 100 + '"}', True),
        ('{"' + "\\" * 5_001 + "[" * 100, True),
        ('{"a": 1}' * 100, True),
    ],
)
def test_levels_are_counted_outside_of_texts(cell: str, *, shallow: bool) -> None:
    assert is_shallow(cell) is shallow
