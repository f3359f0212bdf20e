"""Facts: what was sold, cancelled, brought back and handed over, written in the transaction in which it happened.

Each is read off the orders' rows by the statement that writes it, so a fact is by construction what they say.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.rows import Drawn, Into, Rows, write

_IS_PREORDER = """
    (o.launch IS NOT NULL OR EXISTS (SELECT FROM {payment_plans} p WHERE p.order_id = o.id AND p.plan = 'later'))
"""
_TABLES = ("orders", "order_lines", "payment_plans")
_STORED = {table: table for table in _TABLES}
IS_PREORDER = _IS_PREORDER.format(**_STORED)
_SALES = f"""
    SELECT o.placed_at, coalesce(o.recorded_at, o.placed_at) AS recorded_at,
           l.line_total - CASE WHEN o.prices_include_tax THEN l.tax_total ELSE 0 END AS revenue,
           u.no AS customer_no, v.no AS sku_no, CAST(o.placed_at AT TIME ZONE m.time_zone AS date) AS day,
           l.quantity, l.line, o.source = 'import' AS historic, {_IS_PREORDER} AS preorder,
           o.order_number, o.channel, o.location, o.launch, o.wave
      FROM {{orders}} o
      JOIN {{order_lines}} l ON l.order_id = o.id
      JOIN variants v ON v.sku = l.sku
      JOIN channels c ON c.code = o.channel
      JOIN markets m ON m.code = c.market
      {{to}}
"""  # noqa: S608 - made of this module's constants
_TO_BUYER = "LEFT JOIN customers u ON u.id = o.customer_id"
SALES = _SALES.format(to=_TO_BUYER, **_STORED)
"""What orders sold, as facts; a condition on `o` says which orders."""
GIVEN_SALES = _SALES.format(
    to="JOIN given_orders g ON g.order_number = o.order_number LEFT JOIN customers u ON u.code = g.customer", **_STORED
)
"""The same of an import, sold to whom the file names: to whom they were merged may not have been known then."""
SALES_COLUMNS = """
    placed_at, recorded_at, revenue, customer_no, sku_no, day, quantity, line, historic, preorder, order_number,
    channel, location, launch, wave
"""
REDUCTIONS_COLUMNS = """
    placed_at, happened_at, recorded_at, sku_no, units, line, historic, kind, order_number, channel,
    came_back_in
"""

_MARK = "INSERT INTO report_marks (left_at) VALUES (:now)"
_MARKS = Into("report_marks", {"left_at": "timestamptz"})
_SOLD = Drawn(
    f"""
        INSERT INTO report_sales ({SALES_COLUMNS}) {_SALES.replace("{to}", _TO_BUYER)}
         ORDER BY o.placed_at, o.order_number, l.line
    """,
    _TABLES,
)
_REDUCE = """
    INSERT INTO report_reductions (placed_at, happened_at, recorded_at, sku_no, units, line, historic, kind,
                                   order_number, channel, came_back_in)
    SELECT o.placed_at, :now, :now, v.no, {units}, l.line, false, {kind}, o.order_number, o.channel, NULL
      FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN variants v ON v.sku = l.sku
     WHERE o.id = :order AND {which}
"""
_WHOLE = _REDUCE.format(units="l.quantity", kind="'cancelled'", which="true")
_REST = _REDUCE.format(units="l.cancelled", kind="'cancelled'", which="l.cancelled > 0")
_RETURNED = _REDUCE.format(units="CAST(:units AS int)", kind="'returned'", which="l.line = :line")
_CANCEL = text(f"WITH mark AS ({_MARK}) {_WHOLE}")
_CANCEL_REST = text(f"WITH mark AS ({_MARK}) {_REST}")
_RETURN = text(f"WITH mark AS ({_MARK}) {_RETURNED}")
_HANDED = text(f"""
    WITH mark AS ({_MARK})
    INSERT INTO report_handovers (order_number, happened_at, recorded_at)
    SELECT o.order_number, :now, :now FROM orders o WHERE o.id = :order AND {IS_PREORDER}
""")  # noqa: S608 - as above
_LEAVE = text(_MARK)


async def write_sold(tx: Session, many: Iterable[Rows], now: datetime) -> None:
    """Write the rows of new orders and of what goes with them, and in the same statement what they have sold."""
    await write(tx, [*many, _MARKS.rows([(now,)])], _SOLD)


async def record_cancellation(tx: Session, order: str, now: datetime) -> None:
    """Write down that nothing of this order will leave."""
    await tx.execute(_CANCEL, {"order": order, "now": now})


async def record_rest_cancelled(tx: Session, order: str, now: datetime) -> None:
    """Write down which units of this order will not leave, as its lines say since a moment ago."""
    await tx.execute(_CANCEL_REST, {"order": order, "now": now})


async def record_returned(tx: Session, order: str, line: int, units: int, now: datetime) -> None:
    """Write down that units of a line came back."""
    await tx.execute(_RETURN, {"order": order, "line": line, "units": units, "now": now})


async def record_handover(tx: Session, order: str, now: datetime) -> None:
    """Write down that everything of an order is in its buyer's hands, if it is a preorder."""
    await tx.execute(_HANDED, {"order": order, "now": now})


async def leave_mark(tx: Session, now: datetime) -> None:
    """Let no answer that was kept be given again: something else changed what reports find."""
    await tx.execute(_LEAVE, {"now": now})
