"""The benchmark's shop: 1,000 skus in one warehouse with stock for ever, one hot sku, one that is sold out."""

import json
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.keys import WantedKey, issue_key
from pricing.books.publish import publish_all

SKUS = 1000
BUYERS = 10_000
HOT = "SKU-0000"
SOLD_OUT = "SKU-GONE"
PRICE = 19_900
CLUB_PRICE = 17_910
PLENTY = 1_000_000_000

_SHOP = [
    "INSERT INTO markets VALUES ('de', 'EUR', '{DE}', true, 'Europe/Berlin')",
    """INSERT INTO channels VALUES ('web', 'online', 'de', 'Web'), ('club', 'online', 'de', 'Club'),
                                   ('stores', 'retail', 'de', 'Stores')""",
    "INSERT INTO locations (code, kind, name, market, country) VALUES ('wh', 'warehouse', 'Warehouse', 'de', 'DE')",
    "INSERT INTO categories VALUES ('things', NULL, 'Things')",
    "INSERT INTO tax_rates VALUES ('de', 'standard', '2020-01-01Z', NULL, 1900, 'benchmark')",
    "INSERT INTO products (code, title) SELECT 'P-' || n, 'Product ' || n FROM generate_series(0, :skus) n",
    """INSERT INTO variants (sku, product, name, category, tax_class, status, brand, attributes)
       SELECT CASE WHEN n = :skus THEN :gone ELSE 'SKU-' || lpad(n::text, 4, '0') END, 'P-' || n, 'Thing ' || n,
              'things', 'standard', 'active', 'Brand', '{"colour": "black"}' FROM generate_series(0, :skus) n""",
    """INSERT INTO listings SELECT c.code, sku, '2020-01-01Z', NULL, '2020-01-01Z' FROM variants, channels c
        WHERE c.kind = 'online'""",
    "INSERT INTO recommended_prices SELECT sku, 'de', '2020-01-01Z', NULL, :price FROM variants",
    """INSERT INTO promotions (id, market, name, state, starts_at, definition, version, on_cancel, on_return,
                               created_by, created_at)
       VALUES ('prm_club', 'de', 'A tenth off for the club', 'live', '2026-01-01Z', CAST(:club AS jsonb), 1,
               'give_back', 'keep', 'bench', '2026-01-01Z')""",
    """INSERT INTO stock_pools (id, sku, location, supply)
       SELECT 'pol_' || sku, sku, 'wh', CASE WHEN sku = :gone THEN 0 ELSE :plenty END FROM variants""",
    """INSERT INTO customers (id, code, email)
       SELECT 'cus_' || n, 'C' || n, 'buyer' || n || '@example.com' FROM generate_series(0, :buyers - 1) n""",
    """INSERT INTO customer_identities SELECT 'email', email, id FROM customers""",
]
# A table without rows is left to itself: called empty, it would be searched from end to end at each foreign key that
# leads to it, by whoever is connected, until somebody counts its rows again.
_FILLED = text("""
    SELECT string_agg(relname, ', ') FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
""")
_CLUB = {
    "lane": 1,
    "priority": 0,
    "exclusive": False,
    "conditions": {"channels": ["club"]},
    "benefit": {"kind": "percent", "share": 1000},
    "cap": None,
    "floor": {},
}
"""A promotion that applies to whatever is ordered in the club's channel."""


def migrate(url: str) -> None:
    """Lay the tables."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


async def open_shop(url: str) -> tuple[str, str]:
    """Fill the tables, publish the book, and make the keys of two storefronts: the plain one, and the club's."""
    facts: dict[str, object] = {"skus": SKUS, "gone": SOLD_OUT, "price": PRICE, "plenty": PLENTY, "buyers": BUYERS}
    facts["club"] = json.dumps(_CLUB)
    db = Database(url)
    async with db.transaction() as tx:
        for statement in _SHOP:
            used = {name: value for name, value in facts.items() if f":{name}" in statement}
            await tx.execute(text(statement), used)
        await publish_all(tx, db.clock.now())
        plain = await issue_key(tx, WantedKey(Role.STOREFRONT, "bench", "web"), db.clock.now())
        club = await issue_key(tx, WantedKey(Role.STOREFRONT, "club", "club"), db.clock.now())
    async with db.engine.connect() as connection:
        analyse = await connection.execution_options(isolation_level="AUTOCOMMIT")
        filled = (await analyse.execute(_FILLED)).scalar_one()
        await analyse.execute(text(f"VACUUM ANALYZE {filled}"))
    await db.close()
    return plain.key, club.key
