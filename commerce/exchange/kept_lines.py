"""Kept lines: the part of each line of a stored order that was not cancelled, for that alone was sold."""


def _kept(total: str) -> str:
    """What of a line's total falls on the units that were kept, rounded half up."""
    units = "CAST(l.quantity - l.cancelled AS numeric)"
    return f"CAST(div(2 * {units} * ({total}) + l.quantity, 2 * l.quantity) AS bigint)"


# Shared out as cancelling the rest of an order does it (cumulative rounding of what the buyer pays), so that an order
# adds up to what its ledger says. A line that was kept whole stays as it is, to the letter.
KEPT_LINES = f"""
    SELECT order_id, line, sku, quantity, unit_price, quantity * unit_price - line_total AS discount_total, tax_total,
           line_total, sent
      FROM (SELECT l.order_id, l.line, l.sku, l.quantity - l.cancelled AS quantity, l.unit_price, l.sent,
                   CASE l.cancelled WHEN 0 THEN l.line_total ELSE {_kept("l.line_total")} END AS line_total,
                   CASE WHEN l.cancelled = 0 THEN l.tax_total
                        WHEN (SELECT o.prices_include_tax FROM orders o WHERE o.id = l.order_id)
                        THEN {_kept("l.tax_total")}
                        ELSE {_kept("l.line_total + l.tax_total")} - {_kept("l.line_total")} END AS tax_total
              FROM order_lines l WHERE l.cancelled < l.quantity) AS parts
"""  # noqa: S608 - constants of this module
"""Lines of orders as the format can say them: no line of which nothing is left, and no word of what was cancelled."""
