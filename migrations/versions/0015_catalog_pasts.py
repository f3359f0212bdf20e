"""What variants and categories were, until which instant; and what goes with what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_CODE = sa.Text(collation="C")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "category_pasts",
        sa.Column("code", _CODE, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("parent", _CODE, nullable=True),
        sa.ForeignKeyConstraint(["code"], ["categories.code"], name=op.f("fk_category_pasts_code_categories")),
        sa.ForeignKeyConstraint(["parent"], ["categories.code"], name=op.f("fk_category_pasts_parent_categories")),
        sa.PrimaryKeyConstraint("code", "until", name=op.f("pk_category_pasts")),
    )
    op.create_index("ix_category_pasts_until", "category_pasts", ["until"])
    op.create_table(
        "variant_pasts",
        sa.Column("sku", _CODE, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("product", _CODE, nullable=False),
        sa.Column("category", _CODE, nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("options", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_variant_pasts_sku_variants")),
        sa.ForeignKeyConstraint(["product"], ["products.code"], name=op.f("fk_variant_pasts_product_products")),
        sa.ForeignKeyConstraint(["category"], ["categories.code"], name=op.f("fk_variant_pasts_category_categories")),
        sa.PrimaryKeyConstraint("sku", "until", name=op.f("pk_variant_pasts")),
    )
    op.create_index("ix_variant_pasts_until", "variant_pasts", ["until"])
    op.create_table(
        "pairings",
        sa.Column("code", _CODE, nullable=False),
        sa.Column("anchor", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("attach", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cardinality(anchor) > 0 AND cardinality(attach) > 0", name=op.f("ck_pairings_something_with_something")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_pairings")),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("pairings")
    op.drop_table("variant_pasts")
    op.drop_table("category_pasts")
