"""Resolve references: what a row may refer to is what the folder brings, and else what is stored."""

from commerce.exchange.wire import Wire, rows_of

# In each `known_…` table the folder's word comes before the stored one, for that is how it will be.
_KNOWN = """
    CREATE TEMP TABLE known_markets ON COMMIT DROP AS
    SELECT m.code, m.currency, m.prices_include_tax, d.digits, d.per_major
      FROM (SELECT code, currency, prices_include_tax FROM given_markets
             UNION ALL
            SELECT code, currency, prices_include_tax FROM markets s
             WHERE NOT EXISTS (SELECT FROM given_markets g WHERE g.code = s.code)) AS m
      LEFT JOIN currency_digits d USING (currency);

    CREATE TEMP TABLE known_channels ON COMMIT DROP AS
    SELECT c.code, c.kind, c.market, m.currency, m.prices_include_tax, m.digits, m.per_major
      FROM (SELECT code, kind, market FROM given_channels
             UNION ALL
            SELECT code, kind, market FROM channels s
             WHERE NOT EXISTS (SELECT FROM given_channels g WHERE g.code = s.code)) AS c
      LEFT JOIN known_markets m ON m.code = c.market;

    CREATE TEMP TABLE known_locations ON COMMIT DROP AS
    SELECT code, kind, market FROM given_locations
     UNION ALL
    SELECT code, kind, market FROM locations s
     WHERE NOT EXISTS (SELECT FROM given_locations g WHERE g.code = s.code);

    CREATE TEMP TABLE known_skus ON COMMIT DROP AS
    SELECT sku FROM given_products UNION SELECT sku FROM variants;

    CREATE TEMP TABLE known_orders ON COMMIT DROP AS
    SELECT DISTINCT ON (g.order_number) g.order_number, coalesce(o.id, g.id) AS id, o.id IS NULL AS is_new,
           g.status = 'cancelled' AS cancelled, c.prices_include_tax, c.digits, c.per_major
      FROM given_orders g
      LEFT JOIN orders o USING (order_number)
      LEFT JOIN known_channels c ON c.code = g.channel;
    ANALYZE known_orders;

    INSERT INTO known_orders
    SELECT o.order_number, o.id, false, o.state = 'cancelled', o.prices_include_tax, d.digits, d.per_major
      FROM (SELECT order_number FROM given_order_lines UNION SELECT order_number FROM given_returns) AS w
      JOIN orders o USING (order_number)
      LEFT JOIN currency_digits d ON d.currency = o.currency
     WHERE NOT EXISTS (SELECT FROM known_orders k WHERE k.order_number = w.order_number);

    CREATE TEMP TABLE order_sums ON COMMIT DROP AS
    SELECT order_number, sum(quantity * unit_price) AS subtotal, sum(discount_total) AS discount_total,
           sum(tax_total) AS tax_total, sum(line_total) AS line_total
      FROM given_order_lines GROUP BY order_number;

    ANALYZE known_markets; ANALYZE known_channels; ANALYZE known_locations; ANALYZE known_skus;
    ANALYZE known_orders; ANALYZE order_sums;
"""

# Of the customers named by orders, those who are stored; `customer_id` is who they are after every merge.
_NAMED = """
    CREATE TEMP TABLE known_customers ON COMMIT DROP AS
    SELECT c.code, c.id AS customer_id FROM customers c WHERE c.code IN (SELECT customer FROM given_orders);
    ANALYZE known_customers;
"""
_FOLLOW = """
    UPDATE known_customers k SET customer_id = c.merged_into FROM customers c
     WHERE c.id = k.customer_id AND c.merged_into IS NOT NULL
"""
# Whoever was merged while we waited for the lock is seen here as they are now.
_LOCK = """
    SELECT count(merged_into)
      FROM (SELECT c.merged_into FROM customers c WHERE c.id IN (SELECT customer_id FROM known_customers)
             ORDER BY c.id FOR KEY SHARE) AS locked
"""


async def resolve(wire: Wire) -> None:
    """Fill the `known_…` tables: what there will be once the folder is stored, with what its amounts are made of.

    Of an order is known whether it is new, under which id, and how many digits its amounts may have. Of a stored
    customer is known who they are after every merge, and they stay that until the transaction ends.
    """
    await wire.execute(_KNOWN)
    await wire.execute(_NAMED)
    await _follow(wire)
    while await wire.fetchval(_LOCK):
        await _follow(wire)


async def _follow(wire: Wire) -> None:
    """Go on from everybody who was merged to whom they were merged into, until nobody was."""
    while rows_of(await wire.execute(_FOLLOW)):
        pass
