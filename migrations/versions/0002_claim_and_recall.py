"""Claiming idempotency keys and looking up what they answered, in one round trip."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Each statement of a VOLATILE function sees what was committed before that statement began, so the look comes after the
# claims. In one plain statement it would come before them, and miss an answer kept in between.
CLAIM_AND_RECALL = """
    CREATE FUNCTION claim_and_recall(principals text[], keys text[])
    RETURNS TABLE (principal text, key text, claimed boolean, fingerprint bytea, status integer, body bytea)
    LANGUAGE plpgsql VOLATILE AS $$
    DECLARE
        claims boolean[];
    BEGIN
        SELECT array_agg(w.claimed ORDER BY w.place) INTO claims
          FROM (SELECT a.place, pg_try_advisory_xact_lock(hashtextextended(a.principal || ' ' || a.key, 0)) AS claimed
                  FROM unnest(principals, keys) WITH ORDINALITY AS a (principal, key, place)) AS w;
        RETURN QUERY
        SELECT w.principal, w.key, w.claimed, k.fingerprint, k.status, k.body
          FROM unnest(principals, keys, claims) AS w (principal, key, claimed)
          LEFT JOIN idempotency_keys k ON k.principal = w.principal AND k.key = w.key
         WHERE NOT w.claimed OR k.key IS NOT NULL;
    END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.execute(CLAIM_AND_RECALL)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.execute("DROP FUNCTION claim_and_recall")
