"""An attach rate as an analyst would ask DuckDB for it: a program of its own, in an environment of its own.

Reads questions, a line of JSON each, and answers each with the seconds that it took and the rows. The first answer's
seconds have the connection in them, but not the import of the library. The figures are those of decision 0032: net of
what came back by the as-of, guests out where customers are followed, later by (placed_at, order_number), windows in
days of each market's calendar, and with the basis `customers` a first anchor order for each row and one for the total.
"""

import json
import sys
from importlib import import_module
from time import perf_counter
from typing import Any

# Everything that is filled in comes from the benchmark that asks: names of categories, days, and the folder.
_KEPT = """
    WITH gone AS (
        SELECT order_number, line, sum(quantity)::int AS units FROM '{folder}/returns.parquet'
         WHERE returned_at < TIMESTAMPTZ '{as_of}' GROUP BY ALL
    ), kept AS (
        SELECT s.order_number, s.customer, s.market, s.channel, s.placed_at, s.day,
               s.quantity - coalesce(g.units, 0) AS net, s.category IN ({anchor}) AS anchor
          FROM '{folder}/sales.parquet' s LEFT JOIN gone g USING (order_number, line)
         WHERE NOT s.cancelled AND s.category IN ({anchor}, {attach}) AND s.placed_at < TIMESTAMPTZ '{as_of}'
           AND s.day BETWEEN DATE '{first}' AND DATE '{last}' + {window}
    )
"""
_BASKETS = """
    , baskets AS (
        SELECT any_value(channel) AS channel, year(any_value(day)) * 12 + month(any_value(day)) - 1 AS month,
               sum(CASE WHEN anchor THEN net ELSE 0 END) AS anchors, sum(CASE WHEN anchor THEN 0 ELSE net END) AS others
          FROM kept GROUP BY order_number HAVING anchors > 0
    )
    SELECT month, channel, {figures} FROM baskets GROUP BY GROUPING SETS ((month, channel), ())
"""
# Lines of one order have the same instant and number, so that each sees the whole order and all later ones; the first
# order of anything is the one with the highest place.
_EVENTS = """
    , followed AS (
        SELECT *, row_number() OVER latest AS place, min(CASE WHEN NOT anchor THEN day END) OVER latest AS next_day
          FROM kept WHERE net > 0 AND customer IS NOT NULL
        WINDOW latest AS (PARTITION BY customer ORDER BY placed_at DESC, order_number DESC)
    ), events AS (
        SELECT f.order_number, f.customer, f.channel, f.place, year(f.day) * 12 + month(f.day) - 1 AS month,
               coalesce(f.next_day <= f.day + {window}, false) AS attached, f.day + {window} > o.last_day AS open
          FROM followed f JOIN (VALUES {over}) AS o (market, last_day) USING (market)
         WHERE f.anchor AND f.day BETWEEN DATE '{first}' AND DATE '{last}'
    )
"""
_ONCE = ", once AS (SELECT DISTINCT order_number, month, channel, attached, open FROM events)"
_FIRSTS = """
    , firsts AS (
        SELECT month, channel, arg_max(attached, place) AS attached, arg_max(open, place) AS open
          FROM events GROUP BY customer, month, channel
         UNION ALL
        SELECT NULL, NULL, arg_max(attached, place), arg_max(open, place) FROM events GROUP BY customer
    )
"""
_COUNTS = "count(*) FILTER (attached), count(*), count(*) FILTER (attached AND open), count(*) FILTER (open)"
_GROUPS = "GROUPING SETS ((month, channel), ())"
_REST = {
    "orders": _BASKETS.replace("{figures}", "count(*) FILTER (others > 0), count(*)"),
    "units": _BASKETS.replace("{figures}", "sum(others), sum(anchors)"),
    "events": f"{_EVENTS} {_ONCE} SELECT month, channel, {_COUNTS} FROM once GROUP BY {_GROUPS}",
    "customers": f"{_EVENTS} {_FIRSTS} SELECT month, channel, {_COUNTS} FROM firsts GROUP BY month, channel",
}


def to_sql(question: dict[str, Any]) -> str:
    """The question as a statement; its rows are month (counted from the year 0), channel and counts, both null last."""
    words = {
        **question,
        "anchor": _listed(question["anchor"]),
        "attach": _listed(question["attach"]),
        "over": ", ".join(f"('{market}', DATE '{day}')" for market, day in question["over"].items()),
    }
    statement = f"{_KEPT} {_REST[question['basis']]} ORDER BY month, channel"
    return statement.format(**words)


def _listed(words: list[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def main() -> None:
    """Answer each line, until there are no more."""
    duckdb: Any = import_module("duckdb")
    begun = perf_counter()
    connection = duckdb.connect(config={"threads": int(sys.argv[1])})
    connected_s = perf_counter() - begun
    for line in sys.stdin:
        begun = perf_counter()
        rows = connection.execute(to_sql(json.loads(line))).fetchall()
        seconds, connected_s = perf_counter() - begun + connected_s, 0
        sys.stdout.write(json.dumps({"seconds": seconds, "rows": rows}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
