"""The returns' tables."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Minor, Table


class Return(Table):
    """Units of an order's line that came back, where, when, and what was refunded."""

    __tablename__ = "returns"
    __table_args__ = (
        ForeignKeyConstraint(["order_id", "line"], ["order_lines.order_id", "order_lines.line"]),
        CheckConstraint("quantity >= 1", name="quantity_from_one"),
        CheckConstraint("refund_total >= 0", name="refund_not_negative"),
        Index("ix_returns_order_id_line", "order_id", "line"),
    )

    return_number: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code]
    line: Mapped[int]
    quantity: Mapped[int]
    channel: Mapped[Code] = mapped_column(ForeignKey("channels.code"))
    location: Mapped[Code | None] = mapped_column(ForeignKey("locations.code"))
    returned_at: Mapped[datetime]
    recorded_at: Mapped[datetime | None]
    """When this system came to know it, where that was later; null: when it happened."""
    refund_total: Mapped[Minor]
