"""Price books: every edition, the keys that sign them, who holds which, and when charges change."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

HASH = "sha256 ~ '^[0-9a-f]{64}$'"

# Twice as fast as PostgreSQL's own, where the server was built with it.
COMPRESS_WITH_LZ4 = """
    DO $$ BEGIN
        IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
            ALTER TABLE price_books ALTER COLUMN body SET COMPRESSION lz4;
        END IF;
    END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    _create_keys()
    _create_books()
    _create_holders()


def _create_keys() -> None:
    op.create_table(
        "book_keys",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("introduced_by", sa.Text(collation="C"), nullable=True),
        sa.Column("introduction", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('next', 'current', 'retired')", name=op.f("ck_book_keys_state_is_known")),
        sa.CheckConstraint(
            "octet_length(public) = 32 AND octet_length(secret) = 32", name=op.f("ck_book_keys_is_ed25519")
        ),
        sa.CheckConstraint(
            "(state = 'retired') = (secret IS NULL)", name=op.f("ck_book_keys_retired_ones_sign_no_more")
        ),
        sa.CheckConstraint(
            "(introduced_by IS NULL) = (introduction IS NULL)", name=op.f("ck_book_keys_introduced_by_signature")
        ),
        sa.ForeignKeyConstraint(["introduced_by"], ["book_keys.id"], name=op.f("fk_book_keys_introduced_by_book_keys")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book_keys")),
    )
    for state in ("current", "next"):
        op.create_index(
            f"uq_book_keys_{state}",
            "book_keys",
            ["state"],
            unique=True,
            postgresql_where=sa.text(f"state = '{state}'"),
        )
    op.create_index("uq_book_keys_introduced_by", "book_keys", ["introduced_by"], unique=True)


def _create_books() -> None:
    op.create_table(
        "price_books",
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(collation="C"), nullable=False),
        sa.Column("compiled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("complete_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("key_id", sa.Text(collation="C"), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("delta", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("number > 0", name=op.f("ck_price_books_numbered_from_one")),
        sa.CheckConstraint(HASH, name=op.f("ck_price_books_hash_is_sha256")),
        sa.CheckConstraint("(number = 1) = (delta IS NULL)", name=op.f("ck_price_books_follows_upon_another")),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_price_books_market_markets")),
        sa.ForeignKeyConstraint(["key_id"], ["book_keys.id"], name=op.f("fk_price_books_key_id_book_keys")),
        sa.PrimaryKeyConstraint("market", "number", name=op.f("pk_price_books")),
    )
    op.create_index("ix_price_books_market_sha256", "price_books", ["market", "sha256"], unique=False)
    op.execute(COMPRESS_WITH_LZ4)
    op.execute("ALTER TABLE price_books ALTER COLUMN delta SET STORAGE EXTERNAL")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON price_books EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "price_book_heads",
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint(HASH, name=op.f("ck_price_book_heads_hash_is_sha256")),
        _of_a_book("price_book_heads"),
        sa.PrimaryKeyConstraint("market", name=op.f("pk_price_book_heads")),
    )


def _create_holders() -> None:
    op.create_table(
        "book_holders",
        sa.Column("principal", sa.Text(collation="C"), nullable=False),
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        _of_a_book("book_holders"),
        sa.PrimaryKeyConstraint("principal", "market", name=op.f("pk_book_holders")),
    )
    op.create_index("ix_book_holders_market_number", "book_holders", ["market", "number"], unique=False)
    op.create_table(
        "book_starts",
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        _of_a_book("book_starts"),
        sa.PrimaryKeyConstraint("market", "starts_at", name=op.f("pk_book_starts")),
    )
    op.create_index(
        "ix_book_starts_to_tell",
        "book_starts",
        ["starts_at"],
        unique=False,
        postgresql_where=sa.text("told_at IS NULL"),
    )


def _of_a_book(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["market", "number"],
        ["price_books.market", "price_books.number"],
        name=op.f(f"fk_{table}_market_number_price_books"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index("ix_book_starts_to_tell", table_name="book_starts", postgresql_where=sa.text("told_at IS NULL"))
    op.drop_table("book_starts")
    op.drop_index("ix_book_holders_market_number", table_name="book_holders")
    op.drop_table("book_holders")
    op.drop_table("price_book_heads")
    op.drop_index("ix_price_books_market_sha256", table_name="price_books")
    op.drop_table("price_books")
    for index in ("introduced_by", "next", "current"):
        op.drop_index(f"uq_book_keys_{index}", table_name="book_keys")
    op.drop_table("book_keys")
