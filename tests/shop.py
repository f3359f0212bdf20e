"""A small fixed shop for stories: two markets, four channels, five locations, six skus. Amounts are known by heart.

Everything is in force from 2026-01-01. DRAFT-1 is a draft: priced, but listed nowhere. Every other sku is listed and
certified in all four channels.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.laws import Law, broken, check_laws
from pricing.books.publish import publish_all, publish_book
from pricing.write_prices import PriceWrite, write_prices

PRICES = {
    "PHONE-BLK": {"de": 79900, "us": 74900},
    "PHONE-WHT": {"de": 79900, "us": 74900},
    "CASE-BLK": {"de": 2900, "us": 2500},
    "CHARGER": {"de": 3900, "us": 3500},
    "WATCH": {"de": 24900, "us": 22900},
    "DRAFT-1": {"de": 99900, "us": 94900},
}
"""Recommended prices in minor units: cents with tax in `de`, cents before tax in `us`."""

_SHOP = """
    INSERT INTO markets (code, currency, countries, prices_include_tax, time_zone) VALUES
        ('de', 'EUR', '{DE,AT}', true, 'Europe/Berlin'), ('us', 'USD', '{US}', false, 'America/New_York');
    INSERT INTO channels (code, kind, market, name) VALUES
        ('web-de', 'online', 'de', 'Web Germany'), ('retail-de', 'retail', 'de', 'Stores Germany'),
        ('web-us', 'online', 'us', 'Web United States'), ('retail-us', 'retail', 'us', 'Stores United States');
    INSERT INTO locations (code, kind, name, market, country, city, opened_on) VALUES
        ('wh-de', 'warehouse', 'Warehouse Leipzig', 'de', 'DE', 'Leipzig', '2020-01-01'),
        ('berlin', 'store', 'Store Berlin', 'de', 'DE', 'Berlin', '2020-01-01'),
        ('munich', 'store', 'Store Munich', 'de', 'DE', 'Munich', '2020-01-01'),
        ('wh-us', 'warehouse', 'Warehouse Reno', 'us', 'US', 'Reno', '2020-01-01'),
        ('nyc', 'store', 'Store New York', 'us', 'US', 'New York', '2020-01-01');
    INSERT INTO categories (code, parent, name) VALUES
        ('phones', NULL, 'Phones'), ('accessories', NULL, 'Accessories'), ('cases', 'accessories', 'Cases');
    INSERT INTO products (code, title) VALUES
        ('phone', 'Phone'), ('case', 'Case'), ('charger', 'Charger'), ('watch', 'Watch'), ('draft', 'Draft phone');
    INSERT INTO variants (sku, product, name, category, brand, tax_class, attributes, status) VALUES
        ('PHONE-BLK', 'phone', 'Phone black', 'phones', 'Brand', 'standard', '{"colour": "black"}', 'active'),
        ('PHONE-WHT', 'phone', 'Phone white', 'phones', 'Brand', 'standard', '{"colour": "white"}', 'active'),
        ('CASE-BLK', 'case', 'Case black', 'cases', 'Brand', 'standard', '{"colour": "black"}', 'active'),
        ('CHARGER', 'charger', 'Charger', 'accessories', 'Brand', 'standard', NULL, 'active'),
        ('WATCH', 'watch', 'Watch', 'accessories', 'Brand', 'standard', NULL, 'active'),
        ('DRAFT-1', 'draft', 'Draft phone', 'phones', 'Brand', 'standard', NULL, 'draft');
    INSERT INTO tax_rates (market, tax_class, valid_from, valid_to, rate_bp, source) VALUES
        ('de', 'standard', '2026-01-01Z', NULL, 1900, 'test'), ('us', 'standard', '2026-01-01Z', NULL, 800, 'test'),
        ('de', 'reduced', '2026-01-01Z', NULL, 700, 'test'), ('us', 'reduced', '2026-01-01Z', NULL, 0, 'test'),
        ('de', 'zero', '2026-01-01Z', NULL, 0, 'test'), ('us', 'zero', '2026-01-01Z', NULL, 0, 'test');
    INSERT INTO listings (channel, sku, visible_from, certified_from)
        SELECT c.code, v.sku, '2026-01-01Z', '2026-01-01Z' FROM channels c, variants v WHERE v.status = 'active'
"""
_PRICE = text("""
    INSERT INTO recommended_prices (sku, market, valid_from, amount) VALUES (:sku, :market, '2026-01-01Z', :amount)
""")
_POOL = text("""
    INSERT INTO stock_pools (id, sku, location, supply) VALUES (:id, :sku, :location, :units)
    ON CONFLICT (sku, location, purpose) DO UPDATE
       SET supply = stock_pools.supply + excluded.supply,
           overdrawn = greatest(0, stock_pools.held - stock_pools.supply - excluded.supply)
    RETURNING id
""")
_MOVEMENT = text("""
    INSERT INTO movements (id, pool_id, kind, units, reference, actor, moved_at)
    VALUES (:id, :pool_id, 'received', :units, 'shop', 'shop', :now)
""")


_WITH_BOOKS = text("SELECT market FROM price_book_heads ORDER BY market")
_OLD_NEWS = text(
    "DELETE FROM outbox_messages WHERE topic IN ('price_book_published', 'terminals_ready', 'terminals_not_ready')"
)
"""No story is about what somebody did to the tables by hand."""


async def open_shop(db: Database, *, books: bool = True) -> None:
    """Insert the shop, without stock, and with a first price book for each market if `books`."""
    prices = [
        {"sku": sku, "market": market, "amount": amount}
        for sku, amounts in PRICES.items()
        for market, amount in amounts.items()
    ]
    async with db.transaction() as tx:
        for statement in _SHOP.split(";\n"):
            await tx.execute(text(statement))
        await tx.execute(_PRICE, prices)
        if books:
            await publish_all(tx, db.clock.now())
            await tx.execute(_OLD_NEWS)


async def republish(db: Database) -> None:
    """Put into the books what somebody wrote into the tables by hand: from now on it is what is charged."""
    async with db.transaction() as tx:
        for market in (await tx.execute(_WITH_BOOKS)).scalars().all():
            await publish_book(tx, market, db.clock.now(), at_once=True)
        await tx.execute(_OLD_NEWS)


async def put_stock(db: Database, sku: str, location: str, units: int) -> str:
    """Receive units of a sku at a location. Returns the pool's id."""
    now = db.clock.now()
    async with db.transaction() as tx:
        pool = {"id": new_id("pol", now), "sku": sku, "location": location, "units": units}
        pool_id: str = (await tx.execute(_POOL, pool)).scalar_one()
        await tx.execute(_MOVEMENT, {"id": new_id("mov", now), "pool_id": pool_id, "units": units, "now": now})
    return pool_id


async def reprice(
    db: Database,
    sku: str,
    amount: int | None,
    *,
    at: datetime | None = None,
    market: str = "de",
    channel: str | None = None,
) -> None:
    """Let a sku have another price from an instant on, now if none is given; None: no price."""
    now = db.clock.now()
    async with db.transaction() as tx:
        await write_prices(tx, market, [PriceWrite(sku, channel, at or now, None, amount)], None, now)
    await republish(db)


async def rows(db: Database, sql: str, **facts: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - values are of any kind
    """What a query finds, as plain tuples."""
    async with db.read() as tx:
        return [tuple(row) for row in await tx.execute(text(sql), facts)]


async def no_law_is_broken(db: Database, *laws: type[Law]) -> None:
    """Assert that none of these laws has an offender."""
    async with db.snapshot() as tx:
        findings = await check_laws(tx, laws)
    assert broken(findings) == []
