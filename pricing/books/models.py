"""The books' tables: every edition there was, the keys that signed them, and who holds which."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Table

_HASH = "sha256 ~ '^[0-9a-f]{64}$'"


class BookKeyRow(Table):
    """A key that signs books. Each was introduced by the one before it, so that who knows one can find the next."""

    __tablename__ = "book_keys"
    __table_args__ = (
        CheckConstraint("state IN ('next', 'current', 'retired')", name="state_is_known"),
        CheckConstraint("octet_length(public) = 32 AND octet_length(secret) = 32", name="is_ed25519"),
        CheckConstraint("(state = 'retired') = (secret IS NULL)", name="retired_ones_sign_no_more"),
        CheckConstraint("(introduced_by IS NULL) = (introduction IS NULL)", name="introduced_by_signature"),
        Index("uq_book_keys_current", "state", unique=True, postgresql_where=text("state = 'current'")),
        Index("uq_book_keys_next", "state", unique=True, postgresql_where=text("state = 'next'")),
        Index("uq_book_keys_introduced_by", "introduced_by", unique=True),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    state: Mapped[Code]
    public: Mapped[bytes] = mapped_column(LargeBinary)
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Forgotten when the key retires."""
    introduced_by: Mapped[Code | None] = mapped_column(ForeignKey("book_keys.id"))
    introduction: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The signature of the key before it; the first key has none."""
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class PriceBook(Table):
    """One edition of a market's book. Never changed."""

    __tablename__ = "price_books"
    __table_args__ = (
        CheckConstraint("number > 0", name="numbered_from_one"),
        CheckConstraint(_HASH, name="hash_is_sha256"),
        CheckConstraint("(number = 1) = (delta IS NULL)", name="follows_upon_another"),
        Index("ix_price_books_market_sha256", "market", "sha256"),
    )

    market: Mapped[Code] = mapped_column(ForeignKey("markets.code"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[Code]
    compiled_at: Mapped[datetime]
    complete_until: Mapped[datetime]
    key_id: Mapped[Code] = mapped_column(ForeignKey("book_keys.id"))
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """The canonical bytes as they are, so that the database itself can hash them; it compresses them by itself."""
    delta: Mapped[bytes | None] = mapped_column(LargeBinary)
    """How the book before becomes this one (see delta.py), compressed by zlib."""


class PriceBookHead(Table):
    """Which of a market's books is the current one."""

    __tablename__ = "price_book_heads"
    __table_args__ = (
        CheckConstraint(_HASH, name="hash_is_sha256"),
        ForeignKeyConstraint(["market", "number"], ["price_books.market", "price_books.number"]),
    )

    market: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[int]
    sha256: Mapped[Code]


class BookHolder(Table):
    """Which of a market's books somebody said to hold last."""

    __tablename__ = "book_holders"
    __table_args__ = (
        ForeignKeyConstraint(["market", "number"], ["price_books.market", "price_books.number"]),
        Index("ix_book_holders_market_number", "market", "number"),
    )

    principal: Mapped[Code] = mapped_column(primary_key=True)
    """A family of API keys."""
    market: Mapped[Code] = mapped_column(primary_key=True)
    number: Mapped[int]
    held_at: Mapped[datetime]
    """Since when it has said so."""


class BookStart(Table):
    """An instant at which a market's charges change by some book, and the first one that is right about it.

    Perhaps nothing does any more: who holds the book before that one starts what was taken back.
    """

    __tablename__ = "book_starts"
    __table_args__ = (
        ForeignKeyConstraint(["market", "number"], ["price_books.market", "price_books.number"]),
        Index("ix_book_starts_to_tell", "starts_at", postgresql_where=text("told_at IS NULL")),
    )

    market: Mapped[Code] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    number: Mapped[int]
    told_at: Mapped[datetime | None]
    """When it was told who is ready for it, and who is not."""
