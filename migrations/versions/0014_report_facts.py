"""What reports read: narrow facts of what was sold, cancelled, brought back and handed over."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_RANGES = {"pages_per_range": "32", "autosummarize": "on"}
_CODE = sa.Text(collation="C")
_AT = sa.DateTime(timezone=True)

# A customer who was merged is the survivor on their orders; the first merge that moved an order knows whose it was.
_SALES = """
    INSERT INTO report_sales (placed_at, recorded_at, revenue, customer_no, sku_no, day, quantity, line, historic,
                              preorder, order_number, channel, location, launch, wave)
    SELECT o.placed_at, coalesce(o.recorded_at, o.placed_at),
           l.line_total - CASE WHEN o.prices_include_tax THEN l.tax_total ELSE 0 END,
           coalesce(w.no, u.no), v.no, CAST(o.placed_at AT TIME ZONE m.time_zone AS date), l.quantity, l.line,
           o.source = 'import', coalesce(p.plan = 'later', false), o.order_number, o.channel, o.location, NULL, NULL
      FROM orders o
      JOIN order_lines l ON l.order_id = o.id
      JOIN variants v ON v.sku = l.sku
      JOIN channels c ON c.code = o.channel
      JOIN markets m ON m.code = c.market
      LEFT JOIN payment_plans p ON p.order_id = o.id
      LEFT JOIN customers u ON u.id = o.customer_id
      LEFT JOIN (SELECT DISTINCT ON (moved.id) moved.id, g.merged
                   FROM customer_merges g, jsonb_array_elements_text(g.moved -> 'orders') AS moved (id)
                  ORDER BY moved.id, g.merged_at, g.id) AS f ON f.id = o.id
      LEFT JOIN customers w ON w.id = f.merged
     ORDER BY o.placed_at, o.order_number, l.line
"""
_CANCELLED = """
    INSERT INTO report_reductions (placed_at, happened_at, recorded_at, sku_no, units, line, historic, kind,
                                   order_number, channel, came_back_in)
    SELECT o.placed_at, coalesce(t.happened_at, o.placed_at), coalesce(t.happened_at, o.recorded_at, o.placed_at),
           v.no, CASE o.state WHEN 'cancelled' THEN l.quantity ELSE l.cancelled END, l.line, o.source = 'import',
           'cancelled', o.order_number, o.channel, NULL
      FROM orders o
      JOIN order_lines l ON l.order_id = o.id AND (o.state = 'cancelled' OR l.cancelled > 0)
      JOIN variants v ON v.sku = l.sku
      LEFT JOIN (SELECT order_id, max(happened_at) AS happened_at FROM order_timeline
                  WHERE what IN ('cancelled', 'rest_cancelled') GROUP BY order_id) AS t ON t.order_id = o.id
     ORDER BY o.placed_at
"""
_RETURNED = """
    INSERT INTO report_reductions (placed_at, happened_at, recorded_at, sku_no, units, line, historic, kind,
                                   order_number, channel, came_back_in)
    SELECT o.placed_at, b.at, b.at, v.no, b.units, b.line, b.historic, 'returned', o.order_number, o.channel, b.channel
      FROM (SELECT order_id, line, quantity AS units, returned_at AS at, true AS historic, channel FROM returns
             UNION ALL
            SELECT order_id, line, quantity, created_at, false, NULL FROM refunds
             WHERE reason = 'line' AND state <> 'replaced' AND quantity > 0) AS b
      JOIN orders o ON o.id = b.order_id
      JOIN order_lines l ON l.order_id = b.order_id AND l.line = b.line
      JOIN variants v ON v.sku = l.sku
     ORDER BY o.placed_at
"""
_HANDED = """
    INSERT INTO report_handovers (order_number, happened_at, recorded_at)
    SELECT o.order_number, t.happened_at, t.happened_at
      FROM orders o
      JOIN payment_plans p ON p.order_id = o.id AND p.plan = 'later'
      JOIN (SELECT order_id, max(happened_at) AS happened_at FROM order_timeline
             WHERE what IN ('collected', 'handed_over') GROUP BY order_id) AS t ON t.order_id = o.id
     WHERE o.state = 'completed'
"""


def _in_order(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column], postgresql_using="brin", postgresql_with=_RANGES)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '1800s'")
    # The shop's whole past is read once, and customers and variants are numbered: minutes for millions of orders.
    op.add_column("orders", sa.Column("recorded_at", _AT, nullable=True))
    op.add_column("orders", sa.Column("launch", _CODE, nullable=True))
    op.add_column("orders", sa.Column("wave", _CODE, nullable=True))
    op.create_check_constraint(op.f("ck_orders_a_wave_is_of_a_launch"), "orders", "wave IS NULL OR launch IS NOT NULL")
    op.add_column("returns", sa.Column("recorded_at", _AT, nullable=True))
    for table in ("customers", "variants"):
        op.add_column(table, sa.Column("no", sa.Integer(), sa.Identity(always=True), nullable=False))
        op.create_unique_constraint(op.f(f"uq_{table}_no"), table, ["no"])
    op.create_table(
        "report_sales",
        sa.Column("placed_at", _AT, nullable=False),
        sa.Column("recorded_at", _AT, nullable=False),
        sa.Column("revenue", sa.BigInteger(), nullable=False),
        sa.Column("customer_no", sa.Integer(), nullable=True),
        sa.Column("sku_no", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("historic", sa.Boolean(), nullable=False),
        sa.Column("preorder", sa.Boolean(), nullable=False),
        sa.Column("order_number", _CODE, nullable=False),
        sa.Column("channel", _CODE, nullable=False),
        sa.Column("location", _CODE, nullable=True),
        sa.Column("launch", _CODE, nullable=True),
        sa.Column("wave", _CODE, nullable=True),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_report_sales_quantity_from_one")),
        sa.CheckConstraint("wave IS NULL OR launch IS NOT NULL", name=op.f("ck_report_sales_a_wave_is_of_a_launch")),
    )
    op.create_table(
        "report_reductions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("placed_at", _AT, nullable=False),
        sa.Column("happened_at", _AT, nullable=False),
        sa.Column("recorded_at", _AT, nullable=False),
        sa.Column("sku_no", sa.Integer(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("historic", sa.Boolean(), nullable=False),
        sa.Column("kind", _CODE, nullable=False),
        sa.Column("order_number", _CODE, nullable=False),
        sa.Column("channel", _CODE, nullable=False),
        sa.Column("came_back_in", _CODE, nullable=True),
        sa.CheckConstraint("kind IN ('cancelled', 'returned')", name=op.f("ck_report_reductions_kind_is_known")),
        sa.CheckConstraint("units >= 1", name=op.f("ck_report_reductions_units_from_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_reductions")),
    )
    op.create_table(
        "report_handovers",
        sa.Column("order_number", _CODE, nullable=False),
        sa.Column("happened_at", _AT, nullable=False),
        sa.Column("recorded_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("order_number", name=op.f("pk_report_handovers")),
    )
    op.create_table(
        "report_marks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("left_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_marks")),
    )
    for statement in (_SALES, _CANCELLED, _RETURNED, _HANDED):
        op.execute(statement)
    _in_order("report_sales", "placed_at")
    _in_order("report_sales", "recorded_at")
    op.create_index("ix_report_sales_preorders", "report_sales", ["order_number"], postgresql_where=sa.text("preorder"))
    op.create_index(
        "ix_report_sales_launch", "report_sales", ["launch", "wave"], postgresql_where=sa.text("launch IS NOT NULL")
    )
    _in_order("report_reductions", "placed_at")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for table in ("report_marks", "report_handovers", "report_reductions", "report_sales"):
        op.drop_table(table)
    for table in ("variants", "customers"):
        op.drop_constraint(op.f(f"uq_{table}_no"), table)
        op.drop_column(table, "no")
    op.drop_column("returns", "recorded_at")
    op.drop_constraint(op.f("ck_orders_a_wave_is_of_a_launch"), "orders")
    for column in ("wave", "launch", "recorded_at"):
        op.drop_column("orders", column)
