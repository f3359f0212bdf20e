"""Price changes: what is to change, item by item, and the diary of who moved it on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "price_changes",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(collation="C"), nullable=False),
        sa.Column("rule", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("counter_of", sa.Text(collation="C"), nullable=True),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.Text(collation="C"), nullable=True),
        sa.Column("approved_by", sa.Text(collation="C"), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'approved', 'scheduled', 'live', 'ended', 'rolled_back', 'rejected',"
            " 'withdrawn')",
            name=op.f("ck_price_changes_state_is_known"),
        ),
        sa.CheckConstraint(
            "origin IN ('items', 'csv', 'rule', 'counter')", name=op.f("ck_price_changes_origin_is_known")
        ),
        sa.CheckConstraint(
            "(origin = 'counter') = (counter_of IS NOT NULL)", name=op.f("ck_price_changes_counters_something")
        ),
        sa.CheckConstraint("(origin = 'rule') = (rule IS NOT NULL)", name=op.f("ck_price_changes_rule_is_kept")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_price_changes_lasts_for_a_while")),
        sa.CheckConstraint(
            "state NOT IN ('scheduled', 'live', 'ended') OR starts_at IS NOT NULL",
            name=op.f("ck_price_changes_starts_if_at_all"),
        ),
        sa.ForeignKeyConstraint(
            ["counter_of"], ["price_changes.id"], name=op.f("fk_price_changes_counter_of_price_changes")
        ),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_price_changes_market_markets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_changes")),
    )
    op.create_index("ix_price_changes_market", "price_changes", ["market", "id"], unique=False)
    op.create_index(
        "ix_price_changes_to_begin",
        "price_changes",
        ["starts_at"],
        unique=False,
        postgresql_where=sa.text("state = 'scheduled'"),
    )
    op.create_index(
        "ix_price_changes_to_end",
        "price_changes",
        ["ends_at"],
        unique=False,
        postgresql_where=sa.text("state = 'live'"),
    )
    op.create_index(
        "uq_price_changes_counter_of",
        "price_changes",
        ["counter_of"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('rejected', 'withdrawn')"),
    )
    op.create_table(
        "price_change_items",
        sa.Column("change_id", sa.Text(collation="C"), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("channel", sa.Text(collation="C"), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("old_amount", sa.BigInteger(), nullable=True),
        sa.Column("exception_reason", sa.Text(), nullable=True),
        sa.Column("exception_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exception_id", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_price_change_items_not_negative")),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_price_change_items_lasts_for_a_while")),
        sa.CheckConstraint(
            "(exception_reason IS NULL) = (exception_expires_at IS NULL)",
            name=op.f("ck_price_change_items_exceptions_have_reason_and_expiry"),
        ),
        sa.CheckConstraint(
            "exception_reason IS NULL OR channel IS NOT NULL AND amount IS NOT NULL",
            name=op.f("ck_price_change_items_exceptions_are_of_channels"),
        ),
        sa.ForeignKeyConstraint(
            ["change_id"], ["price_changes.id"], name=op.f("fk_price_change_items_change_id_price_changes")
        ),
        sa.ForeignKeyConstraint(["channel"], ["channels.code"], name=op.f("fk_price_change_items_channel_channels")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_price_change_items_sku_variants")),
        sa.PrimaryKeyConstraint("change_id", "place", name=op.f("pk_price_change_items")),
    )
    op.create_index("ix_price_change_items_sku", "price_change_items", ["sku", "channel"], unique=False)
    op.create_table(
        "price_change_steps",
        sa.Column("change_id", sa.Text(collation="C"), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["price_changes.id"], name=op.f("fk_price_change_steps_change_id_price_changes")
        ),
        sa.PrimaryKeyConstraint("change_id", "place", name=op.f("pk_price_change_steps")),
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_change_steps"
        " EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("price_change_steps")
    op.drop_table("price_change_items")
    op.drop_table("price_changes")
