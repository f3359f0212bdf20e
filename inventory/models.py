"""Inventory's tables: pools, the holds that draw on them, and the diary of every movement."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Table


class StockPool(Table):
    """Units of one sku at one location for one purpose: how many there are, and how many are spoken for."""

    __tablename__ = "stock_pools"
    __table_args__ = (
        UniqueConstraint("sku", "location", "purpose"),
        CheckConstraint("held >= 0", name="held_not_negative"),
        CheckConstraint("overdrawn >= 0", name="overdrawn_not_negative"),
        CheckConstraint("held <= supply + overdrawn", name="never_promised_twice"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    sku: Mapped[Code] = mapped_column(ForeignKey("variants.sku"))
    location: Mapped[Code] = mapped_column(ForeignKey("locations.code"), index=True)
    purpose: Mapped[Code] = mapped_column(server_default=text("'general'"))
    supply: Mapped[int] = mapped_column(server_default=text("0"))
    held: Mapped[int] = mapped_column(server_default=text("0"))
    overdrawn: Mapped[int] = mapped_column(server_default=text("0"))


class Hold(Table):
    """Units of one pool kept for one reference, until they expire, are released, or leave."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("units > 0", name="holds_something"),
        CheckConstraint("outcome IN ('released', 'expired', 'left')", name="outcome_is_known"),
        CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_with_an_outcome"),
        Index("ix_holds_reference", "reference"),
        Index("ix_holds_basket", "basket", postgresql_where=text("basket IS NOT NULL")),
        Index("ix_holds_live", "pool_id", postgresql_where=text("ended_at IS NULL")),
        Index(
            "ix_holds_to_expire",
            "expires_at",
            postgresql_where=text("ended_at IS NULL AND expires_at IS NOT NULL"),
        ),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    pool_id: Mapped[Code] = mapped_column(ForeignKey("stock_pools.id"))
    reference: Mapped[Code]
    """Whom it is kept for: a basket's hold id, or the order that confirmed it."""
    basket: Mapped[Code | None]
    """The hold id it was taken under, for ever, so that no other basket is ever held under it; null for an order's."""
    owner: Mapped[Code | None]
    """Who took it for a basket and may give it back or order it (a principal's id); null for an order's own."""
    units: Mapped[int]
    taken_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """Null once an order has confirmed it for good."""
    ended_at: Mapped[datetime | None]
    outcome: Mapped[Code | None]


class Movement(Table):
    """One line of the diary: units that came into a pool (positive) or left it (negative). Never changed."""

    __tablename__ = "movements"
    __table_args__ = (
        CheckConstraint("units <> 0", name="moves_something"),
        CheckConstraint(
            "kind IN ('opening', 'received', 'sold', 'returned', 'transferred', 'counted', 'corrected')",
            name="kind_is_known",
        ),
        Index("ix_movements_pool_id_id", "pool_id", "id"),
        Index("ix_movements_reference", "reference"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    pool_id: Mapped[Code] = mapped_column(ForeignKey("stock_pools.id"))
    kind: Mapped[Code]
    units: Mapped[int]
    reference: Mapped[Code]
    reason: Mapped[Code | None]
    actor: Mapped[Code]
    moved_at: Mapped[datetime]


class Overdraft(Table):
    """A case for a person: by a sale, a count or a shipment, the pool did not have what was promised or left."""

    __tablename__ = "overdrafts"
    __table_args__ = (
        CheckConstraint("units > 0", name="overdraws_something"),
        Index("ix_overdrafts_open", "opened_at", postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    pool_id: Mapped[Code] = mapped_column(ForeignKey("stock_pools.id"), index=True)
    reference: Mapped[Code]
    units: Mapped[int]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[Code | None]
    note: Mapped[str | None]
