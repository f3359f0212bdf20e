"""Named sets and attach programs, in versions, and the alerts of rates that left their band."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_CODE = sa.Text(collation="C")
_AT = sa.DateTime(timezone=True)
_STATE = "state IN ('active', 'retired')"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "report_sets",
        sa.Column("code", _CODE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("members", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("defined_by", _CODE, nullable=False),
        sa.Column("defined_at", _AT, nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_report_sets_version_from_one")),
        sa.CheckConstraint("cardinality(members) > 0", name=op.f("ck_report_sets_of_something")),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_report_sets")),
    )
    op.create_table(
        "attach_programs",
        sa.Column("code", _CODE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", _CODE, nullable=False),
        sa.Column("evaluated_for", sa.Date(), nullable=True),
        sa.CheckConstraint(_STATE, name=op.f("ck_attach_programs_state_is_known")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_attach_programs_version_from_one")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_attach_programs")),
    )
    op.create_table(
        "attach_program_versions",
        sa.Column("code", _CODE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", _CODE, nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("changed_by", _CODE, nullable=False),
        sa.Column("changed_at", _AT, nullable=False),
        sa.CheckConstraint(_STATE, name=op.f("ck_attach_program_versions_state_is_known")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_attach_program_versions_version_from_one")),
        sa.ForeignKeyConstraint(
            ["code"], ["attach_programs.code"], name=op.f("fk_attach_program_versions_code_attach_programs")
        ),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_attach_program_versions")),
    )
    op.create_table(
        "attach_alerts",
        sa.Column("id", _CODE, nullable=False),
        sa.Column("program", _CODE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("scope", _CODE, nullable=False),
        sa.Column("side", _CODE, nullable=False),
        sa.Column("sure", sa.Boolean(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("numerator", sa.BigInteger(), nullable=False),
        sa.Column("denominator", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.Numeric(18, 6), nullable=False),
        sa.Column("interval_low", sa.Numeric(7, 6), nullable=True),
        sa.Column("interval_high", sa.Numeric(7, 6), nullable=True),
        sa.Column("target_bp", sa.Integer(), nullable=True),
        sa.Column("low_bp", sa.Integer(), nullable=True),
        sa.Column("high_bp", sa.Integer(), nullable=True),
        sa.Column("opened_at", _AT, nullable=False),
        sa.Column("closed_at", _AT, nullable=True),
        sa.Column("outcome", _CODE, nullable=True),
        sa.Column("acknowledged_by", _CODE, nullable=True),
        sa.Column("acknowledged_at", _AT, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("scope IN ('all', 'online', 'retail')", name=op.f("ck_attach_alerts_scope_is_known")),
        sa.CheckConstraint("side IN ('below', 'above')", name=op.f("ck_attach_alerts_side_is_known")),
        sa.CheckConstraint(
            "outcome IN ('back', 'crossed', 'changed', 'retired')", name=op.f("ck_attach_alerts_outcome_is_known")
        ),
        sa.CheckConstraint("(closed_at IS NULL) = (outcome IS NULL)", name=op.f("ck_attach_alerts_ends_somehow")),
        sa.CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)",
            name=op.f("ck_attach_alerts_acknowledged_by_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["program", "version"],
            ["attach_program_versions.code", "attach_program_versions.version"],
            name=op.f("fk_attach_alerts_program_version_attach_program_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attach_alerts")),
    )
    op.create_index(
        "uq_attach_alerts_open",
        "attach_alerts",
        ["program", "scope"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for table in ("attach_alerts", "attach_program_versions", "attach_programs", "report_sets"):
        op.drop_table(table)
