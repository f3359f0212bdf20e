"""Load the demo shop: a small phone brand with half a year behind it, and a key for each role to try it with."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import text

from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.db import Database, Session
from commerce.kernel.keys import WantedKey, issue_key

SHOP = Path(__file__).parent.parent / "demo" / "shop"

_KEYS: Mapping[str, WantedKey] = {
    "storefront": WantedKey(Role.STOREFRONT, "Demo storefront, Germany", channel="de-web"),
    "storefront-us": WantedKey(Role.STOREFRONT, "Demo storefront, United States", channel="us-web"),
    "terminal": WantedKey(Role.TERMINAL, "Demo till, Hamburg", channel="de-retail", location="store-hamburg"),
    "terminal-us": WantedKey(Role.TERMINAL, "Demo till, Boston", channel="us-retail", location="store-boston"),
    "merchandiser": WantedKey(Role.MERCHANDISER, "Demo merchandiser"),
    "analyst": WantedKey(Role.ANALYST, "Demo analyst"),
    "operator": WantedKey(Role.OPERATOR, "Demo operator"),
    "admin": WantedKey(Role.ADMIN, "Demo administrator"),
}
_US_SALES_TAX = text("""
    UPDATE tax_rates SET rate_bp = 800, source = 'demo: a flat sales tax, as in its past orders'
     WHERE market = 'us' AND tax_class = 'standard'
""")


def load_demo(url: str, remembered: Path) -> Mapping[str, str]:
    """Bring the demo shop into an empty database; the key of each role, now and at every later start.

    A database that has a market is somebody's shop and is left alone. The keys are remembered in a file that only
    its owner reads: they open a demo on loopback, and a newcomer wants them again tomorrow.
    """
    keys = asyncio.run(_load(url))
    if keys:
        remembered.write_text(json.dumps(keys, indent=2) + "\n")
        remembered.chmod(0o600)
        return keys
    return json.loads(remembered.read_text()) if os.access(remembered, os.R_OK) else {}


async def _load(url: str) -> dict[str, str]:
    db = Database(url, pool_size=2)
    try:
        async with db.read() as tx:
            if (await tx.execute(text("SELECT EXISTS (SELECT FROM markets)"))).scalar_one():
                return {}
        await import_folder(db, SHOP)
        async with db.transaction() as tx:
            await tx.execute(_US_SALES_TAX)
            return await _make_keys(tx, db)
    finally:
        await db.close()


async def _make_keys(tx: Session, db: Database) -> dict[str, str]:
    now = db.clock.now()
    return {name: (await issue_key(tx, wanted, now)).key for name, wanted in _KEYS.items()}
