"""The history that `make bench` asks its attach rates of: it is always the same, it can be imported, and it is skewed.

That DuckDB comes to the same figures is shown by the benchmark itself; nothing here needs it.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from pyarrow import compute, parquet

from commerce.exchange.import_folder import import_folder
from commerce.kernel.db import Database
from tests.benchmarks.attach_files import write_folder, write_parquet
from tests.benchmarks.attach_history import DAYS, FIRST_DAY, GUEST, HOUSE, LEAVES, MARKETS, PHONES, History, make
from tests.shop import rows

ORDERS = 3_000
IN_PARQUET = ("order_number", "line", "sku", "category", "customer", "channel", "placed_at", "day", "quantity")
IN_DATABASE = """
    SELECT o.order_number, l.line, l.sku, v.category, right(u.code, 8)::int AS customer, o.channel, o.placed_at,
           (o.placed_at AT TIME ZONE m.time_zone)::date AS day, l.quantity, o.state = 'cancelled' AS cancelled
      FROM order_lines l JOIN orders o ON o.id = l.order_id JOIN variants v ON v.sku = l.sku
      JOIN channels c ON c.code = o.channel JOIN markets m ON m.code = c.market
      LEFT JOIN customers u ON u.id = o.customer_id
     ORDER BY o.placed_at, o.order_number, l.line
"""
CAME_BACK = """
    SELECT o.order_number, r.line, r.quantity, r.returned_at FROM returns r JOIN orders o ON o.id = r.order_id
     ORDER BY r.returned_at, o.order_number, r.line, r.return_number
"""


async def test_what_is_imported_is_what_the_parquet_files_say(db: Database, tmp_path: Path) -> None:
    history = make(ORDERS)
    write_folder(history, tmp_path / "folder")
    write_parquet(history, tmp_path / "parquet")

    report = await import_folder(db, tmp_path / "folder")

    assert report.files["orders"].new == ORDERS
    sales = parquet.read_table(tmp_path / "parquet" / "sales.parquet")
    order = compute.sort_indices(sales, [(name, "ascending") for name in ("placed_at", "order_number", "line")])
    told = sales.take(order).select([*IN_PARQUET, "cancelled"]).to_pylist()
    assert [tuple(row) for row in await rows(db, IN_DATABASE)] == [tuple(row.values()) for row in told]
    back = parquet.read_table(tmp_path / "parquet" / "returns.parquet").to_pylist()
    assert sorted(tuple(row) for row in await rows(db, CAME_BACK)) == sorted(tuple(row.values()) for row in back)


def test_it_is_always_the_same(tmp_path: Path) -> None:
    for turn in ("1", "2"):
        write_folder(make(500), tmp_path / turn)

    first, second = ({file.name: file.read_bytes() for file in (tmp_path / turn).iterdir()} for turn in ("1", "2"))
    assert first == second


def test_it_is_as_skewed_as_pasts_are() -> None:
    history = make(40_000)
    orders, lines = history.orders, history.lines

    assert np.all(np.diff(orders.placed_at) >= 0)
    assert 2.4 <= len(lines.order) / 40_000 <= 2.6
    assert 0.19 <= np.mean(orders.customer == GUEST) <= 0.21
    assert 0.008 <= np.mean(orders.customer == HOUSE) <= 0.012
    assert 0.08 <= np.mean(_is_phone(history)) <= 0.15
    assert 0.08 <= np.mean([LEAVES[leaf].parent == "cases" for leaf in history.leaf_of[lines.sku]]) <= 0.12
    assert 0.025 <= np.mean(orders.cancelled) <= 0.035
    assert 0.025 <= len(history.returns.line) / len(lines.order) <= 0.035
    assert np.sort(np.bincount(lines.sku))[-100:].sum() > len(lines.sku) / 3, "a hundred skus sell a third of it all"
    months = [(FIRST_DAY + timedelta(int(day))).month for day in orders.day]
    assert months.count(12) > 1.5 * months.count(2)


def test_who_bought_a_phone_comes_back_for_a_case() -> None:
    history = make(40_000)
    orders, lines = history.orders, history.lines
    is_case = np.array([leaf.parent == "cases" for leaf in LEAVES])[history.leaf_of[lines.sku]]
    phones, cases = np.unique(lines.order[_is_phone(history)]), np.unique(lines.order[is_case])
    bought = {(orders.customer[order], orders.day[order]) for order in phones if orders.customer[order] > HOUSE}
    days_of: dict[int, list[int]] = {}
    for order in cases:
        days_of.setdefault(int(orders.customer[order]), []).append(int(orders.day[order]))

    later = sum(any(0 < other - day <= 30 for other in days_of.get(customer, [])) for customer, day in bought)
    before = sum(any(0 < day - other <= 30 for other in days_of.get(customer, [])) for customer, day in bought)

    assert later > 1.4 * before


def test_every_day_is_of_the_three_years_and_ties_are_there() -> None:
    history = make(40_000)
    orders = history.orders

    assert (orders.day.min(), orders.day.max()) == (0, DAYS - 1)
    assert FIRST_DAY + timedelta(DAYS - 1) == date(2026, 3, 31)
    last = datetime.fromtimestamp(int(orders.placed_at[-1]), UTC)
    assert last < datetime(2026, 4, 2, tzinfo=UTC)
    assert len(MARKETS) * 2 == len(np.unique(orders.channel))
    at_the_house = orders.placed_at[orders.customer == HOUSE]
    assert len(np.unique(at_the_house)) < len(at_the_house)


def _is_phone(history: History) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.isin(history.leaf_of[history.lines.sku], PHONES)
