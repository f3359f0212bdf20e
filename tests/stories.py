"""What the stories of the orders room are told with: a lawful shop, bodies of requests, and what is left behind."""

from typing import Any

from sqlalchemy import text

from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.lawbook import LAWS
from tests.conftest import NOON, Json
from tests.shop import no_law_is_broken, open_shop, put_stock, reprice, rows

POOLS = "SELECT sku, location, supply, held, overdrawn FROM stock_pools ORDER BY sku, location"
TRACES = """
    SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_lines), (SELECT count(*) FROM order_timeline),
           (SELECT count(*) FROM ledger_entries), (SELECT count(*) FROM tenders), (SELECT count(*) FROM shipments),
           (SELECT count(*) FROM movements), (SELECT count(*) FROM overdrafts), (SELECT count(*) FROM customers),
           (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM outbox_messages),
           (SELECT string_agg(h::text, ',' ORDER BY id) FROM holds h),
           (SELECT string_agg(p::text, ',' ORDER BY id) FROM stock_pools p),
           (SELECT string_agg(o::text, ',' ORDER BY id) FROM orders o)
"""
"""Everything that an order could leave behind."""

_RATES = """
    INSERT INTO tax_rates (market, tax_class, valid_from, rate_bp, source) VALUES
        ('de', 'reduced', '2026-01-01Z', 700, 'test'), ('de', 'zero', '2026-01-01Z', 0, 'test'),
        ('us', 'reduced', '2026-01-01Z', 400, 'test'), ('us', 'zero', '2026-01-01Z', 0, 'test')
    ON CONFLICT DO NOTHING
"""


async def open_lawful_shop(db: Database, *, books: bool = True) -> None:
    """Insert the shop, with a rate for every tax class, as the law wants it."""
    await open_shop(db, books=books)
    await plant(db, _RATES)


async def open_store(db: Database) -> None:
    """A lawful shop whose store in Berlin has five cases, two watches, and three phones with serial numbers."""
    await open_lawful_shop(db)
    await plant(db, "UPDATE variants SET serial_numbered = true WHERE sku = 'PHONE-BLK'")
    await put_stock(db, "PHONE-BLK", "berlin", 3)
    await put_stock(db, "CASE-BLK", "berlin", 5)
    await put_stock(db, "WATCH", "berlin", 2)


async def open_two_countries(db: Database) -> None:
    """A lawful shop with chargers and cases in both; three American cases do not cost whole cents with tax."""
    await open_store(db)
    await reprice(db, "CASE-BLK", 3333, market="us")
    for sku in ("CHARGER", "CASE-BLK"):
        await put_stock(db, sku, "wh-de", 9)
        await put_stock(db, sku, "wh-us", 9)


async def plant(db: Database, *statements: str) -> None:
    """Change rows as somebody would by hand."""
    async with db.transaction() as tx:
        for statement in statements:
            await tx.execute(text(statement))


async def every_law_holds(db: Database) -> None:
    """Assert that nothing that should always be true is broken."""
    await no_law_is_broken(db, *LAWS)


def eur(amount: int) -> Json:
    """An amount in euro cents, as it is on the wire."""
    return {"amount": amount, "currency": "EUR"}


def lines(*wanted: tuple[str, Any]) -> list[Json]:
    """Lines of a basket."""
    return [{"sku": sku, "quantity": quantity} for sku, quantity in wanted]


def order(*wanted: tuple[str, Any], total: int, **more: object) -> Json:
    """An online order in web-de."""
    return {"channel": "web-de", "lines": lines(*wanted), "shown_total": eur(total), **more}


def sale(*wanted: tuple[str, Any], total: int, tenders: list[Json], **more: object) -> Json:
    """A sale in Berlin, with an id of its own."""
    return {
        "id": new_id("ord", NOON),
        "channel": "retail-de",
        "location": "berlin",
        "lines": lines(*wanted),
        "shown_total": eur(total),
        "tenders": tenders,
        **more,
    }


def numbered(quantity: int, *serials: str, sku: str = "PHONE-BLK") -> Json:
    """A line of devices with their serial numbers."""
    return {"sku": sku, "quantity": quantity, "serials": list(serials)}


def cash(amount: int) -> Json:
    """Euro cents in cash."""
    return {"kind": "cash", "given": eur(amount)}


def card(amount: int, reference: str | None = None) -> Json:
    """Euro cents by card."""
    return {"kind": "card_terminal", "given": eur(amount), "reference": reference}


async def told(db: Database, topic: str) -> list[Json]:
    """The bodies of the events of a topic, in the order they were told."""
    found = await rows(db, "SELECT body FROM outbox_messages WHERE topic = :topic ORDER BY id", topic=topic)
    return [body for (body,) in found]


async def ledger(db: Database, order_id: str) -> list[tuple[Any, ...]]:
    """An order's ledger: what was charged first, then what settled it."""
    found = "SELECT kind, amount FROM ledger_entries WHERE order_id = :id ORDER BY amount DESC, kind"
    return await rows(db, found, id=order_id)
