"""Each belief says which price change wrote it down."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SERIES = {"recommended_prices": "market", "channel_prices": "channel"}

# What ended a belief wrote those down that began at the same instant; what ended none wrote down its own.
WHOSE = """
    UPDATE {table} p
       SET recorded_by = coalesce((SELECT max(q.superseded_by) FROM {table} q
                                    WHERE q.sku = p.sku AND q.{scope} = p.{scope}
                                      AND q.superseded_at = p.recorded_at), p.change_id)
     WHERE p.recorded_at IS NOT NULL
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    for table, scope in SERIES.items():
        op.add_column(table, sa.Column("recorded_by", sa.Text(collation="C"), nullable=True))
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER beliefs")
        op.execute(WHOSE.format(table=table, scope=scope))
        op.execute(f"ALTER TABLE {table} ENABLE TRIGGER beliefs")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    for table in SERIES:
        op.drop_column(table, "recorded_by")
