"""The book that each line of an order was quoted from, what each promotion took off it, and the groups of customers."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.add_column("order_lines", sa.Column("book", sa.Integer(), nullable=True))
    op.add_column("order_lines", sa.Column("prior_price", sa.BigInteger(), nullable=True))
    for column in ("shipping_price", "shipping_total", "shipping_tax"):
        op.add_column("orders", sa.Column(column, sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_check_constraint(
        op.f("ck_orders_shipping_is_reduced_at_the_most"),
        "orders",
        "0 <= shipping_total AND shipping_total <= shipping_price",
    )
    op.create_table(
        "order_shipping_discounts",
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("promotion_id", sa.Text(collation="C"), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_order_shipping_discounts_takes_something_off")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_shipping_discounts_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.id"], name=op.f("fk_order_shipping_discounts_promotion_id_promotions")
        ),
        sa.PrimaryKeyConstraint("order_id", "promotion_id", name=op.f("pk_order_shipping_discounts")),
    )
    op.create_index("ix_order_shipping_discounts_promotion_id", "order_shipping_discounts", ["promotion_id"])
    op.create_table(
        "order_line_discounts",
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("promotion_id", sa.Text(collation="C"), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_order_line_discounts_takes_something_off")),
        sa.CheckConstraint("place >= 1", name=op.f("ck_order_line_discounts_place_from_one")),
        sa.ForeignKeyConstraint(
            ["order_id", "line"],
            ["order_lines.order_id", "order_lines.line"],
            name=op.f("fk_order_line_discounts_order_id_line_order_lines"),
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.id"], name=op.f("fk_order_line_discounts_promotion_id_promotions")
        ),
        sa.PrimaryKeyConstraint("order_id", "line", "promotion_id", name=op.f("pk_order_line_discounts")),
    )
    op.create_index("ix_order_line_discounts_promotion_id", "order_line_discounts", ["promotion_id"])
    op.create_table(
        "customer_groups",
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_groups_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("customer_id", "code", name=op.f("pk_customer_groups")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("customer_groups")
    op.drop_table("order_line_discounts")
    op.drop_table("order_shipping_discounts")
    op.drop_constraint(op.f("ck_orders_shipping_is_reduced_at_the_most"), "orders")
    for column in ("shipping_price", "shipping_total", "shipping_tax"):
        op.drop_column("orders", column)
    op.drop_column("order_lines", "prior_price")
    op.drop_column("order_lines", "book")
