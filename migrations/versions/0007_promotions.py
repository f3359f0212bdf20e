"""Promotions: what was drafted and decided, the codes that open them, and who used them how often."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "promotions",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("definition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("limit_total", sa.Integer(), nullable=True),
        sa.Column("limit_per_person", sa.Integer(), nullable=True),
        sa.Column("limit_per_code", sa.Integer(), nullable=True),
        sa.Column("on_cancel", sa.Text(collation="C"), nullable=False),
        sa.Column("on_return", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "limited",
            sa.Boolean(),
            sa.Computed(
                "\n    limit_total IS NOT NULL OR limit_per_person IS NOT NULL OR limit_per_code IS NOT NULL\n    OR coalesce((definition -> 'conditions' ->> 'unique_codes')::boolean, false)\n",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.Column("copy_of", sa.Text(collation="C"), nullable=True),
        sa.Column("created_by", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.Text(collation="C"), nullable=True),
        sa.Column("approved_by", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "on_cancel IN ('give_back', 'keep') AND on_return IN ('give_back', 'keep')",
            name=op.f("ck_promotions_giving_back_is_known"),
        ),
        sa.CheckConstraint("state <> 'ended' OR ends_at IS NOT NULL", name=op.f("ck_promotions_ended_has_an_end")),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'approved', 'rejected', 'scheduled', 'live', 'ended', 'withdrawn')",
            name=op.f("ck_promotions_state_is_known"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('scheduled', 'live', 'ended') OR starts_at IS NOT NULL",
            name=op.f("ck_promotions_scheduled_has_a_start"),
        ),
        sa.CheckConstraint(
            "limit_total > 0 AND limit_per_person > 0 AND limit_per_code > 0",
            name=op.f("ck_promotions_limits_are_something"),
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_promotions_runs_for_a_while")),
        sa.ForeignKeyConstraint(["copy_of"], ["promotions.id"], name=op.f("fk_promotions_copy_of_promotions")),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_promotions_market_markets")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotions")),
    )
    op.create_index("ix_promotions_market", "promotions", ["market", "id"], unique=False)
    op.create_index(
        "ix_promotions_to_end", "promotions", ["ends_at"], unique=False, postgresql_where=sa.text("state = 'live'")
    )
    op.create_index(
        "ix_promotions_to_start",
        "promotions",
        ["starts_at"],
        unique=False,
        postgresql_where=sa.text("state = 'scheduled'"),
    )
    op.create_table(
        "promotion_codes",
        sa.Column("promotion_id", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.CheckConstraint("0 <= uses AND uses <= most", name=op.f("ck_promotion_codes_no_more_than_allowed")),
        sa.CheckConstraint("shared OR most IS NOT NULL", name=op.f("ck_promotion_codes_unique_ones_are_counted")),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.id"], name=op.f("fk_promotion_codes_promotion_id_promotions")
        ),
        sa.PrimaryKeyConstraint("promotion_id", "code", name=op.f("pk_promotion_codes")),
    )
    op.create_index(
        "uq_promotion_codes_unique",
        "promotion_codes",
        ["market", "code"],
        unique=True,
        postgresql_where=sa.text("NOT shared"),
    )
    op.create_table(
        "promotion_counters",
        sa.Column("promotion_id", sa.Text(collation="C"), nullable=False),
        sa.Column("uses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.CheckConstraint("0 <= uses AND uses <= most", name=op.f("ck_promotion_counters_no_more_than_allowed")),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.id"], name=op.f("fk_promotion_counters_promotion_id_promotions")
        ),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("pk_promotion_counters")),
    )
    op.create_table(
        "promotion_person_counters",
        sa.Column("promotion_id", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("merged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "0 <= uses AND uses <= most", name=op.f("ck_promotion_person_counters_no_more_than_allowed")
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.id"], name=op.f("fk_promotion_person_counters_promotion_id_promotions")
        ),
        sa.PrimaryKeyConstraint("promotion_id", "customer_id", name=op.f("pk_promotion_person_counters")),
    )
    op.create_index(
        "ix_promotion_person_counters_customer_id", "promotion_person_counters", ["customer_id"], unique=False
    )
    op.create_table(
        "promotion_steps",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("promotion_id", sa.Text(collation="C"), nullable=False),
        sa.Column("step", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.id"], name=op.f("fk_promotion_steps_promotion_id_promotions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion_steps")),
    )
    op.create_index(op.f("ix_promotion_steps_promotion_id"), "promotion_steps", ["promotion_id"], unique=False)
    op.create_table(
        "promotion_uses",
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("promotion_id", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Text(collation="C"), nullable=True),
        sa.Column("code", sa.Text(collation="C"), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_back_for", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "(given_back_at IS NULL) = (given_back_for IS NULL) AND given_back_for IN ('cancelled', 'returned')",
            name=op.f("ck_promotion_uses_given_back_for_a_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["promotion_id"], ["promotions.id"], name=op.f("fk_promotion_uses_promotion_id_promotions")
        ),
        sa.PrimaryKeyConstraint("order_id", "promotion_id", name=op.f("pk_promotion_uses")),
    )
    op.create_index(
        "ix_promotion_uses_customer_id",
        "promotion_uses",
        ["customer_id"],
        unique=False,
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_index("ix_promotion_uses_promotion_id", "promotion_uses", ["promotion_id", "code"], unique=False)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON promotion_steps EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index("ix_promotion_uses_promotion_id", table_name="promotion_uses")
    op.drop_index(
        "ix_promotion_uses_customer_id",
        table_name="promotion_uses",
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.drop_table("promotion_uses")
    op.drop_index(op.f("ix_promotion_steps_promotion_id"), table_name="promotion_steps")
    op.drop_table("promotion_steps")
    op.drop_index("ix_promotion_person_counters_customer_id", table_name="promotion_person_counters")
    op.drop_table("promotion_person_counters")
    op.drop_table("promotion_counters")
    op.drop_index("uq_promotion_codes_unique", table_name="promotion_codes", postgresql_where=sa.text("NOT shared"))
    op.drop_table("promotion_codes")
    op.drop_index("ix_promotions_to_start", table_name="promotions", postgresql_where=sa.text("state = 'scheduled'"))
    op.drop_index("ix_promotions_to_end", table_name="promotions", postgresql_where=sa.text("state = 'live'"))
    op.drop_index("ix_promotions_market", table_name="promotions")
    op.drop_table("promotions")
