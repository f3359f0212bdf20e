"""What may be promised: read in one statement, from the places that may give goods, however much lies there."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import event, text

from commerce.kernel.db import Database
from inventory.available import Available, availability
from inventory.available_to_promise import available_to_promise
from inventory.rules import SUPPLY_MAX
from inventory.sourcing import Sources, Way, find_sources
from inventory.take import HoldWanted, take_holds
from tests.conftest import NOON
from tests.shop import open_shop, put_stock


@pytest.fixture(autouse=True)
async def shop(db: Database) -> None:
    await open_shop(db)


async def test_what_is_available_is_read_in_one_statement_each(db: Database) -> None:
    await put_stock(db, "WATCH", "berlin", 5)
    await put_stock(db, "WATCH", "wh-us", 50)
    await put_stock(db, "CHARGER", "wh-de", 7)
    said: list[str] = []
    event.listen(db.engine.sync_engine, "before_cursor_execute", lambda *facts: said.append(facts[2]))

    async with db.read() as tx:
        there = await availability(tx, ["WATCH", "CHARGER"], ["berlin", "wh-de"])
        shipped = await available_to_promise(tx, "web-de", ["WATCH", "CHARGER", "CASE-BLK"], db.clock.now())
        in_stores = await available_to_promise(tx, "retail-de", ["WATCH", "CHARGER"], db.clock.now())

    assert len(said) == 3
    assert there == {
        ("berlin", "WATCH"): Available(5, 0),
        ("berlin", "CHARGER"): Available(0, 0),
        ("wh-de", "WATCH"): Available(0, 0),
        ("wh-de", "CHARGER"): Available(7, 0),
    }
    assert shipped == {"WATCH": 0, "CHARGER": 7, "CASE-BLK": 0}
    assert in_stores == {"WATCH": 5, "CHARGER": 0}


async def test_more_than_any_one_place_may_hold_can_be_promised(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE locations SET kind = 'warehouse' WHERE market = 'de'"))
    for location in ("wh-de", "berlin", "munich"):
        await put_stock(db, "WATCH", location, SUPPLY_MAX)

    async with db.read() as tx:
        promised = await available_to_promise(tx, "web-de", ["WATCH"], db.clock.now())

    assert promised == {"WATCH": 3 * SUPPLY_MAX}


async def test_what_lies_in_a_closed_store_is_not_promised(db: Database) -> None:
    await put_stock(db, "WATCH", "berlin", 5)
    async with db.transaction() as tx:
        await tx.execute(text("UPDATE locations SET closed_on = '2026-11-01' WHERE code = 'berlin'"))

    async with db.read() as tx:
        assert await available_to_promise(tx, "web-de", ["WATCH"], db.clock.now()) == {"WATCH": 0}


@pytest.mark.parametrize(
    ("open_places", "collect_at", "ranked"),
    [
        ({"berlin": "store", "wh-2": "warehouse", "aachen": "store", "wh-1": "warehouse"}, None, ["wh-1", "wh-2"]),
        ({"berlin": "store", "aachen": "store"}, None, ["aachen", "berlin"]),
        ({}, None, None),
        ({"berlin": "store", "aachen": "store", "wh-1": "warehouse"}, "berlin", ["berlin"]),
        ({"berlin": "store", "wh-1": "warehouse"}, "wh-1", None),
        ({"berlin": "store"}, "munich", None),
    ],
)
async def test_warehouses_ship_and_stores_only_where_there_is_none(
    db: Database, open_places: dict[str, str], collect_at: str | None, ranked: list[str] | None
) -> None:
    facts = {"codes": list(open_places), "kinds": list(open_places.values())}
    async with db.transaction() as tx:
        await tx.execute(text("DELETE FROM locations WHERE market = 'de'"))
        await tx.execute(text(_PLACES), facts)
    way = Way("de", collect_at)

    async with db.read() as tx:
        sources = await find_sources(tx, [(way, "WATCH"), (way, "CASE-BLK"), (Way("us", None), "WATCH")], NOON)

    assert sources.ranked.get(way) == ranked
    assert sources.ranked[Way("us", None)] == ["wh-us"], "another market's places are its own"


_PLACES = """
    INSERT INTO locations (code, kind, name, market, country)
    SELECT code, kind, code, 'de', 'DE' FROM unnest(CAST(:codes AS text[]), CAST(:kinds AS text[])) AS p (code, kind)
"""


async def test_sources_show_what_is_free_there_by_the_markets_own_day(db: Database) -> None:
    await put_stock(db, "WATCH", "wh-de", 5)
    await put_stock(db, "WATCH", "berlin", 3)
    async with db.transaction() as tx:
        await take_holds(tx, [HoldWanted("hld_1", {"WATCH": 2}, ["wh-de"], None)], NOON)
        await tx.execute(text("UPDATE locations SET closed_on = '2026-11-02' WHERE code = 'berlin'"))
    shipped, collected = Way("de", None), Way("de", "berlin")
    wanted = [(shipped, "WATCH"), (shipped, "CHARGER"), (collected, "WATCH")]

    async with db.read() as tx:
        last_minute = await find_sources(tx, wanted, datetime(2026, 11, 2, 22, 59, tzinfo=UTC))
        next_day = await find_sources(tx, wanted, datetime(2026, 11, 2, 23, 0, tzinfo=UTC))

    everywhere = {("wh-de", "WATCH"): 3, ("wh-de", "CHARGER"): 0, ("berlin", "WATCH"): 3}
    assert last_minute == Sources({shipped: ["wh-de"], collected: ["berlin"]}, everywhere)
    assert next_day.ranked == {shipped: ["wh-de"]}
