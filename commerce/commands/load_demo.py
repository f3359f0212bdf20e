"""Load the demo shop: a small phone brand with half a year behind it, and a key for each role to try it with."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import text

from catalog.pair import pair
from catalog.schemas import PairingBody
from commerce.demo.pairings import PAIRINGS
from commerce.demo.programs import GOALS, OWNER, Goals
from commerce.embedded.folder import write_privately
from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import NoKey, Role
from commerce.kernel.db import Database, Session
from commerce.kernel.keys import KeyRing, WantedKey, issue_key
from orders.reports.programs.rules import Goal
from orders.reports.programs.schemas import SeedBody, SeedGoals
from orders.reports.programs.seed import seed_programs

SHOP = Path(__file__).parent.parent / "demo" / "shop"

_KEYS: Mapping[str, WantedKey] = {
    "storefront": WantedKey(Role.STOREFRONT, "Demo storefront, Germany", channel="de-web"),
    "storefront-us": WantedKey(Role.STOREFRONT, "Demo storefront, United States", channel="us-web"),
    "terminal": WantedKey(Role.TERMINAL, "Demo till, Hamburg", channel="de-retail", location="store-hamburg"),
    "terminal-us": WantedKey(Role.TERMINAL, "Demo till, Boston", channel="us-retail", location="store-boston"),
    "merchandiser": WantedKey(Role.MERCHANDISER, "Demo merchandiser"),
    "merchandiser-2": WantedKey(Role.MERCHANDISER, "Demo merchandiser, second pair of eyes"),
    "analyst": WantedKey(Role.ANALYST, "Demo analyst"),
    "operator": WantedKey(Role.OPERATOR, "Demo operator"),
    "admin": WantedKey(Role.ADMIN, "Demo administrator"),
}
_US_SALES_TAX = text("""
    UPDATE tax_rates SET rate_bp = 800, source = 'demo: a flat sales tax, as in its past orders'
     WHERE market = 'us' AND tax_class = 'standard'
""")
_IS_EMPTY = text("SELECT NOT EXISTS (SELECT FROM markets)")


def load_demo(url: str, remembered: Path) -> Mapping[str, str]:
    """Bring the demo shop into an empty database; the key of each role, now and at every later start.

    A database that has a market is somebody's shop and is left alone. The keys are remembered in a file that only
    its owner reads: they open a demo on loopback, and a newcomer wants them again tomorrow.

    It may be killed at any moment, and the next start has all of it: the keys come first, the file before their
    commit, and the shop follows in one transaction. A key of the file that opens nothing here is as good as none.
    """
    return asyncio.run(_load(url, remembered))


async def _load(url: str, remembered: Path) -> Mapping[str, str]:
    db = Database(url, pool_size=2)
    try:
        keys = await _that_open(db, _read(remembered))
        async with db.read() as tx:
            if not (await tx.execute(_IS_EMPTY)).scalar_one():
                return keys
        if keys.keys() != _KEYS.keys():
            keys = await _make_keys(db, remembered)
        await import_folder(db, SHOP, finish=partial(_finish, now=db.clock.now()))
        return keys
    finally:
        await db.close()


async def _finish(tx: Session, now: datetime) -> None:
    await tx.execute(_US_SALES_TAX)
    for code, anchor, attach, note in PAIRINGS:
        await pair(tx, code, PairingBody(anchor=list(anchor), attach=list(attach), note=note), now)
    goals = {each.pairing: SeedGoals(Goal(*each.goal), _by_kind(each)) for each in GOALS}
    await seed_programs(tx, SeedBody(owner=OWNER, goals=goals), "demo", now)


def _by_kind(goals: Goals) -> dict[str, Goal]:
    return {kind: Goal(*goal) for kind, goal in (("online", goals.online), ("retail", goals.retail)) if goal}


async def _that_open(db: Database, keys: Mapping[str, str]) -> dict[str, str]:
    """Those of the keys that open this very database now: a file outlives its database, and a key may be revoked."""
    ring, good = KeyRing(db), {}
    for name, key in keys.items():
        try:
            await ring.principal(key)
            good[name] = key
        except NoKey:
            continue
    return good


async def _make_keys(db: Database, remembered: Path) -> dict[str, str]:
    now = db.clock.now()
    async with db.transaction() as tx:
        keys = {name: (await issue_key(tx, wanted, now)).key for name, wanted in _KEYS.items()}
        write_privately(remembered, msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
    return keys


def _read(remembered: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(remembered.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
