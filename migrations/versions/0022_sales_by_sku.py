"""What reports look sales up by: skus, with all that an attach rate wants to know of a line beside them."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_SAID = [
    "customer_no", "day", "recorded_at", "quantity", "line", "historic", "preorder", "order_number", "channel",
    "location",
]  # fmt: skip


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '1800s'")
    op.drop_index("ix_report_sales_recorded_at", "report_sales")
    op.create_index("ix_report_sales_sku_no", "report_sales", ["sku_no", "placed_at"], postgresql_include=_SAID)
    # What was not vacuumed since it came is looked up in the table as well.
    op.execute("ALTER TABLE report_sales SET (autovacuum_vacuum_insert_scale_factor = 0.02)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '1800s'")
    op.execute("ALTER TABLE report_sales RESET (autovacuum_vacuum_insert_scale_factor)")
    op.drop_index("ix_report_sales_sku_no", "report_sales")
    op.create_index(
        "ix_report_sales_recorded_at",
        "report_sales",
        ["recorded_at"],
        postgresql_using="brin",
        postgresql_with={"pages_per_range": "32", "autosummarize": "on"},
    )
