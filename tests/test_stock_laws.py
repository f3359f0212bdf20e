"""Each law of stock is shown to catch somebody who breaks it."""

import pytest

from commerce.kernel.db import Database
from commerce.kernel.laws import Law, broken, check_laws
from inventory.draw import Drawn, draw_stock
from inventory.laws import (
    LAWS,
    HeldIsTheSumOfLiveHolds,
    NoHoldOutlivesItsTime,
    OverdrawnIsWhatIsMissing,
    SupplyIsTheSumOfMovements,
    WhatIsMissingWasACase,
)
from tests.shop import no_law_is_broken, open_shop, put_stock, rows

HOLD = """
    INSERT INTO holds (id, pool_id, reference, units, taken_at, expires_at)
    SELECT 'hol_1', id, 'hld_1', 2, '2026-11-02 12:00Z', '2026-11-02 13:00Z' FROM stock_pools;
    UPDATE stock_pools SET held = 2
"""
RUN_AT = """
    INSERT INTO schedules (name, next_at, last_at)
    VALUES ('expire_due_holds', '2026-11-02 14:00Z', '2026-11-02 {}Z')
"""
UNCHECKED = "ALTER TABLE stock_pools DROP CONSTRAINT ck_stock_pools_never_promised_twice"


@pytest.mark.parametrize(
    ("law", "planted"),
    [
        (SupplyIsTheSumOfMovements, "UPDATE stock_pools SET supply = supply + 1"),
        (
            SupplyIsTheSumOfMovements,
            "ALTER TABLE movements DISABLE TRIGGER append_only; UPDATE movements SET units = units - 1",
        ),
        (
            SupplyIsTheSumOfMovements,
            "ALTER TABLE movements DISABLE TRIGGER append_only; DELETE FROM movements",
        ),
        (HeldIsTheSumOfLiveHolds, "UPDATE stock_pools SET held = held + 1"),
        (HeldIsTheSumOfLiveHolds, "UPDATE holds SET ended_at = taken_at, outcome = 'released'"),
        (HeldIsTheSumOfLiveHolds, f"{UNCHECKED}; UPDATE stock_pools SET held = supply + 1"),
        (OverdrawnIsWhatIsMissing, "UPDATE stock_pools SET overdrawn = 1"),
        (OverdrawnIsWhatIsMissing, f"{UNCHECKED}; UPDATE stock_pools SET supply = 1"),
        (WhatIsMissingWasACase, "UPDATE stock_pools SET supply = 1, overdrawn = 1"),
        (WhatIsMissingWasACase, "UPDATE stock_pools SET supply = -1, overdrawn = 3"),
        (
            NoHoldOutlivesItsTime,
            RUN_AT.format("13:05:01"),
        ),
    ],
)
async def test_a_broken_law_is_seen(db: Database, law: type[Law], planted: str) -> None:
    await open_shop(db)
    await put_stock(db, "WATCH", "berlin", 5)
    await run(db, HOLD)
    await no_law_is_broken(db, *LAWS)

    await run(db, planted)

    async with db.snapshot() as tx:
        [finding] = broken(await check_laws(tx, [law]))
    assert (finding.law, finding.offenders) == (law.code(), 1)


@pytest.mark.parametrize(
    ("planted", "broken_laws"),
    [
        ("UPDATE overdrafts SET closed_at = opened_at, closed_by = 'somebody', note = 'reordered'", []),
        ("DELETE FROM overdrafts WHERE reference = 'ord_2'", [WhatIsMissingWasACase]),
        ("UPDATE overdrafts SET units = 1 WHERE reference = 'ord_2'", [WhatIsMissingWasACase]),
        ("DELETE FROM overdrafts", [WhatIsMissingWasACase]),
    ],
)
async def test_a_case_may_be_closed_but_never_disappears(
    db: Database, planted: str, broken_laws: list[type[Law]]
) -> None:
    """Five are there and two of them held; first one, then two are sold that are not free."""
    await open_shop(db)
    await put_stock(db, "WATCH", "berlin", 5)
    await run(db, HOLD)
    async with db.transaction() as tx:
        sales = [Drawn("ord_1", "berlin", {"WATCH": 4}, "till"), Drawn("ord_2", "berlin", {"WATCH": 2}, "till")]
        await draw_stock(tx, sales, db.clock.now())
    assert await rows(db, "SELECT supply, held, overdrawn FROM stock_pools") == [(-1, 2, 3)]
    assert await rows(db, "SELECT reference, units FROM overdrafts ORDER BY 1") == [("ord_1", 1), ("ord_2", 2)]
    await no_law_is_broken(db, *LAWS)

    await run(db, planted)

    async with db.snapshot() as tx:
        found = broken(await check_laws(tx, LAWS))
    assert [finding.law for finding in found] == [law.code() for law in broken_laws]


async def test_a_hold_a_little_past_its_time_is_no_offence(db: Database) -> None:
    await open_shop(db)
    await put_stock(db, "WATCH", "berlin", 5)
    await run(db, HOLD)

    await run(db, RUN_AT.format("13:05:00"))

    await no_law_is_broken(db, *LAWS)


async def run(db: Database, statements: str) -> None:
    """Run SQL as somebody would by hand."""
    async with db.transaction() as tx:
        for statement in statements.split(";"):
            await (await tx.connection()).exec_driver_sql(statement)
