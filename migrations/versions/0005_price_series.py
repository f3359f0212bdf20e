"""Series of prices that remember what was believed when; channel prices, exceptions, policies and costs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SERIES = {"recommended_prices": "market", "channel_prices": "channel"}

# Ten thousand prices are written in one transaction, and a GiST index takes a number three times as fast as a text.
# That two skus of one market share 64 bits is not to be expected; then one of them would be refused, and none doubled.
HASHED = "hashtextextended(sku, 0)"
NEVER_TWO = """
    ALTER TABLE recommended_prices ADD CONSTRAINT ex_recommended_prices_overlap
    EXCLUDE USING gist ({sku} WITH =, market WITH =, tstzrange(valid_from, valid_to) WITH &&){where}
"""

# A belief may end; what was believed stays as it was.
REFUSE_OTHER_BELIEFS = """
    CREATE FUNCTION refuse_other_beliefs() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.superseded_at IS NULL AND NEW.superseded_at IS NOT NULL
           AND to_jsonb(NEW) - 'superseded_at' - 'superseded_by' = to_jsonb(OLD) - 'superseded_at' - 'superseded_by'
        THEN RETURN NEW; END IF;
        RAISE EXCEPTION '% is a diary of beliefs: one is superseded once, and never changed', TG_TABLE_NAME
            USING ERRCODE = 'check_violation';
    END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    _create_exceptions()
    _remember_recommended_prices()
    _create_channel_prices()
    op.execute(REFUSE_OTHER_BELIEFS)
    for table, scope in SERIES.items():
        _index_and_protect(table, scope)
    _create_policies()
    _create_costs()


def _create_exceptions() -> None:
    op.create_table(
        "parity_exceptions",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change_id", sa.Text(collation="C"), nullable=True),
        sa.ForeignKeyConstraint(["channel"], ["channels.code"], name=op.f("fk_parity_exceptions_channel_channels")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_parity_exceptions_sku_variants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parity_exceptions")),
    )
    op.create_index("ix_parity_exceptions_sku_channel", "parity_exceptions", ["sku", "channel"], unique=False)


def _remember_recommended_prices() -> None:
    """New columns come last; what is stored was known since before anybody kept count."""
    op.drop_constraint("ex_recommended_prices_overlap", "recommended_prices")
    op.drop_constraint("pk_recommended_prices", "recommended_prices", type_="primary")
    op.add_column("recommended_prices", sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False))
    op.add_column("recommended_prices", sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("recommended_prices", sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("recommended_prices", sa.Column("change_id", sa.Text(collation="C"), nullable=True))
    op.add_column("recommended_prices", sa.Column("superseded_by", sa.Text(collation="C"), nullable=True))
    op.create_primary_key("pk_recommended_prices", "recommended_prices", ["id"])
    op.create_check_constraint("believed_for_a_while", "recommended_prices", "recorded_at <= superseded_at")
    op.execute(NEVER_TWO.format(sku=HASHED, where=" WHERE (superseded_at IS NULL)"))


def _create_channel_prices() -> None:
    op.create_table(
        "channel_prices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.Text(collation="C"), nullable=True),
        sa.Column("exception_id", sa.Text(collation="C"), nullable=True),
        sa.Column("superseded_by", sa.Text(collation="C"), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text(HASHED), "="),
            (sa.text("channel"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            where=sa.text("superseded_at IS NULL"),
            using="gist",
            name="ex_channel_prices_overlap",
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_channel_prices_not_negative")),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_channel_prices_valid_for_a_while")),
        sa.CheckConstraint("recorded_at <= superseded_at", name=op.f("ck_channel_prices_believed_for_a_while")),
        sa.ForeignKeyConstraint(["channel"], ["channels.code"], name=op.f("fk_channel_prices_channel_channels")),
        sa.ForeignKeyConstraint(
            ["exception_id"], ["parity_exceptions.id"], name=op.f("fk_channel_prices_exception_id_parity_exceptions")
        ),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_channel_prices_sku_variants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_prices")),
    )


def _index_and_protect(table: str, scope: str) -> None:
    op.create_index(
        f"ix_{table}_current",
        table,
        ["sku", scope, "valid_from"],
        unique=False,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index(f"ix_{table}_sku_{scope}", table, ["sku", scope, "id"], unique=False)
    op.create_index(
        f"ix_{table}_change_id", table, ["change_id"], unique=False, postgresql_where=sa.text("change_id IS NOT NULL")
    )
    op.create_index(
        f"ix_{table}_superseded_by",
        table,
        ["superseded_by"],
        unique=False,
        postgresql_where=sa.text("superseded_by IS NOT NULL"),
    )
    op.execute(
        f"CREATE TRIGGER beliefs BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION refuse_other_beliefs()"
    )
    op.execute(f"CREATE TRIGGER append_only BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()")


def _create_policies() -> None:
    op.create_table(
        "pricing_policies",
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("parity", sa.Text(collation="C"), nullable=False),
        sa.Column("band_bp", sa.Integer(), nullable=True),
        sa.Column("tax_rounding", sa.Text(collation="C"), nullable=False),
        sa.Column("prior_window_days", sa.Integer(), nullable=False),
        sa.Column("prior_announced_days", sa.Integer(), nullable=False),
        sa.Column("prior_progressive", sa.Boolean(), nullable=False),
        sa.Column("prior_new_arrivals", sa.Text(collation="C"), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("readiness_minutes", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("parity IN ('equal', 'floor', 'band')", name=op.f("ck_pricing_policies_parity_is_known")),
        sa.CheckConstraint(
            "(parity = 'band') = (band_bp IS NOT NULL)", name=op.f("ck_pricing_policies_band_has_a_width")
        ),
        sa.CheckConstraint("band_bp BETWEEN 0 AND 10000", name=op.f("ck_pricing_policies_band_is_sane")),
        sa.CheckConstraint("tax_rounding IN ('line', 'order')", name=op.f("ck_pricing_policies_rounding_is_known")),
        sa.CheckConstraint(
            "prior_window_days BETWEEN 1 AND 365 AND prior_announced_days BETWEEN 1 AND 365",
            name=op.f("ck_pricing_policies_prior_is_sane"),
        ),
        sa.CheckConstraint(
            "prior_new_arrivals IN ('shorter', 'none')", name=op.f("ck_pricing_policies_new_arrivals_is_known")
        ),
        sa.CheckConstraint(
            "horizon_days BETWEEN 1 AND 400 AND readiness_minutes BETWEEN 1 AND 1440",
            name=op.f("ck_pricing_policies_foresight_is_sane"),
        ),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_pricing_policies_market_markets")),
        sa.PrimaryKeyConstraint("market", name=op.f("pk_pricing_policies")),
    )


def _create_costs() -> None:
    op.create_table(
        "unit_costs",
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_unit_costs_not_negative")),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_unit_costs_market_markets")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_unit_costs_sku_variants")),
        sa.PrimaryKeyConstraint("sku", "market", "valid_from", name=op.f("pk_unit_costs")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    # What is believed now is kept; what was believed before has no place in the older tables.
    op.drop_table("unit_costs")
    op.drop_table("pricing_policies")
    op.drop_table("channel_prices")
    op.drop_table("parity_exceptions")
    op.execute("DROP TRIGGER beliefs ON recommended_prices")
    op.execute("DROP TRIGGER append_only ON recommended_prices")
    op.execute("DROP FUNCTION refuse_other_beliefs")
    op.execute("DELETE FROM recommended_prices WHERE superseded_at IS NOT NULL")
    for index in ("superseded_by", "change_id", "sku_market", "current"):
        op.drop_index(f"ix_recommended_prices_{index}", table_name="recommended_prices")
    op.drop_constraint("ex_recommended_prices_overlap", "recommended_prices")
    op.drop_constraint(op.f("ck_recommended_prices_believed_for_a_while"), "recommended_prices", type_="check")
    op.drop_constraint("pk_recommended_prices", "recommended_prices", type_="primary")
    for column in ("superseded_by", "change_id", "superseded_at", "recorded_at", "id"):
        op.drop_column("recommended_prices", column)
    op.create_primary_key("pk_recommended_prices", "recommended_prices", ["sku", "market", "valid_from"])
    op.execute(NEVER_TWO.format(sku="sku", where=""))
