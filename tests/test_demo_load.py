"""The demo shop comes into an empty database whole, whatever moment the first start is killed in."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec
import pytest

from commerce.commands.load_demo import load_demo
from commerce.kernel.access import NoKey
from commerce.kernel.db import Database
from commerce.kernel.keys import KeyRing, revoke_key
from tests.processes import REPOSITORY
from tests.shop import open_shop, rows

LOAD = "import sys; from pathlib import Path; from commerce.commands.load_demo import load_demo; "
LOAD += "load_demo(sys.argv[1], Path(sys.argv[2]))"
ROLES = ["storefront", "storefront-us", "terminal", "terminal-us"]
ROLES += ["merchandiser", "merchandiser-2", "analyst", "operator", "admin"]
SHOP = """
    SELECT (SELECT count(*) FROM markets), (SELECT count(*) FROM orders), (SELECT count(*) FROM api_keys),
           (SELECT rate_bp FROM tax_rates WHERE market = 'us' AND tax_class = 'standard')
"""


async def load(url: str, remembered: Path) -> Mapping[str, str]:
    """What a start of the stack does; it brings an event loop of its own."""
    return await asyncio.to_thread(load_demo, url, remembered)


async def roles_of(db: Database, keys: Mapping[str, str]) -> list[str]:
    """Whose keys these are, by the name that they are shown with; "nobody's" for one that opens nothing."""
    ring, roles = KeyRing(db), []
    for name, key in keys.items():
        try:
            role = (await ring.principal(key)).role
            roles.append(name if name.startswith(role) else f"{name} is {role}")
        except NoKey:
            roles.append("nobody's")
    return roles


@asynccontextmanager
async def nobody_writes_to(table: str, url: str) -> AsyncIterator[asyncpg.Connection]:
    """Keep a table from being written to."""
    keeper = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        async with keeper.transaction():
            await keeper.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield keeper
    finally:
        await keeper.close()


async def kill_in_front_of(table: str, url: str, remembered: Path) -> None:
    """Start to load, and kill it outright where it is about to write to the table."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass"
    async with nobody_writes_to(table, url) as keeper:
        command, env = [sys.executable, "-c", LOAD, url, str(remembered)], {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        loading = await asyncio.create_subprocess_exec(*command, env=env, stderr=subprocess.DEVNULL)
        async with asyncio.timeout(60):
            while not await keeper.fetchval(waiting, table):
                assert loading.returncode is None, "it never came to the table"
        loading.kill()
        await loading.wait()


@pytest.mark.parametrize("table", ["api_keys", "markets", "tax_rates", "imported_rows"])
async def test_a_first_start_that_was_killed_is_made_good_by_the_next(
    db: Database, url: str, tmp_path: Path, table: str
) -> None:
    remembered = tmp_path / "demo-keys.json"
    await kill_in_front_of(table, url, remembered)

    keys = await load(url, remembered)

    assert await roles_of(db, keys) == ROLES
    assert await rows(db, SHOP) == [(2, 3038, 9, 800)]
    assert await load(url, remembered) == keys
    assert msgspec.json.decode(remembered.read_bytes()) == keys
    assert remembered.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("words", [b'{"admin": "adk_1_from-another-database"}\n', b'{"admin": "adk', b"[1]", b"\xff"])
async def test_keys_that_open_nothing_here_are_made_anew(db: Database, url: str, tmp_path: Path, words: bytes) -> None:
    remembered = tmp_path / "demo-keys.json"
    remembered.write_bytes(words)

    keys = await load(url, remembered)

    assert await roles_of(db, keys) == ROLES
    assert msgspec.json.decode(remembered.read_bytes()) == keys
    assert remembered.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("words", [None, b'{"admin": "adk_1_from-another-database"}\n'])
async def test_somebodys_shop_is_left_alone(db: Database, url: str, tmp_path: Path, words: bytes | None) -> None:
    remembered = tmp_path / "demo-keys.json"
    if words is not None:
        remembered.write_bytes(words)
    await open_shop(db)
    before = await rows(db, SHOP)

    assert await load(url, remembered) == {}
    assert await rows(db, SHOP) == before
    assert (remembered.read_bytes() if remembered.exists() else None) == words


async def test_a_shop_that_was_opened_after_a_first_start_was_killed_keeps_its_own_tax(
    db: Database, url: str, tmp_path: Path
) -> None:
    remembered = tmp_path / "demo-keys.json"
    await kill_in_front_of("markets", url, remembered)
    await open_shop(db)
    before = await rows(db, SHOP)

    assert list(await load(url, remembered)) == ROLES
    assert await rows(db, SHOP) == before


async def test_a_key_that_was_revoked_is_not_shown_again(db: Database, url: str, tmp_path: Path) -> None:
    remembered = tmp_path / "demo-keys.json"
    keys = await load(url, remembered)
    async with db.transaction() as tx:
        await revoke_key(tx, keys["admin"].rpartition("_")[0], db.clock.now())

    assert await load(url, remembered) == {name: key for name, key in keys.items() if name != "admin"}
