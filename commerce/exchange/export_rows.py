"""How what is stored is written in exchange format: one query for each file, whose columns come out as the cells."""

from collections.abc import Mapping
from typing import NamedTuple

from commerce.exchange.files import BY_NAME
from commerce.exchange.kept_lines import KEPT_LINES
from commerce.exchange.kinds import AMOUNT, DATE, INSTANT, Kind, currency_digits
from commerce.kernel.cells import DANGEROUS


class Export(NamedTuple):
    """Where a file's rows come from: what stands behind each column, and the tables, in the order of the key.

    Amounts are multiplied by `d.unit`, so `tables` joins `d`, the digits of their currency. Instants are written in
    the time zone `zone`, or in UTC.
    """

    cells: Mapping[str, str]
    tables: str
    zone: str | None = None


def _own(columns: str, alias: str) -> dict[str, str]:
    return {column: f"{alias}.{column}" for column in columns.split()}


# What is still under way is not history yet; nor is what came back of it.
_OVER = "o.state IN ('completed', 'cancelled')"
# A click-and-collect order knows its store, but in this format only orders of stores have one.
_STORE = "CASE WHEN c.kind = 'retail' THEN o.location END"
_OF_THE_ORDER = "JOIN channels c ON c.code = o.channel JOIN markets m ON m.code = c.market"

EXPORTS = {
    "markets": Export(
        {
            **_own("code currency prices_include_tax time_zone", "m"),
            "countries": "array_to_string(m.countries, ' ')",
        },
        "markets m ORDER BY m.code",
    ),
    "channels": Export(_own("code kind market name", "c"), "channels c ORDER BY c.code"),
    "locations": Export(
        _own("code kind name market country city latitude longitude opened_on closed_on", "l"),
        "locations l ORDER BY l.code",
    ),
    "categories": Export(_own("code parent name", "k"), "categories k ORDER BY k.code"),
    "products": Export(
        _own("sku product name category brand gtin tax_class attributes status", "v"), "variants v ORDER BY v.sku"
    ),
    "recommended_prices": Export(
        _own("sku market amount valid_from valid_to", "p"),
        """
        recommended_prices p JOIN markets m ON m.code = p.market JOIN d ON d.currency = m.currency
        WHERE p.superseded_at IS NULL ORDER BY p.sku, p.market, p.valid_from
        """,
        zone="m.time_zone",
    ),
    "customers": Export(_own("code email phone country created_at", "u"), "customers u ORDER BY u.code"),
    "stock": Export(
        {**_own("sku location", "p"), "on_hand": "greatest(p.supply, 0)"},
        "stock_pools p WHERE p.purpose = 'general' ORDER BY p.sku, p.location",
    ),
    "orders": Export(
        {
            **_own("order_number channel currency placed_at", "o"),
            "location": _STORE,
            "customer": "u.code",
            "status": "o.state",
        },
        f"""
        orders o {_OF_THE_ORDER} LEFT JOIN customers u ON u.id = o.customer_id
        WHERE {_OVER} ORDER BY o.order_number
        """,
        zone="m.time_zone",
    ),
    "order_lines": Export(
        {
            "order_number": "o.order_number",
            **_own("line sku quantity unit_price discount_total tax_total line_total", "l"),
        },
        f"""
        ({KEPT_LINES}) l JOIN orders o ON o.id = l.order_id JOIN d ON d.currency = o.currency
        WHERE {_OVER} ORDER BY o.order_number, l.line
        """,
    ),
    "returns": Export(
        {
            **_own("return_number line quantity channel location returned_at refund_total", "t"),
            "order_number": "o.order_number",
        },
        f"""
        returns t JOIN orders o ON o.id = t.order_id JOIN d ON d.currency = o.currency
        JOIN channels c ON c.code = t.channel JOIN markets m ON m.code = c.market
        WHERE {_OVER} ORDER BY t.return_number
        """,
        zone="m.time_zone",
    ),
}
assert EXPORTS.keys() == BY_NAME.keys(), "what can be brought in can be taken out"

OPEN_ORDERS = f"SELECT count(*) FROM orders o WHERE NOT ({_OVER})"  # noqa: S608 - a constant of this module


def export_query(file: str) -> str:
    """The query whose rows are the file's rows, each cell a text, NULL where it is empty."""
    what = EXPORTS[file]
    cells = [_written(column.kind, what.cells[column.name], what.zone) for column in BY_NAME[file].columns]
    units = ", ".join(f"('{currency}', 1e-{digits})" for currency, digits in currency_digits().items())
    return f"""
        WITH d (currency, unit) AS (VALUES {units})
        SELECT {", ".join(cells)} FROM {what.tables}
    """  # noqa: S608 - constants of this module


def _written(kind: Kind, cell: str, zone: str | None) -> str:
    if kind is AMOUNT:
        return f"CAST({cell} * d.unit AS text)"
    if kind is INSTANT:
        return _instant(cell, zone)
    if kind is DATE:
        return f"to_char({cell}, 'YYYY-MM-DD')"
    return _disarmed(f"CAST({cell} AS text)") if kind.is_text else f"CAST({cell} AS text)"


def _disarmed(cell: str) -> str:
    """What a spreadsheet would take for a formula gets a quote before it, as `disarmed` of the kernel does it."""
    beginnings = ", ".join(f"chr({ord(beginning)})" for beginning in DANGEROUS)
    return f"CASE WHEN left({cell}, 1) IN ({beginnings}) THEN '''' || {cell} ELSE {cell} END"


def _instant(cell: str, zone: str | None) -> str:
    """Local time with its offset; in UTC where the offset has seconds, or the local year has more than four digits."""
    utc = f"({cell} AT TIME ZONE 'UTC')"
    if zone is None:
        return f"{_clock(utc)} || 'Z'"
    local = f"({cell} AT TIME ZONE {zone})"
    offset = f"({local} - {utc})"
    sayable = f"extract(second FROM {offset}) = 0 AND {local} >= '0001-01-01' AND {local} < '10000-01-01'"
    sign = f"CASE WHEN {offset} < '0' THEN '-' ELSE '+' END"
    away = f"{sign} || to_char(greatest({offset}, -{offset}), 'HH24:MI')"
    return f"CASE WHEN {sayable} THEN {_clock(local)} || {away} WHEN {cell} IS NOT NULL THEN {_clock(utc)} || 'Z' END"


def _clock(local: str) -> str:
    fraction = f"rtrim(rtrim(to_char({local}, '.US'), '0'), '.')"
    return f"to_char({local}, 'YYYY-MM-DD\"T\"HH24:MI:SS') || {fraction}"
