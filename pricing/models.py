"""Pricing's tables: dated facts that never overlap."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Minor, Table


class RecommendedPrice(Table):
    """The recommended price of a sku in a market from one instant (inclusive) to another (exclusive) or for good."""

    __tablename__ = "recommended_prices"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="not_negative"),
        CheckConstraint("valid_from < valid_to", name="valid_for_a_while"),
        ExcludeConstraint(
            (text("sku"), "="),
            (text("market"), "="),
            (text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_recommended_prices_overlap",
        ),
    )

    sku: Mapped[Code] = mapped_column(ForeignKey("variants.sku"), primary_key=True)
    market: Mapped[Code] = mapped_column(ForeignKey("markets.code"), primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(primary_key=True)
    valid_to: Mapped[datetime | None]
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
