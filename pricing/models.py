"""Pricing's tables: dated facts that never overlap, prices with what was believed of them when; policies and costs."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Minor, Table


def _believed(scope: str, table: str) -> tuple[CheckConstraint | ExcludeConstraint | Index, ...]:
    """What holds for both series of prices: at any instant at most one price of a sku is believed in."""
    return (
        CheckConstraint("amount >= 0", name="not_negative"),
        CheckConstraint("valid_from < valid_to", name="valid_for_a_while"),
        CheckConstraint("recorded_at <= superseded_at", name="believed_for_a_while"),
        ExcludeConstraint(
            # A number is three times as fast as a text; that two skus share all its 64 bits is not to be expected.
            (text("hashtextextended(sku, 0)"), "="),
            (text(scope), "="),
            (text("tstzrange(valid_from, valid_to)"), "&&"),
            where=text("superseded_at IS NULL"),
            using="gist",
            name=f"ex_{table}_overlap",
        ),
        Index(f"ix_{table}_current", "sku", scope, "valid_from", postgresql_where=text("superseded_at IS NULL")),
        Index(f"ix_{table}_sku_{scope}", "sku", scope, "id"),
        Index(f"ix_{table}_change_id", "change_id", postgresql_where=text("change_id IS NOT NULL")),
        Index(f"ix_{table}_superseded_by", "superseded_by", postgresql_where=text("superseded_by IS NOT NULL")),
    )


class RecommendedPrice(Table):
    """The recommended price of a sku in a market from one instant (inclusive) to another (exclusive) or for good.

    A row is a belief. What is believed now is not superseded; what was believed stays, and is never changed.
    """

    __tablename__ = "recommended_prices"
    __table_args__ = (*_believed("market", "recommended_prices"),)

    sku: Mapped[Code] = mapped_column(ForeignKey("variants.sku"))
    market: Mapped[Code] = mapped_column(ForeignKey("markets.code"))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    amount: Mapped[Minor]
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    recorded_at: Mapped[datetime | None]
    """None: known since before anybody kept count."""
    superseded_at: Mapped[datetime | None]
    change_id: Mapped[Code | None]
    """The price change it comes from; a piece of a price that was cut, or put back, keeps it."""
    superseded_by: Mapped[Code | None]
    """The price change that ended this belief; the row's own one, where that was taken back."""
    recorded_by: Mapped[Code | None]
    """The price change that wrote this belief down, be it to cut another one's price or to put it back."""


class ChannelPrice(Table):
    """What a channel charges for a sku where that is not the recommended price; kept as recommended prices are."""

    __tablename__ = "channel_prices"
    __table_args__ = (*_believed("channel", "channel_prices"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    sku: Mapped[Code] = mapped_column(ForeignKey("variants.sku"))
    channel: Mapped[Code] = mapped_column(ForeignKey("channels.code"))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]
    amount: Mapped[Minor]
    recorded_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]
    change_id: Mapped[Code | None]
    exception_id: Mapped[Code | None] = mapped_column(ForeignKey("parity_exceptions.id"))
    """Why it may differ further from the recommended price than the market's policy allows."""
    superseded_by: Mapped[Code | None]
    recorded_by: Mapped[Code | None]


class ParityException(Table):
    """Why, by whose leave and until when a channel may charge what the market's policy does not allow."""

    __tablename__ = "parity_exceptions"
    __table_args__ = (Index("ix_parity_exceptions_sku_channel", "sku", "channel"),)

    id: Mapped[Code] = mapped_column(primary_key=True)
    channel: Mapped[Code] = mapped_column(ForeignKey("channels.code"))
    sku: Mapped[Code] = mapped_column(ForeignKey("variants.sku"))
    reason: Mapped[str]
    approved_by: Mapped[str]
    approved_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    change_id: Mapped[Code | None]


class PricingPolicy(Table):
    """How a market's prices may differ, are rounded, and are compared with earlier ones. No row: the usual policy."""

    __tablename__ = "pricing_policies"
    __table_args__ = (
        CheckConstraint("parity IN ('equal', 'floor', 'band')", name="parity_is_known"),
        CheckConstraint("(parity = 'band') = (band_bp IS NOT NULL)", name="band_has_a_width"),
        CheckConstraint("band_bp BETWEEN 0 AND 10000", name="band_is_sane"),
        CheckConstraint("tax_rounding IN ('line', 'order')", name="rounding_is_known"),
        CheckConstraint(
            "prior_window_days BETWEEN 1 AND 365 AND prior_announced_days BETWEEN 1 AND 365", name="prior_is_sane"
        ),
        CheckConstraint("prior_new_arrivals IN ('shorter', 'none')", name="new_arrivals_is_known"),
        CheckConstraint(
            "horizon_days BETWEEN 1 AND 400 AND readiness_minutes BETWEEN 1 AND 1440", name="foresight_is_sane"
        ),
    )

    market: Mapped[Code] = mapped_column(ForeignKey("markets.code"), primary_key=True)
    parity: Mapped[Code]
    band_bp: Mapped[int | None]
    tax_rounding: Mapped[Code]
    prior_window_days: Mapped[int]
    prior_announced_days: Mapped[int]
    prior_progressive: Mapped[bool]
    prior_new_arrivals: Mapped[Code]
    horizon_days: Mapped[int]
    readiness_minutes: Mapped[int]
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class UnitCost(Table):
    """What a unit of a sku costs us in a market, without tax, from an instant on until the next one begins."""

    __tablename__ = "unit_costs"
    __table_args__ = (CheckConstraint("amount >= 0", name="not_negative"),)

    sku: Mapped[Code] = mapped_column(ForeignKey("variants.sku"), primary_key=True)
    market: Mapped[Code] = mapped_column(ForeignKey("markets.code"), primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    amount: Mapped[Minor]


class TaxRate(Table):
    """A market's rate for a tax class, in basis points, while it is in force."""

    __tablename__ = "tax_rates"
    __table_args__ = (
        CheckConstraint("rate_bp BETWEEN 0 AND 10000", name="rate_is_sane"),
        CheckConstraint("tax_class IN ('standard', 'reduced', 'zero')", name="tax_class_is_known"),
        CheckConstraint("valid_from < valid_to", name="valid_for_a_while"),
        ExcludeConstraint(
            (text("market"), "="),
            (text("tax_class"), "="),
            (text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_tax_rates_overlap",
        ),
    )

    market: Mapped[Code] = mapped_column(ForeignKey("markets.code"), primary_key=True)
    tax_class: Mapped[Code] = mapped_column(primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    valid_to: Mapped[datetime | None]
    rate_bp: Mapped[int]
    source: Mapped[str]
