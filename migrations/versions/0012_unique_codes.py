"""A promotion says how many unique codes it may have. Those that were written before may have a thousand, or all there are."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_HAS_CODES = "coalesce((definition -> 'conditions' ->> 'unique_codes')::boolean, false)"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.add_column("promotions", sa.Column("limit_codes", sa.Integer(), nullable=True))
    op.execute(f"""
        UPDATE promotions p
           SET limit_codes = greatest(1000, (SELECT count(*) FROM promotion_codes c
                                              WHERE c.promotion_id = p.id AND NOT c.shared))
         WHERE {_HAS_CODES}
    """)  # noqa: S608 - made of this module's constants
    op.create_check_constraint(
        op.f("ck_promotions_unique_codes_have_a_number"),
        "promotions",
        f"limit_codes > 0 AND (limit_codes IS NOT NULL) = {_HAS_CODES}",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_constraint(op.f("ck_promotions_unique_codes_have_a_number"), "promotions")
    op.drop_column("promotions", "limit_codes")
