"""One GTIN, however many of its leading noughts are written; and the words of products, to be searched."""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from commerce.kernel.refusals import Refusal

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DOUBLED = """
    SELECT lpad(gtin, 14, '0'), string_agg(sku, ', ' ORDER BY sku) FROM variants WHERE gtin IS NOT NULL
     GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 20
"""


@dataclass(eq=False)
class GtinsNotUnique(Refusal):
    """Several variants have one GTIN, written with more or fewer leading noughts."""

    code = "gtins_not_unique"
    variants: list[str]

    def __str__(self) -> str:
        return (
            f"One GTIN must mean one variant. Correct these first, with the release before: {'; '.join(self.variants)}."
        )


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    doubled = op.get_bind().execute(sa.text(DOUBLED)).all()
    if doubled:
        raise GtinsNotUnique([f"{gtin}: {skus}" for gtin, skus in doubled])
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
