"""What a set holds, by sku, product, category, brand and attribute, at any instant of the catalog's past."""

import json
from copy import deepcopy
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from catalog.members import Member, members
from catalog.selectors import selector_of
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.refusals import InvalidInput, UnknownReference
from tests.conftest import NOON, Api, Callers, Json
from tests.shop import open_shop, rows
from tests.statements import statements

LONG_AGO = datetime.fromisoformat("1990-01-01T00:00:00Z")
LONG_AFTER = datetime.fromisoformat("2990-01-01T00:00:00Z")
ODD: Json = {"colour": "black", "memory": 128, "size": "6.10", "esim": True, "socket": None, 'co"l': "a=b", "kits": [1]}
"""As the office and an import may write attributes."""


def after(minutes: int) -> datetime:
    """So long after the story began."""
    return NOON + timedelta(minutes=minutes)


async def skus(db: Database, *selectors: str, at: datetime = NOON) -> list[str]:
    """The skus of a set at an instant; two statements are sent for them."""
    wanted = [selector_of("anchor", one) for one in selectors]
    with statements(db) as sent:
        async with db.read() as tx:
            found = await members(tx, wanted, at)
    assert len(sent) == 2
    return [member.sku for member in found]


async def edit(merchandiser: Api, place: str, body: Json) -> None:
    """Change a variant or a category."""
    assert (await merchandiser.send("PATCH", f"/v1/{place}", body)).status_code == 200


FOUND: list[tuple[list[str], list[str]]] = [
    (["sku:WATCH"], ["WATCH"]),
    (["product:phone"], ["PHONE-BLK", "PHONE-WHT"]),
    (["category:accessories"], ["CASE-BLK", "CHARGER", "WATCH"]),
    (["category:cases"], ["CASE-BLK"]),
    (["category:phones"], ["DRAFT-1", "PHONE-BLK", "PHONE-WHT"]),
    (["brand:Brand"], ["CASE-BLK", "CHARGER", "DRAFT-1", "PHONE-WHT", "WATCH"]),
    (["brand:O'Neil: & more"], ["PHONE-BLK"]),
    (["attribute:colour=black"], ["CASE-BLK", "PHONE-BLK"]),
    (["attribute:memory=128"], ["PHONE-BLK"]),
    (["attribute:memory=128.0"], ["PHONE-BLK"]),
    (["attribute:size=6.10"], ["PHONE-BLK"]),
    (["attribute:esim=true"], ["PHONE-BLK"]),
    (['attribute:co"l=a=b'], ["PHONE-BLK"]),
    (["sku:CHARGER", "category:cases", "product:watch", "sku:WATCH"], ["CASE-BLK", "CHARGER", "WATCH"]),
    (["attribute:colour=white", "attribute:memory=128", "sku:PHONE-WHT"], ["PHONE-BLK", "PHONE-WHT"]),
    (["brand:O'Neil: & more", "attribute:colour=white", "product:case"], ["CASE-BLK", "PHONE-BLK", "PHONE-WHT"]),
]


async def test_a_set_is_all_that_its_selectors_mean(db: Database, subtests: pytest.Subtests) -> None:
    await with_an_odd_phone(db)

    for wanted, found in FOUND:
        for at in (LONG_AGO, NOON, LONG_AFTER):
            with subtests.test(wanted=wanted, at=at):
                assert await skus(db, *wanted, at=at) == found


async def test_a_member_has_its_number_and_the_product_it_was_of(db: Database) -> None:
    await open_shop(db)
    async with db.transaction() as tx:
        await tx.execute(
            text("INSERT INTO variant_pasts SELECT sku, :now, 'watch', category, brand, options FROM variants"),
            {"now": after(1)},
        )
    [(number,)] = await rows(db, "SELECT no FROM variants WHERE sku = 'CHARGER'")

    async with db.read() as tx:
        assert await members(tx, [selector_of("anchor", "sku:CHARGER")], NOON) == [Member(number, "CHARGER", "watch")]
        assert await members(tx, [selector_of("anchor", "product:charger")], NOON) == []
        assert await members(tx, [selector_of("anchor", "product:charger")], after(1)) == [
            Member(number, "CHARGER", "charger")
        ]
        assert await members(tx, [], NOON) == []


async def test_a_variant_was_what_was_said_of_it_then(callers: Callers, db: Database, clock: SetClock) -> None:
    await open_shop(db)
    merchandiser = await callers(Role.MERCHANDISER)
    for change in ({"category": "phones"}, {"category": "cases", "brand": "Other"}, {"category": "accessories"}):
        clock.advance(timedelta(minutes=10))
        await edit(merchandiser, "catalog/variants/CASE-BLK", change)
    moment = timedelta(microseconds=1)

    async def cases(at: datetime) -> list[bool]:
        wanted = ("category:cases", "category:phones", "category:accessories", "brand:Other")
        return ["CASE-BLK" in await skus(db, one, at=at) for one in wanted]

    assert await cases(LONG_AGO) == await cases(after(10) - moment) == [True, False, True, False]
    assert await cases(after(10)) == await cases(after(20) - moment) == [False, True, False, False]
    assert await cases(after(20)) == await cases(after(30) - moment) == [True, False, True, True]
    assert await cases(after(30)) == await cases(LONG_AFTER) == [False, False, True, True]


async def test_a_branch_hung_where_it_hung_then_with_all_below(callers: Callers, db: Database, clock: SetClock) -> None:
    await open_shop(db)
    merchandiser = await callers(Role.MERCHANDISER)
    await merchandiser.post("/v1/categories", {"code": "leather", "parent": "cases", "name": "Leather"})
    await edit(merchandiser, "catalog/variants/CASE-BLK", {"category": "leather"})
    for parent in ("phones", None):
        clock.advance(timedelta(minutes=10))
        await edit(merchandiser, "categories/cases", {"parent": parent})

    async def holds_the_case(at: datetime) -> list[bool]:
        wanted = ("category:accessories", "category:phones", "category:cases", "category:leather")
        return ["CASE-BLK" in await skus(db, one, at=at) for one in wanted]

    assert await holds_the_case(NOON) == [True, False, True, True]
    assert await holds_the_case(after(10)) == [False, True, True, True]
    assert await holds_the_case(after(20)) == [False, False, True, True]


async def test_what_was_there_once_is_known_and_what_never_was_is_not(callers: Callers, db: Database) -> None:
    await open_shop(db)
    merchandiser = await callers(Role.MERCHANDISER)
    await edit(merchandiser, "catalog/variants/PHONE-WHT", {"brand": "Later", "attributes": {"memory": 256}})
    await merchandiser.post("/v1/categories", {"code": "empty", "name": "Empty"})

    for once in ("category:empty", "attribute:colour=white"):
        assert await skus(db, once) == []
    for never in ("sku:phone-blk", "product:PHONE", "category:cas", "brand:brand", "attribute:colour=whit"):
        wanted = [selector_of("members[0]", "sku:WATCH"), selector_of("members[1]", never)]
        async with db.read() as tx:
            with pytest.raises(UnknownReference) as refused:
                await members(tx, wanted, NOON)
        assert refused.value.facts() == {"field": "members[1]", "value": never}


@pytest.mark.parametrize(
    "malformed",
    ["", "phones", "sku:", ":phones", "SKU:A", "set:mine", "attribute:colour", "attribute:=red", "attribute:colour=",
     "attribute:", "brand:\0", " sku:A"],
)  # fmt: skip
def test_what_is_no_selector_is_refused_by_its_field(malformed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        selector_of("attach", malformed)

    assert refused.value.field == "attach"


@pytest.mark.parametrize(
    "written", ["sku:A:1", "product:a b", "category:c=d", "brand:O'Neil, & sons", "attribute:a:b=c=d", "attribute: = "]
)
def test_a_selector_reads_as_it_was_written(written: str) -> None:
    assert str(selector_of("anchor", written)) == written


# Against a diary


async def test_a_long_past_is_what_a_diary_says_it_was(callers: Callers, db: Database, clock: SetClock) -> None:
    """Two hundred edits, some at one instant; a diary copies the whole catalog after each, and is asked the same."""
    await open_shop(db)
    merchandiser = await callers(Role.MERCHANDISER)
    dice = Random(5)  # noqa: S311 - the same edits every time
    said = await as_it_stands(db)
    diary = [(LONG_AGO, deepcopy(said))]
    for _ in range(200):
        clock.advance(timedelta(minutes=dice.choice((0, 1, 1))))
        await edit_something(merchandiser, dice, said)
        diary.append((clock.now(), deepcopy(said)))
    assert await as_it_stands(db) == said

    for at, _ in dice.sample(diary, 40):
        before = at - timedelta(microseconds=1)
        for instant in (at, before) if at > LONG_AGO else (at,):
            then = [world for since, world in diary if since <= instant][-1]
            for wanted in dice.sample(ASKED, 3):
                known = [one for one in wanted if any(naive(world, [one]) for _, world in diary)]
                assert await skus(db, *known, at=instant) == naive(then, known), (instant, known)


BRANDS = ["Brand", "Other", None]
COLOURS = ["black", "white", 7]
ASKED = [
    ["category:accessories"], ["category:phones"], ["category:cases"], ["brand:Other"], ["attribute:colour=black"],
    ["attribute:colour=7", "category:cases"], ["product:phone", "brand:Brand"],
    ["category:phones", "category:cases", "attribute:colour=white"],
]  # fmt: skip


async def as_it_stands(db: Database) -> Json:
    """Every variant and what its category hangs below."""
    variants = await rows(db, "SELECT sku, product, category, brand, options ->> 'colour' FROM variants ORDER BY sku")
    return {
        "variants": {sku: facts for sku, *facts in variants},
        "parents": dict(await rows(db, "SELECT code, parent FROM categories")),
    }


async def edit_something(merchandiser: Api, dice: Random, said: Json) -> None:
    """One edit of a variant or of the tree, made over HTTP and in what is said."""
    if dice.random() < 0.3:
        code = dice.choice(["cases", "accessories", "phones"])
        parent = dice.choice([None, "cases", "accessories", "phones"])
        moved = await merchandiser.send("PATCH", f"/v1/categories/{code}", {"parent": parent})
        if moved.status_code == 200:
            said["parents"][code] = parent
        return
    facts = said["variants"][sku := dice.choice(sorted(said["variants"]))]
    body: Json = dice.choice(
        [
            {"category": dice.choice(["cases", "accessories", "phones"])},
            {"brand": dice.choice(BRANDS)},
            {"attributes": {"colour": dice.choice(COLOURS)}},
            {"attributes": None},
        ]
    )
    await edit(merchandiser, f"catalog/variants/{sku}", body)
    facts[1] = body.get("category", facts[1])
    facts[2] = body.get("brand", facts[2]) if "brand" in body else facts[2]
    if "attributes" in body:
        facts[3] = str(body["attributes"]["colour"]) if body["attributes"] else None


def naive(world: Json, wanted: list[str]) -> list[str]:
    """The set as whoever reads the whole catalog would find it."""
    return sorted(
        sku for sku, facts in world["variants"].items() if any(means(world, one, sku, facts) for one in wanted)
    )


def means(world: Json, selector: str, sku: str, facts: list[Any]) -> bool:
    """Whether a selector means this variant."""
    product, category, brand, colour = facts
    above = {category}
    while (category := world["parents"][category]) is not None:
        above.add(category)
    kind, _, value = selector.partition(":")
    meant = {
        "sku": {sku},
        "product": {product},
        "category": above,
        "brand": {brand},
        "attribute": {f"colour={colour}"},
    }
    return value in meant[kind]


async def with_an_odd_phone(db: Database) -> None:
    """The shop, and a phone of another brand with attributes of every kind."""
    await open_shop(db)
    async with db.transaction() as tx:
        await tx.execute(
            text("UPDATE variants SET brand = :brand, attributes = CAST(:odd AS json) WHERE sku = 'PHONE-BLK'"),
            {"brand": "O'Neil: & more", "odd": json.dumps(ODD)},
        )
