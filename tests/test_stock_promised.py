"""What may be promised: read in one statement, from the places that may give goods, however much lies there."""

import pytest
from sqlalchemy import event, text

from commerce.kernel.db import Database
from inventory.available import Available, availability
from inventory.available_to_promise import available_to_promise
from inventory.rules import SUPPLY_MAX
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
