"""What must hold of history: orders, their lines, and returns. What is stored of them is never changed."""

from commerce.exchange.files import BY_NAME
from commerce.exchange.kept_lines import KEPT_LINES
from commerce.exchange.rules import Rule, amounts_fit, keys_are_unique, refers, stays_the_same
from commerce.kernel.money import AMOUNT_MAX

_STORED = "The stored order says otherwise ({}), and history is not rewritten."

_ORDERS = (
    keys_are_unique(BY_NAME["orders"]),
    refers("orders", "channel", "channel", "known_channels.code", "channels"),
    refers("orders", "location", "location", "known_locations.code", "locations"),
    Rule(
        "orders",
        "location",
        "An order of the retail channel {} needs the store it was sold in.",
        """
        SELECT g.at, g.channel AS word FROM given_orders g JOIN known_channels c ON c.code = g.channel
         WHERE g.sound AND g.location IS NULL AND c.kind = 'retail'
        """,
    ),
    Rule(
        "orders",
        "location",
        "An order of the online channel {} has no store.",
        """
        SELECT g.at, g.channel AS word FROM given_orders g JOIN known_channels c ON c.code = g.channel
         WHERE g.location IS NOT NULL AND c.kind = 'online'
        """,
    ),
    Rule(
        "orders",
        "location",
        "This is not a store of the channel's market ({}).",
        """
        SELECT g.at, c.market AS word FROM given_orders g
          JOIN known_channels c ON c.code = g.channel AND c.kind = 'retail'
          JOIN known_locations l ON l.code = g.location
         WHERE l.kind <> 'store' OR l.market <> c.market
        """,
    ),
    Rule(
        "orders",
        "customer",
        "There is no customer '{}', neither in the folder nor stored.",
        """
        SELECT g.at, g.customer AS word FROM given_orders g
         WHERE g.customer IS NOT NULL
           AND NOT EXISTS (SELECT FROM given_customers k WHERE k.code = g.customer)
           AND NOT EXISTS (SELECT FROM customers k WHERE k.code = g.customer)
        """,
        needs=("customers",),
    ),
    Rule(
        "orders",
        "currency",
        "The channel's market sells in {}.",
        """
        SELECT g.at, c.currency AS word FROM given_orders g JOIN known_channels c ON c.code = g.channel
         WHERE g.currency <> c.currency
        """,
    ),
    Rule(
        "orders",
        "order_number",
        "The order '{}' has no line.",
        """
        SELECT g.at, g.order_number AS word FROM given_orders g
          JOIN known_orders k USING (order_number)
         WHERE k.is_new AND NOT EXISTS (SELECT FROM order_sums s WHERE s.order_number = g.order_number)
        """,
        needs=("order_lines",),
    ),
    Rule(
        "orders",
        "order_number",
        "The lines of '{}' add up to more than this system handles.",
        f"""
        SELECT g.at, g.order_number AS word FROM given_orders g
          JOIN known_orders k USING (order_number) JOIN order_sums s USING (order_number)
         WHERE greatest(abs(s.subtotal), abs(s.discount_total), abs(s.tax_total), abs(s.line_total + s.tax_total))
               * k.per_major > {AMOUNT_MAX}
        """,  # noqa: S608 - a number
    ),
    stays_the_same(
        "orders",
        _STORED,
        (
            ("channel", "g.channel", "o.channel"),
            ("location", "g.location", "CASE WHEN c.kind = 'retail' THEN o.location END"),
            ("customer", "CASE u.code WHEN g.customer THEN u.code ELSE coalesce(w.code, g.customer) END", "u.code"),
            ("currency", "g.currency", "o.currency"),
            ("placed_at", "g.placed_at", "o.placed_at"),
            ("status", "g.status", "o.state"),
        ),
        """
        JOIN orders o ON o.order_number = g.order_number
        JOIN channels c ON c.code = o.channel
        LEFT JOIN customers u ON u.id = o.customer_id
        LEFT JOIN known_customers k ON k.code = g.customer
        LEFT JOIN customers w ON w.id = k.customer_id
        """,
    ),
)
_LINES = (
    keys_are_unique(BY_NAME["order_lines"]),
    refers("order_lines", "order_number", "order", "known_orders.order_number", "orders"),
    refers("order_lines", "sku", "product", "known_skus.sku", "products"),
    *amounts_fit(BY_NAME["order_lines"], "JOIN known_orders d USING (order_number)"),
    Rule(
        "order_lines",
        "discount_total",
        "A discount is not less than nothing.",
        "SELECT at, NULL AS word FROM given_order_lines WHERE discount_total < 0",
    ),
    Rule(
        "order_lines",
        "unit_price",
        "A price is not less than nothing.",
        "SELECT at, NULL AS word FROM given_order_lines WHERE unit_price < 0",
    ),
    Rule(
        "order_lines",
        "discount_total",
        "A discount is not more than the line, which is {}.",
        """
        SELECT at, (quantity * unit_price)::text AS word FROM given_order_lines
         WHERE unit_price >= 0 AND discount_total > quantity * unit_price
        """,
    ),
    Rule(
        "order_lines",
        "tax_total",
        "Tax is not less than nothing.",
        "SELECT at, NULL AS word FROM given_order_lines WHERE tax_total < 0",
    ),
    Rule(
        "order_lines",
        "line_total",
        "It should be {}: quantity times unit_price, less discount_total.",
        """
        SELECT at, (quantity * unit_price - discount_total)::text AS word FROM given_order_lines
         WHERE line_total <> quantity * unit_price - discount_total
        """,
    ),
    stays_the_same(
        "order_lines",
        _STORED,
        (
            ("sku", "g.sku", "l.sku"),
            ("quantity", "g.quantity", "l.quantity"),
            ("unit_price", "g.unit_price * k.per_major", "l.unit_price"),
            ("discount_total", "g.discount_total * k.per_major", "l.discount_total"),
            ("tax_total", "g.tax_total * k.per_major", "l.tax_total"),
            ("line_total", "g.line_total * k.per_major", "l.line_total"),
        ),
        f"""
        JOIN known_orders k ON k.order_number = g.order_number AND NOT k.is_new
        JOIN ({KEPT_LINES}) l ON l.order_id = k.id AND l.line = g.line
        """,
    ),
    Rule(
        "order_lines",
        "line",
        "The stored order has no line {}, and history is not rewritten.",
        f"""
        SELECT g.at, g.line::text AS word FROM given_order_lines g
          JOIN known_orders k ON k.order_number = g.order_number AND NOT k.is_new
         WHERE g.line IS NOT NULL
           AND NOT EXISTS (SELECT FROM ({KEPT_LINES}) l WHERE l.order_id = k.id AND l.line = g.line)
        """,  # noqa: S608 - a constant of this package
    ),
    Rule(
        "order_lines",
        "line",
        "The stored order has more lines than these; line {} is missing.",
        f"""
        SELECT min(g.at) AS at, min(l.line)::text AS word
          FROM known_orders k
          JOIN given_order_lines g ON g.order_number = k.order_number
          JOIN ({KEPT_LINES}) l ON l.order_id = k.id
         WHERE NOT k.is_new
           AND NOT EXISTS (SELECT FROM given_order_lines m WHERE m.order_number = k.order_number AND m.line = l.line)
         GROUP BY k.order_number
        """,  # noqa: S608 - a constant of this package
        needs=("order_lines",),
    ),
)
# What was sold of a line: nothing of a cancelled order, and of a stored one what has left.
_SOLD = """
    SELECT l.order_number, l.line, CASE WHEN k.cancelled THEN 0 ELSE l.quantity END AS sold
      FROM given_order_lines l JOIN known_orders k ON k.order_number = l.order_number AND k.is_new
     UNION ALL
    SELECT k.order_number, l.line, l.sent FROM known_orders k JOIN order_lines l ON l.order_id = k.id
     WHERE NOT k.is_new
"""
_RETURNS = (
    keys_are_unique(BY_NAME["returns"]),
    refers("returns", "order_number", "order", "known_orders.order_number", "orders"),
    refers("returns", "channel", "channel", "known_channels.code", "channels"),
    refers("returns", "location", "location", "known_locations.code", "locations"),
    Rule(
        "returns",
        "location",
        "This is not a store of the channel's market ({}).",
        """
        SELECT g.at, c.market AS word FROM given_returns g
          JOIN known_channels c ON c.code = g.channel
          JOIN known_locations l ON l.code = g.location
         WHERE l.kind = 'store' AND l.market <> c.market
        """,
    ),
    Rule(
        "returns",
        "line",
        "The order has no line {}.",
        f"""
        SELECT g.at, g.line::text AS word FROM given_returns g JOIN known_orders k USING (order_number)
         WHERE g.line IS NOT NULL
           AND NOT EXISTS (SELECT FROM ({_SOLD}) AS s WHERE s.order_number = g.order_number AND s.line = g.line)
        """,  # noqa: S608 - a constant of this module
        needs=("order_lines",),
    ),
    Rule(
        "returns",
        "quantity",
        "With this more units came back than were sold ({}).",
        f"""
        SELECT r.at, s.sold::text AS word
          FROM (SELECT g.at, g.order_number, g.line,
                       sum(g.quantity) OVER (PARTITION BY g.order_number, g.line ORDER BY g.at) AS come_back
                  FROM given_returns g) AS r
          JOIN ({_SOLD}) AS s USING (order_number, line)
          LEFT JOIN (SELECT k.order_number, t.line, sum(t.quantity) AS units
                       FROM known_orders k JOIN returns t ON t.order_id = k.id
                      WHERE NOT EXISTS (SELECT FROM given_returns g WHERE g.return_number = t.return_number)
                      GROUP BY 1, 2) AS before USING (order_number, line)
         WHERE r.come_back + coalesce(before.units, 0) > s.sold
        """,  # noqa: S608 - a constant of this module
    ),
    *amounts_fit(BY_NAME["returns"], "JOIN known_orders d USING (order_number)"),
    Rule(
        "returns",
        "returned_at",
        "Nothing comes back before it was ordered ({}).",
        """
        SELECT g.at, o.placed_at::text AS word
          FROM given_returns g
          JOIN (SELECT order_number, placed_at FROM given_orders
                 UNION
                SELECT s.order_number, s.placed_at FROM orders s JOIN known_orders k ON k.id = s.id AND NOT k.is_new
               ) AS o USING (order_number)
         WHERE g.returned_at < o.placed_at
        """,
    ),
    Rule(
        "returns",
        "refund_total",
        "A refund is not less than nothing.",
        "SELECT at, NULL AS word FROM given_returns WHERE refund_total < 0",
    ),
    stays_the_same(
        "returns",
        "The stored return says otherwise ({}), and history is not rewritten.",
        (
            ("order_number", "g.order_number", "o.order_number"),
            ("line", "g.line", "t.line"),
            ("quantity", "g.quantity", "t.quantity"),
            ("channel", "g.channel", "t.channel"),
            ("location", "g.location", "t.location"),
            ("returned_at", "g.returned_at", "t.returned_at"),
            ("refund_total", "g.refund_total * k.per_major", "t.refund_total"),
        ),
        """
        JOIN returns t ON t.return_number = g.return_number
        JOIN orders o ON o.id = t.order_id
        LEFT JOIN known_orders k ON k.order_number = g.order_number
        """,
    ),
)

HISTORY_RULES = (*_ORDERS, *_LINES, *_RETURNS)
"""In no particular order: every rule is asked, whatever the others found."""
