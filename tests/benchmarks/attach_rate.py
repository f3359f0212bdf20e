"""Attach rates of two million orders over HTTP, beside DuckDB on Parquet files of the same facts in the same run.

Both are asked the same, and answer the same to the row, or nothing is reported. Cold is the first question to a fresh
process of the API over a PostgreSQL that was restarted, and to a fresh DuckDB process, its connection included; the
files of both are in the system's cache. Warm is the same question again, to which our API may give the answer that it
kept; `others` are questions that were not asked before, on warm buffers, and show what it takes without. The tables
were vacuumed once, as PostgreSQL does by itself in its time.
"""

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text

from commerce.embedded.postgres import EmbeddedPostgres
from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.db import Database
from commerce.kernel.keys import WantedKey, issue_key
from tests.benchmarks import attach_history, attach_orders, shop
from tests.benchmarks.attach_files import write_folder, write_parquet
from tests.benchmarks.attach_questions import Answer, Question, api_at, duckdb_on
from tests.benchmarks.attach_streams import take_all
from tests.benchmarks.orders import served

ORDERS = 2_000_000
ROUNDS = 3
REPEATS = 9
YEAR = (date(2025, 1, 1), date(2025, 12, 31))
BASES = ("orders", "units", "events", "customers")
REPORT = {basis: Question("phones", "cases", basis, 30, *YEAR) for basis in BASES}
OTHERS = (
    Question("phones", "screen-glass", "customers", 30, *YEAR),
    Question("worn", "accessories", "customers", 60, *YEAR),
    Question("watches", "straps", "events", 14, *YEAR),
    Question("home", "power", "orders", 30, *YEAR),
)
"""Asked when the buffers are warm, but not asked before."""

THEN = datetime(2025, 6, 30, 21, 59, 30, 500_000, tzinfo=UTC)
"""Inside of a window and of a period, when some of what was sold had not come back yet."""

Say = Callable[[str], None]
Seconds = dict[str, list[float]]
Ratios = dict[str, tuple[float, float]]


class _Told(NamedTuple):
    """Two who know the same history: our database with a key for its API, and DuckDB's folder."""

    postgres: EmbeddedPostgres
    key: str
    files: Path
    folder: Path


def run(say: Say, orders: int = ORDERS, rounds: int = ROUNDS) -> dict[str, object]:
    """Every figure of the benchmark, and the ratios that were promised."""
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = EmbeddedPostgres(folder / "data")
        postgres.start()
        try:
            made = _tell(say, postgres, folder, orders)
            told = _Told(postgres, asyncio.run(_open(postgres.url)), folder / "parquet", folder)
            figures, rate_ratios = _compared(say, told, rounds)
            _agree_as_of_then(say, told)
            streams, stream_ratios = _streamed(say, told)
        finally:
            postgres.stop()
    costs, cost_ratios = attach_orders.run(say, orders // 2_000)
    return {**made, **figures, **streams, **costs, "ratios": rate_ratios | stream_ratios | cost_ratios}


def _tell(say: Say, postgres: EmbeddedPostgres, folder: Path, orders: int) -> dict[str, object]:
    """Make the history, and tell it to both."""
    say(f"making up {orders:,} orders")
    begun = time.perf_counter()
    history = attach_history.make(orders)
    write_folder(history, folder / "history")
    write_parquet(history, folder / "parquet")
    lines, made_s = len(history.lines.order), time.perf_counter() - begun
    del history
    say(f"importing {orders:,} orders with {lines:,} lines")
    shop.migrate(postgres.url)
    begun = time.perf_counter()
    asyncio.run(_import(postgres.url, folder / "history"))
    imported_s = time.perf_counter() - begun
    shutil.rmtree(folder / "history")
    return {"orders": orders, "lines": lines, "made_up_in_s": round(made_s), "imported_in_s": round(imported_s)}


async def _import(url: str, folder: Path) -> None:
    db = Database(url, pool_size=2)
    await import_folder(db, folder)
    async with db.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("VACUUM ANALYZE"))
    await db.close()


async def _open(url: str) -> str:
    """An analyst's key."""
    db = Database(url, pool_size=1)
    async with db.transaction() as tx:
        issued = await issue_key(tx, WantedKey(Role.ANALYST, "bench"), db.clock.now())
    await db.close()
    return issued.key


def _compared(say: Say, told: _Told, rounds: int) -> tuple[dict[str, object], Ratios]:
    """Every basis cold and warm, in turns with DuckDB, and what was not asked before."""
    ours: Seconds = {f"{basis}_{how}": [] for basis in (*BASES, "others") for how in ("cold", "warm")}
    theirs: Seconds = {name: [] for name in ours}
    for n in range(rounds):
        for basis, question in REPORT.items():
            say(f"round {n + 1} of {rounds}: {basis}")
            others = OTHERS if basis == "customers" else ()
            _one_turn(told, question, others, ours, theirs)
    mine, other = _milliseconds(ours), _milliseconds(theirs)
    facts = {
        "ours_ms": mine,
        "duckdb_ms": other,
        "three_duckdb_cold_to_ours_of_each_basis": {b: _to(3 * other[f"{b}_cold"], mine[f"{b}_cold"]) for b in BASES},
        "duckdb_to_ours_of_other_questions": _to(other["others_warm"], mine["others_warm"]),
    }
    return facts, {
        "cold_1500_ms": (_to(1500, mine["customers_cold"]), 1),
        "warm_300_ms": (_to(300, mine["customers_warm"]), 1),
        "every_basis_2500_ms": (_to(2500, max(mine[f"{basis}_cold"] for basis in BASES)), 1),
        "duckdb_cold_3x": (_to(3 * other["customers_cold"], mine["customers_cold"]), 1),
        "duckdb_warm": (_to(other["customers_warm"], mine["customers_warm"]), 1),
    }


def _one_turn(told: _Told, question: Question, others: Iterable[Question], ours: Seconds, theirs: Seconds) -> None:
    """The question cold and then warm, and the others when it is warm, to both; they must agree each time."""
    told.postgres.stop()
    told.postgres.start()
    basis = question.basis
    with ExitStack() as up:
        port = up.enter_context(served(told.postgres.url, told.folder, processes=1)).port
        ask = up.enter_context(api_at(port, told.key))
        ask_duckdb = up.enter_context(duckdb_on(told.files))
        cold = ask(question)
        cold_too = ask_duckdb(question, cold.as_of)
        _must_agree(question, cold, cold_too)
        ours[f"{basis}_cold"].append(cold.seconds)
        theirs[f"{basis}_cold"].append(cold_too.seconds)
        ours[f"{basis}_warm"].append(statistics.median(ask(question).seconds for _ in range(REPEATS)))
        warm_too = [ask_duckdb(question, cold.as_of).seconds for _ in range(REPEATS)]
        theirs[f"{basis}_warm"].append(statistics.median(warm_too))
        for other in others:
            answer = ask(other)
            answer_too = ask_duckdb(other, answer.as_of)
            _must_agree(other, answer, answer_too)
            ours["others_warm"].append(answer.seconds)
            theirs["others_warm"].append(answer_too.seconds)


def _must_agree(question: Question, ours: Answer, theirs: Answer) -> None:
    if ours.rows != theirs.rows:
        missed = [row for row in theirs.rows if row not in ours.rows]
        wrong = [row for row in ours.rows if row not in theirs.rows]
        raise AssertionError(f"{question}: {len(wrong)} rows are ours alone, as {wrong[:3]}; DuckDB has {missed[:3]}")


def _agree_as_of_then(say: Say, told: _Told) -> None:
    """The same as of an instant in the past, when windows are open: every basis must be equal to the row."""
    say("the same questions, as of a day in the past")
    with served(told.postgres.url, told.folder) as there, api_at(there.port, told.key) as ask:
        for question in (*REPORT.values(), *OTHERS):
            past = question._replace(as_of=THEN)
            answer = ask(past)
            assert answer.as_of == THEN
            with duckdb_on(told.files) as ask_duckdb:
                _must_agree(past, answer, ask_duckdb(past, THEN))


def _streamed(say: Say, told: _Told) -> tuple[dict[str, object], Ratios]:
    """A drill-down of everything, and how much memory that takes."""
    say("a drill-down of everything, as CSV and as Parquet")
    with served(told.postgres.url, told.folder) as there:
        taken = take_all(there, told.key, told.folder)
    growth_mb = max(one.growth_mb for one in taken.values())
    facts: dict[str, object] = {"drill_down": {name: one._asdict() for name, one in taken.items()}}
    return facts, {"200_mb_to_growth": (_to(200, max(growth_mb, 1)), 1)}


def _milliseconds(seconds: Seconds) -> dict[str, float]:
    """Cold is the median of the rounds, warm the best of their medians; what was asked only once is a median."""
    best = {name: min if name.endswith("_warm") and not name.startswith("others") else statistics.median
            for name in seconds}  # fmt: skip
    return {name: round(best[name](found) * 1000, 1) for name, found in seconds.items() if found}


def _to(wanted: float, measured: float) -> float:
    return round(wanted / measured, 2)
