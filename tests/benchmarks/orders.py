"""Orders over HTTP against the same rows written by hand through pgbench, in one run on one server.

Plain orders, and orders of which every line has a promotion on it; the rows by hand have none.

Two API processes, 64 connections, default durability. Baseline and ours take turns, so that whatever else the machine
does hits both. The worker is not running while orders are timed: it reacts after the answer, and has its own measure.
"""

import asyncio
import json
import os
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from commerce.embedded.parts import Program
from commerce.embedded.postgres import EmbeddedPostgres
from commerce.embedded.supervisor import OUR_COMMAND, free_port
from tests.benchmarks import baseline, shop
from tests.benchmarks.load import Outcome, drive, get, post
from tests.waiting import status_at

CONNECTIONS = 64
PROCESSES = 2
ROUNDS = 3
WARM_UP = 3_000
ORDERS = 12_000
SHELVES = 1_000
SECONDS = 8
FOUNDATION = {"hot": 2.66, "cold": 1.01}
"""What the ratios to the rows by hand were on this kind of machine before there were promotions."""
KEPT = 0.85
"""How much of that an order with a promotion must keep."""

Say = Callable[[str], None]


def run(say: Say) -> dict[str, object]:
    """Measure hot, cold and sold out, three rounds each, and give the medians, spreads and ratios."""
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as folder:
        Path(folder).chmod(0o711)
        postgres = EmbeddedPostgres(Path(folder) / "data")
        postgres.start()
        try:
            return _measured(postgres, Path(folder), say)
        finally:
            postgres.stop()


def _measured(postgres: EmbeddedPostgres, folder: Path, say: Say) -> dict[str, object]:
    shop.migrate(postgres.url)
    key, club = asyncio.run(shop.open_shop(postgres.url))
    hand: dict[str, list[float]] = {"hot": [], "cold": []}
    ours: dict[str, list[Outcome]] = {kind: [] for kind in ("hot", "cold", "promoted_hot", "promoted_cold", "sold_out")}
    with api(postgres.url, folder) as port:
        say("warming up")
        drive(port, order_requests(key, "warm", WARM_UP, hot=False), CONNECTIONS)
        for n in range(ROUNDS):
            for kind in ("hot", "cold"):
                say(f"round {n + 1} of {ROUNDS}: {kind}, by hand")
                hot = kind == "hot"
                hand[kind].append(
                    baseline.orders_per_second(postgres.programs, postgres.libpq_url, hot=hot, seconds=SECONDS)
                )
                say(f"round {n + 1} of {ROUNDS}: {kind}, ours")
                ours[kind].append(drive(port, order_requests(key, f"{kind}-{n}", ORDERS, hot=hot), CONNECTIONS))
                say(f"round {n + 1} of {ROUNDS}: {kind}, ours with a promotion")
                promoted = order_requests(club, f"club-{kind}-{n}", ORDERS, hot=hot, channel="club")
                ours[f"promoted_{kind}"].append(drive(port, promoted, CONNECTIONS))
            say(f"round {n + 1} of {ROUNDS}: sold out")
            ours["sold_out"].append(drive(port, _gone(key, f"gone-{n}", ORDERS), CONNECTIONS))
        say("the shelf: 50 products with prices and availability")
        shelf = drive(port, _shelf(key, SHELVES), CONNECTIONS)
    return {**_report(hand, ours), "shelf_of_50_per_s": round(shelf.rate(200)), "shelf_statements": 3}


def _report(hand: Mapping[str, list[float]], ours: Mapping[str, list[Outcome]]) -> dict[str, object]:
    wanted = dict.fromkeys(ours, 201) | {"sold_out": 409}
    for kind, outcomes in ours.items():
        for outcome in outcomes:
            assert outcome.statuses == {wanted[kind]: ORDERS}, f"{kind}: {outcome.statuses}"
    rates = {kind: [outcome.rate(wanted[kind]) for outcome in outcomes] for kind, outcomes in ours.items()}
    median = {kind: statistics.median(values) for kind, values in rates.items()}
    report: dict[str, object] = {
        f"{kind}_{whose}_per_s": _spread(values)
        for whose, measured in (("by_hand", hand), ("ours", rates))
        for kind, values in measured.items()
    }
    for kind, outcomes in ours.items():
        report[f"{kind}_ms"] = {
            "p50": statistics.median(outcome.percentile(0.5) for outcome in outcomes),
            "p99": statistics.median(outcome.percentile(0.99) for outcome in outcomes),
        }
    ratio = {kind: median[kind] / statistics.median(hand[kind.removeprefix("promoted_")]) for kind in rates
             if kind != "sold_out"}  # fmt: skip
    report["promoted_to_plain"] = {kind: round(ratio[f"promoted_{kind}"] / ratio[kind], 2) for kind in hand}
    report["ratios"] = {
        "hot": (round(ratio["hot"], 2), 1.5),
        "cold": (round(ratio["cold"], 2), 0.5),
        "promoted_hot": (round(ratio["promoted_hot"], 2), round(KEPT * FOUNDATION["hot"], 2)),
        "promoted_cold": (round(ratio["promoted_cold"], 2), round(KEPT * FOUNDATION["cold"], 2)),
        "sold_out_to_hot": (round(median["sold_out"] / median["hot"], 2), 2.0),
    }
    return report


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values)), "min": round(min(values)), "max": round(max(values))}


def order_requests(key: str, tag: str, count: int, *, hot: bool, channel: str = "web") -> Iterator[bytes]:
    """So many orders of one line each, of the hot sku or of any; the same tag asks for the same orders."""
    dice = random.Random(tag)  # noqa: S311 - a benchmark's skus are no secret
    for n in range(count):
        sku = shop.HOT if hot else f"SKU-{dice.randrange(shop.SKUS):04d}"
        yield post("/v1/orders", key, f"{tag}-{n}", _body(sku, dice.randrange(shop.BUYERS), channel))


def _gone(key: str, tag: str, count: int) -> Iterator[bytes]:
    for n in range(count):
        yield post("/v1/orders", key, f"{tag}-{n}", _body(shop.SOLD_OUT, n % shop.BUYERS))


def _shelf(key: str, count: int) -> Iterator[bytes]:
    """Pages of the list; that one takes three statements, however long, is asserted in tests/test_shelf.py."""
    return (get("/v1/products?channel=web&limit=50", key) for _ in range(count))


def _body(sku: str, buyer: int, channel: str = "web") -> bytes:
    order = {
        "channel": channel,
        "lines": [{"sku": sku, "quantity": 1}],
        "shown_total": {"amount": shop.CLUB_PRICE if channel == "club" else shop.PRICE, "currency": "EUR"},
        "buyer": {"email": f"buyer{buyer}@example.com"},
    }
    return json.dumps(order).encode()


class Served(NamedTuple):
    """An API as processes."""

    port: int
    pid: int
    """Of the one that started the others."""


@contextmanager
def api(url: str, folder: Path) -> Iterator[int]:
    """Two API processes on a free port, as `commerce serve` starts them; gone when the block ends."""
    with served(url, folder) as there:
        yield there.port


@contextmanager
def served(
    url: str, folder: Path, command: Sequence[str] = OUR_COMMAND, processes: int = PROCESSES
) -> Iterator[Served]:
    """As `api`, by another command or in another number; each needs a folder that it has for itself."""
    port = free_port("127.0.0.1")
    env = {
        **os.environ,
        "COMMERCE_DATABASE_URL": url,
        "COMMERCE_REDIS_URL": "redis://127.0.0.1:1/1",
        "COMMERCE_DATA": str(folder / "serve"),
        "COMMERCE_LOG": "json",
    }
    words = [*command, "serve", "--port", str(port), "--workers", str(processes)]
    live = f"http://127.0.0.1:{port}/health/live"
    program = Program("api", words, log=folder / "api.log", env=env, answers=lambda: status_at(live) == 200)
    try:
        program.start()
        yield Served(port, program.pid)
    finally:
        program.stop()
