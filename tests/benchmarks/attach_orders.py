"""What keeping facts for reports costs `POST /v1/orders`: with them and without, in turns, on one database.

Both APIs are up all the time, and one of them is asked; who goes first changes from round to round. The turns are short
and many, so that a busy minute of the machine hits both. How many facts there are in the end says that the one wrote
all of them, and the other none.
"""

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.kernel.db import Database
from tests.benchmarks import shop
from tests.benchmarks.load import drive
from tests.benchmarks.orders import CONNECTIONS, order_requests, served
from tests.shop import rows

WARM_UP = 3_000
ROUNDS = 24
KINDS = ("hot", "cold")
WITHOUT = (sys.executable, "-m", "tests.benchmarks.without_facts")

Say = Callable[[str], None]
Rates = dict[tuple[str, str], list[float]]
"""Orders in a second of each round, by the kind of orders (hot, cold) and the API (with, without)."""

Ratios = dict[str, tuple[float, float]]


def run(say: Say, orders: int, rounds: int = ROUNDS) -> tuple[dict[str, object], Ratios]:
    """Orders in a second of both, and their ratios: of the one sku that everybody wants, and of a thousand skus.

    So many orders in each turn.
    """
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = EmbeddedPostgres(folder / "data")
        postgres.start()
        try:
            return _measured(postgres.url, folder, say, orders, rounds)
        finally:
            postgres.stop()


def _measured(url: str, folder: Path, say: Say, orders: int, rounds: int) -> tuple[dict[str, object], Ratios]:
    shop.migrate(url)
    key, _ = asyncio.run(shop.open_shop(url))
    rates: Rates = {(kind, which): [] for kind in KINDS for which in ("with", "without")}
    (folder / "with").mkdir()
    (folder / "without").mkdir()
    with served(url, folder / "with") as one, served(url, folder / "without", WITHOUT) as other:
        ports = {"with": one.port, "without": other.port}
        for which, port in ports.items():
            drive(port, order_requests(key, f"warm-{which}", WARM_UP, hot=False), CONNECTIONS)
        for n in range(rounds):
            for kind in KINDS:
                for which in sorted(ports, reverse=n % 2 == 1):
                    say(f"orders, round {n + 1} of {rounds}: {kind}, {which} facts")
                    wanted = order_requests(key, f"{which}-{kind}-{n}", orders, hot=kind == "hot")
                    outcome = drive(ports[which], wanted, CONNECTIONS)
                    assert outcome.statuses == {201: orders}, outcome.statuses
                    rates[kind, which].append(outcome.rate(201))
    assert asyncio.run(_facts(url)) == WARM_UP + 2 * rounds * orders
    return _report(rates)


def _report(rates: Mapping[tuple[str, str], list[float]]) -> tuple[dict[str, object], Ratios]:
    medians = {key: statistics.median(found) for key, found in rates.items()}
    rounds = {
        kind: [mine / theirs for mine, theirs in zip(rates[kind, "with"], rates[kind, "without"], strict=True)]
        for kind in KINDS
    }
    return {
        "orders_per_s": {f"{kind}_{which}_facts": round(found) for (kind, which), found in medians.items()},
        "facts_on_to_off_of_a_round": {kind: _quartiles(found) for kind, found in rounds.items()},
    }, {f"facts_on_to_off_{kind}": (round(medians[kind, "with"] / medians[kind, "without"], 3), 0.9) for kind in KINDS}


def _quartiles(found: list[float]) -> list[float]:
    return [round(one, 2) for one in (statistics.quantiles(found, n=4) if len(found) > 1 else found)]


async def _facts(url: str) -> int:
    db = Database(url, pool_size=1)
    [(count,)] = await rows(db, "SELECT count(*) FROM report_sales")
    await db.close()
    return int(count)
