"""Each use says which of its buyer's it was, and a person may have what the promotion says, whoever they were before."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_CHECK = "ck_promotion_person_counters_no_more_than_allowed"
# Nobody wrote down which of their buyer's those were that are there already; that they were within the limit, the
# counters saw to.
_COUNTED = """
    UPDATE promotion_uses u SET nth = least(n.nth, n.most)
      FROM (SELECT o.order_id, o.promotion_id, p.limit_per_person AS most,
                   row_number() OVER (PARTITION BY o.promotion_id, o.customer_id ORDER BY o.used_at, o.order_id) AS nth
              FROM promotion_uses o JOIN promotions p ON p.id = o.promotion_id
             WHERE p.limit_per_person IS NOT NULL) n
     WHERE u.order_id = n.order_id AND u.promotion_id = n.promotion_id
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_constraint(op.f(_CHECK), "promotion_person_counters")
    op.execute(
        "UPDATE promotion_person_counters c SET most = p.limit_per_person FROM promotions p"
        " WHERE p.id = c.promotion_id AND c.most <> p.limit_per_person"
    )
    op.create_check_constraint(op.f(_CHECK), "promotion_person_counters", "0 <= uses AND (uses <= most OR merged)")
    op.add_column("promotion_uses", sa.Column("nth", sa.Integer(), nullable=True))
    op.execute(_COUNTED)
    op.create_check_constraint(op.f("ck_promotion_uses_uses_count_from_one"), "promotion_uses", "nth > 0")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_constraint(op.f("ck_promotion_uses_uses_count_from_one"), "promotion_uses")
    op.drop_column("promotion_uses", "nth")
    op.drop_constraint(op.f(_CHECK), "promotion_person_counters")
    op.execute("UPDATE promotion_person_counters SET most = uses WHERE uses > most")
    op.create_check_constraint(op.f(_CHECK), "promotion_person_counters", "0 <= uses AND uses <= most")
