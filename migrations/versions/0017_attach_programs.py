"""Named sets, in versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_CODE = sa.Text(collation="C")
_AT = sa.DateTime(timezone=True)


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


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("report_sets")
