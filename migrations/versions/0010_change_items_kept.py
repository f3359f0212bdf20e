"""Each belief says which price change wrote it down, and what a change is about is kept as it was drafted."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# By table: its scope, and what is the same price in the items of a change.
SERIES = {
    "recommended_prices": ("market", "i.channel IS NULL AND c.market = p.market"),
    "channel_prices": ("channel", "i.channel = p.channel"),
}

# What ended beliefs wrote those down that began at the same instant, be it a change or, without a name, an import. Where
# none were ended, as when a price comes up again after a gap, the diary of changes knows who moved at that instant;
# what it does not know of wrote down its own.
WHOSE = """
    UPDATE {table} p
       SET recorded_by = CASE WHEN ended.beliefs > 0 THEN ended.by ELSE coalesce(
               (SELECT max(c.id) FROM price_change_steps s
                  JOIN price_changes c ON c.id = s.change_id
                  JOIN price_change_items i ON i.change_id = c.id AND i.sku = p.sku AND {same}
                 WHERE s.moved_at = p.recorded_at AND s.state IN ('scheduled', 'withdrawn')), p.change_id) END
      FROM {table} o
     CROSS JOIN LATERAL (SELECT count(*) AS beliefs, max(q.superseded_by) AS by FROM {table} q
                          WHERE q.sku = o.sku AND q.{scope} = o.{scope} AND q.superseded_at = o.recorded_at) ended
     WHERE o.id = p.id AND p.recorded_at IS NOT NULL
"""

# What two people have seen is what is written; the one thing that comes later is the exception that a price stands on.
REFUSE_OTHER_ITEMS = """
    CREATE FUNCTION refuse_other_items() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        its_state text;
    BEGIN
        SELECT state INTO its_state FROM price_changes WHERE id = CASE TG_OP WHEN 'INSERT' THEN NEW.change_id
                                                                             ELSE OLD.change_id END;
        IF TG_OP = 'INSERT' AND its_state = 'draft' THEN RETURN NEW; END IF;
        IF TG_OP = 'UPDATE' AND its_state = 'approved' AND OLD.exception_id IS NULL
           AND to_jsonb(NEW) - 'exception_id' = to_jsonb(OLD) - 'exception_id'
        THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'the prices of a change are kept as they were drafted; this one is %', its_state
            USING ERRCODE = 'check_violation';
    END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    op.execute(REFUSE_OTHER_ITEMS)
    op.execute(
        "CREATE TRIGGER as_drafted BEFORE INSERT OR UPDATE OR DELETE ON price_change_items"
        " FOR EACH ROW EXECUTE FUNCTION refuse_other_items()"
    )
    op.execute("CREATE TRIGGER append_only BEFORE TRUNCATE ON price_change_items EXECUTE FUNCTION refuse_change()")
    for table, (scope, same) in SERIES.items():
        op.add_column(table, sa.Column("recorded_by", sa.Text(collation="C"), nullable=True))
        op.execute(f"ALTER TABLE {table} DISABLE TRIGGER beliefs")
        op.execute(WHOSE.format(table=table, scope=scope, same=same))
        op.execute(f"ALTER TABLE {table} ENABLE TRIGGER beliefs")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.execute("DROP TRIGGER append_only ON price_change_items")
    op.execute("DROP TRIGGER as_drafted ON price_change_items")
    op.execute("DROP FUNCTION refuse_other_items")
    for table in SERIES:
        op.drop_column(table, "recorded_by")
