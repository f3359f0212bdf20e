"""The price changes' tables: what is to change, item by item, and who moved it on."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Table


class PriceChange(Table):
    """Prices of one market that begin together. Its state is the last one in its diary."""

    __tablename__ = "price_changes"
    __table_args__ = (
        CheckConstraint(
            "state IN ('draft', 'submitted', 'approved', 'scheduled', 'live', 'ended', 'rolled_back', 'rejected',"
            " 'withdrawn')",
            name="state_is_known",
        ),
        CheckConstraint("origin IN ('items', 'csv', 'rule', 'counter')", name="origin_is_known"),
        CheckConstraint("(origin = 'counter') = (counter_of IS NOT NULL)", name="counters_something"),
        CheckConstraint("(origin = 'rule') = (rule IS NOT NULL)", name="rule_is_kept"),
        CheckConstraint("starts_at < ends_at", name="lasts_for_a_while"),
        CheckConstraint(
            "state NOT IN ('scheduled', 'live', 'ended') OR starts_at IS NOT NULL", name="starts_if_at_all"
        ),
        Index(
            "uq_price_changes_counter_of",
            "counter_of",
            unique=True,
            postgresql_where=text("state NOT IN ('rejected', 'withdrawn')"),
        ),
        Index("ix_price_changes_market", "market", "id"),
        Index("ix_price_changes_to_begin", "starts_at", postgresql_where=text("state = 'scheduled'")),
        Index("ix_price_changes_to_end", "ends_at", postgresql_where=text("state = 'live'")),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    market: Mapped[Code] = mapped_column(ForeignKey("markets.code"))
    name: Mapped[str]
    reason: Mapped[str]
    origin: Mapped[Code]
    rule: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """As it was said; what it made of the prices of that day are the items."""
    counter_of: Mapped[Code | None] = mapped_column(ForeignKey("price_changes.id"))
    state: Mapped[Code]
    starts_at: Mapped[datetime | None]
    """As it is planned; from scheduling on, when it begins."""
    ends_at: Mapped[datetime | None]
    created_by: Mapped[Code]
    created_at: Mapped[datetime]
    submitted_by: Mapped[Code | None]
    approved_by: Mapped[Code | None]
    approved_at: Mapped[datetime | None]


class PriceChangeItem(Table):
    """A price of a change: the recommended one of the market, or a channel's own."""

    __tablename__ = "price_change_items"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="not_negative"),
        CheckConstraint("starts_at < ends_at", name="lasts_for_a_while"),
        CheckConstraint(
            "(exception_reason IS NULL) = (exception_expires_at IS NULL)", name="exceptions_have_reason_and_expiry"
        ),
        CheckConstraint(
            "exception_reason IS NULL OR channel IS NOT NULL AND amount IS NOT NULL", name="exceptions_are_of_channels"
        ),
        Index("ix_price_change_items_sku", "sku", "channel"),
    )

    change_id: Mapped[Code] = mapped_column(ForeignKey("price_changes.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    """From nought on, as they were sent: `items[place]`."""
    sku: Mapped[Code] = mapped_column(ForeignKey("variants.sku"))
    channel: Mapped[Code | None] = mapped_column(ForeignKey("channels.code"))
    amount: Mapped[int | None] = mapped_column(BigInteger)
    """None: no price; what has none of its own costs the recommended price, and what has neither is not sold."""
    starts_at: Mapped[datetime | None]
    """Where it does not begin with the change; only what a counter-change puts back may."""
    ends_at: Mapped[datetime | None]
    """Where it does not end with the change."""
    old_amount: Mapped[int | None] = mapped_column(BigInteger)
    """What was to be charged in its place, as of the draft: of a channel, its own price or else the recommended one."""
    exception_reason: Mapped[str | None]
    exception_expires_at: Mapped[datetime | None]
    exception_id: Mapped[Code | None]


class PriceChangeStep(Table):
    """A move of a change, in its diary: where to, who, when, and what they said to it."""

    __tablename__ = "price_change_steps"

    change_id: Mapped[Code] = mapped_column(ForeignKey("price_changes.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    """From nought on."""
    state: Mapped[Code]
    actor: Mapped[Code]
    note: Mapped[str | None]
    moved_at: Mapped[datetime]
