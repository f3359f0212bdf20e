"""Whose first purchase an order was, and refunds of units that cost nothing, and who put whom into groups."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Those that were given before anybody counted, be it twice.
_GIVEN = """
    INSERT INTO first_purchases (order_id, customer_id, merged)
    SELECT o.id, o.customer_id, row_number() OVER (PARTITION BY o.customer_id ORDER BY o.placed_at, o.id) > 1
      FROM orders o
     WHERE o.customer_id IS NOT NULL AND o.state <> 'cancelled' AND EXISTS (
           SELECT FROM promotions p
            WHERE (p.definition -> 'conditions' ->> 'first_purchase')::boolean
              AND (EXISTS (SELECT FROM order_line_discounts d WHERE d.order_id = o.id AND d.promotion_id = p.id)
                   OR EXISTS (SELECT FROM order_shipping_discounts s WHERE s.order_id = o.id AND s.promotion_id = p.id)))
"""


_FREE_UNITS = {
    "amount_is_something": "amount > 0 OR amount = 0 AND reason = 'line'",
    "goes_one_way": "num_nonnulls(payment_id, tender) = CASE amount WHEN 0 THEN 0 ELSE 1 END "
    "AND tender IN ('cash', 'card_terminal')",
}
_COST_SOMETHING = {
    "amount_is_something": "amount > 0",
    "goes_one_way": "(payment_id IS NULL) <> (tender IS NULL) AND tender IN ('cash', 'card_terminal')",
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "first_purchases",
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("merged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_first_purchases_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_first_purchases_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_first_purchases")),
    )
    op.create_index(
        "uq_first_purchases_one_each",
        "first_purchases",
        ["customer_id"],
        unique=True,
        postgresql_where=sa.text("NOT merged"),
    )
    op.create_index(op.f("ix_first_purchases_customer_id"), "first_purchases", ["customer_id"])
    op.execute(_GIVEN)
    op.create_table(
        "customer_group_steps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("step", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("step IN ('joined', 'left')", name=op.f("ck_customer_group_steps_step_is_known")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_group_steps_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_group_steps")),
    )
    op.create_index(op.f("ix_customer_group_steps_customer_id"), "customer_group_steps", ["customer_id"])
    op.execute(
        "INSERT INTO customer_group_steps (customer_id, code, step, actor)"
        " SELECT customer_id, code, 'joined', 'nobody knows' FROM customer_groups ORDER BY customer_id, code"
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON customer_group_steps"
        " EXECUTE FUNCTION refuse_change()"
    )
    for name, rule in _FREE_UNITS.items():
        op.drop_constraint(op.f(f"ck_refunds_{name}"), "refunds")
        op.create_check_constraint(op.f(f"ck_refunds_{name}"), "refunds", rule)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("customer_group_steps")
    op.drop_table("first_purchases")
    # Only this revision can say that what was free came back. No money went; but whoever goes up again from here does
    # not know of it, and lets it come back once more.
    op.execute("DELETE FROM refunds WHERE amount = 0")
    for name, rule in _COST_SOMETHING.items():
        op.drop_constraint(op.f(f"ck_refunds_{name}"), "refunds")
        op.create_check_constraint(op.f(f"ck_refunds_{name}"), "refunds", rule)
