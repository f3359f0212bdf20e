"""Price books of 100,000 prices: compiled, published after one change, handed out as a delta, and asked about again.

What is wanted is in seconds, not against somebody else's: compiling within 3 s, a delta of one change within 50 ms, a
quote that was just given without a single statement. On the embedded PostgreSQL, the API in this process.
"""

import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from sqlalchemy import text

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from orders.quote import Basket
from orders.quote_desk import QuoteDesk
from pricing.books.compile import compile_book
from pricing.books.current import CurrentBooks
from pricing.books.deliver import book_since
from pricing.books.publish import publish_book
from pricing.write_prices import PriceWrite, write_prices
from tests.benchmarks import shop
from tests.conftest import NOON
from tests.statements import statements

PRICES = 100_000
ROUNDS = 5
QUOTES = 2_000
COMPILE_S, DELTA_MS = 3.0, 50.0

_ASSORTMENT = [
    "INSERT INTO markets VALUES ('de', 'EUR', '{DE}', true, 'Europe/Berlin')",
    "INSERT INTO channels VALUES ('web', 'online', 'de', 'Web'), ('stores', 'retail', 'de', 'Stores')",
    "INSERT INTO categories SELECT 'C-' || n, NULL, 'Category ' || n FROM generate_series(0, 99) n",
    "INSERT INTO tax_rates VALUES ('de', 'standard', '2020-01-01Z', NULL, 1900, 'benchmark')",
    "INSERT INTO products (code, title) SELECT 'P-' || n, 'Product ' || n FROM generate_series(0, :prices / 4) n",
    """INSERT INTO variants (sku, product, name, category, tax_class, status, brand, attributes)
       SELECT 'SKU-' || lpad(n::text, 6, '0'), 'P-' || n / 4, 'Thing ' || n, 'C-' || n % 100, 'standard', 'active',
              'Brand ' || n % 20, '{"colour": "black", "memory": 128}' FROM generate_series(1, :prices) n""",
    "INSERT INTO listings SELECT 'web', sku, '2020-01-01Z', NULL, '2020-01-01Z' FROM variants",
    """INSERT INTO recommended_prices (sku, market, valid_from, amount)
       SELECT sku, 'de', '2020-01-01Z', 1000 + abs(hashtext(sku)) % 90000 FROM variants""",
]

Say = Callable[[str], None]


def run(say: Say) -> dict[str, object]:
    """Measure each a few times, and give the medians."""
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "data")
        postgres.start()
        try:
            shop.migrate(postgres.url)
            return asyncio.run(_measured(postgres.url, say))
        finally:
            postgres.stop()


async def _measured(url: str, say: Say) -> dict[str, object]:
    clock = SetClock(NOON)
    db = Database(url, clock=clock, pool_size=4)
    try:
        say(f"an assortment of {PRICES:,} prices")
        await _fill(db)
        first = await _seconds(lambda: _publish(db))
        say("compiling")
        compiled = [await _seconds(lambda: _compile(db)) for _ in range(ROUNDS)]
        changed, deltas = [], []
        for n in range(ROUNDS):
            say(f"one change, round {n + 1} of {ROUNDS}")
            await _change(db, n)
            changed.append(await _seconds(lambda: _publish(db)))
            deltas.append(await _seconds(lambda: _delta(db)))
        say("quotes that were just given")
        kept_s, sent = await _kept(db)
    finally:
        await db.close()
    compile_s, delta_ms = statistics.median(compiled), statistics.median(deltas) * 1000
    return {
        "prices": PRICES,
        "first_book_s": round(first, 2),
        "compile_s": round(compile_s, 2),
        "publish_one_change_s": round(statistics.median(changed), 2),
        "delta_ms": round(delta_ms, 1),
        "kept_quotes_per_s": round(QUOTES / kept_s),
        "statements_of_kept_quotes": sent,
        "ratios": {
            "3_s_to_compiling": (round(COMPILE_S / compile_s, 2), 1),
            "50_ms_to_a_delta": (round(DELTA_MS / delta_ms, 2), 1),
            "kept_quotes_without_a_statement": (1 if sent == 0 else 0, 1),
        },
    }


async def _fill(db: Database) -> None:
    async with db.transaction() as tx:
        for statement in _ASSORTMENT:
            await tx.execute(text(statement), {"prices": PRICES} if ":prices" in statement else {})
    async with db.engine.connect() as connection:
        analyse = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await analyse.execute(text("VACUUM ANALYZE"))


async def _publish(db: Database) -> None:
    async with db.transaction() as tx:
        await publish_book(tx, "de", db.clock.now(), at_once=True)


async def _compile(db: Database) -> None:
    async with db.read() as tx:
        await compile_book(tx, "de", 99, db.clock.now())


async def _change(db: Database, n: int) -> None:
    now = db.clock.now()
    async with db.transaction() as tx:
        begins = now + timedelta(days=1 + n)
        await write_prices(tx, "de", [PriceWrite(f"SKU-{1 + n:06d}", None, begins, None, 999)], None, now)


async def _delta(db: Database) -> None:
    async with db.read() as tx:
        [number] = (await tx.execute(text("SELECT number FROM price_book_heads"))).scalars()
        await book_since(tx, "de", number - 1, number)


async def _kept(db: Database) -> tuple[float, int]:
    """How long it takes to give a quote again and again, and how many statements it takes."""
    desk = QuoteDesk(db, CurrentBooks())
    basket = Basket("web", [(f"SKU-{n:06d}", 1) for n in range(1, 11)])
    await desk.quote(basket)
    with statements(db) as sent:
        begun = perf_counter()
        for _ in range(QUOTES):
            await desk.quote(basket)
        took = perf_counter() - begun
    return took, len(sent)


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    begun = perf_counter()
    await work()
    return perf_counter() - begun
