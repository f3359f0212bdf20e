"""One GTIN, however many of its leading noughts are written; and the words of products, to be searched."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    # Where two variants have one GTIN already, this says which; one of them has to be corrected first.
    op.create_index(
        "uq_variants_gtin_padded",
        "variants",
        [sa.text("lpad(gtin, 14, '0')")],
        unique=True,
        postgresql_where=sa.text("gtin IS NOT NULL"),
    )
    op.add_column(
        "products",
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', title || ' ' || description)", persisted=True),
            nullable=False,
        ),
    )
    op.create_index("ix_products_words", "products", ["words"], unique=False, postgresql_using="gin")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index("ix_products_words", table_name="products", postgresql_using="gin")
    op.drop_column("products", "words")
    op.drop_index("uq_variants_gtin_padded", table_name="variants")
