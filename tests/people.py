"""What the stories about customers share: the laws after each, and a look behind the counter."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event, text

from commerce.kernel.db import Database, ReadSession, Session
from commerce.kernel.ids import new_id
from commerce.kernel.laws import Finding, check_laws
from orders.customers.laws import LAWS
from tests.conftest import NOON


async def findings(db: Database) -> list[Finding]:
    """What the customers' laws find."""
    async with db.snapshot() as tx:
        return await check_laws(tx, LAWS)


async def point(tx: Session, merged: str, survivor: str) -> None:
    """Mark a customer as merged, and do nothing else."""
    found = await tx.execute(
        text("UPDATE customers SET merged_into = :survivor WHERE id = :id"), {"id": merged, "survivor": survivor}
    )
    assert getattr(found, "rowcount", 0) == 1


async def write_down(tx: Session, merged: str, survivor: str) -> None:
    """Write an entry of the audit trail, whether or not it happened."""
    entry = "INSERT INTO customer_merges VALUES (:id, :merged, :survivor, 'test', 'test', :now, '{}')"
    await tx.execute(text(entry), {"id": new_id("cmg"), "merged": merged, "survivor": survivor, "now": NOON})


async def unmerged(tx: ReadSession, *customers: str) -> bool:
    """Whether none of them was merged, as this transaction sees it."""
    look = text("SELECT count(*) FROM customers WHERE id = ANY(:ids) AND merged_into IS NULL")
    return bool((await tx.execute(look, {"ids": list(customers)})).scalar_one() == len(customers))


async def somebody_waits(db: Database, waiters: int = 1) -> None:
    """Come back once so many transactions of this database wait for locks."""
    look = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    waiting = 0
    while waiting < waiters:
        async with db.read() as tx:  # Each look a transaction of its own: inside one, the view stands still.
            waiting = (await tx.execute(look)).scalar_one()


async def open_shop(db: Database) -> None:
    """A market and a channel, for orders to be placed in."""
    async with db.transaction() as tx:
        await tx.execute(text("INSERT INTO markets VALUES ('de', 'EUR', '{DE}', true, 'Europe/Berlin')"))
        await tx.execute(text("INSERT INTO channels VALUES ('web-de', 'online', 'de', 'Web')"))


async def order_of(db: Database, customer: str) -> str:
    """An order of this customer; its id."""
    async with db.transaction() as tx:
        return await order_in(tx, customer)


async def order_in(tx: Session, customer: str) -> str:
    """An order of this customer in a transaction; its id."""
    order = new_id("ord", NOON)
    insert = """
        INSERT INTO orders (id, order_number, source, channel, customer_id, currency, prices_include_tax, fulfilment,
                            state, placed_at, subtotal, discount_total, tax_total, total)
        VALUES (:id, :id, 'import', 'web-de', :customer, 'EUR', true, 'ship', 'completed', :now, 0, 0, 0, 0)
    """
    await tx.execute(text(insert), {"id": order, "customer": customer, "now": NOON})
    return order


async def buyers(db: Database) -> dict[str, str]:
    """Whose each order is."""
    async with db.read() as tx:
        return {row[0]: row[1] for row in await tx.execute(text("SELECT id, customer_id FROM orders"))}


async def identities(db: Database) -> dict[tuple[str, str], str]:
    """Whom each identity finds."""
    async with db.read() as tx:
        rows = await tx.execute(text("SELECT kind, value, customer_id FROM customer_identities"))
        return {(row[0], row[1]): row[2] for row in rows}


async def count(db: Database, table: str) -> int:
    """How many rows a table has."""
    async with db.read() as tx:
        return int((await tx.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """Every statement that is sent inside the block."""
    sent: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", note)
