"""The reports' tables: facts that are written with what they tell of, and never changed."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Minor, Table


def _in_order(name: str, column: str) -> Index:
    """An index for rows that come nearly in the order of this column: it costs next to nothing to keep."""
    return Index(
        name, column, postgresql_using="brin", postgresql_with={"pages_per_range": "32", "autosummarize": "on"}
    )


_SAID_OF_A_LINE = [
    "customer_no", "day", "recorded_at", "quantity", "line", "historic", "preorder", "order_number", "channel",
    "location",
]  # fmt: skip
"""What an attach rate wants to know: with it in the index, the lines of a set are found without those between them."""


class ReportSale(Table):
    """A line that was sold: narrow, in numbers, in the order in which sales came. What came back is in reductions."""

    __tablename__ = "report_sales"
    __table_args__ = (
        CheckConstraint("quantity >= 1", name="quantity_from_one"),
        CheckConstraint("wave IS NULL OR launch IS NOT NULL", name="a_wave_is_of_a_launch"),
        _in_order("ix_report_sales_placed_at", "placed_at"),
        Index("ix_report_sales_sku_no", "sku_no", "placed_at", postgresql_include=_SAID_OF_A_LINE),
        Index("ix_report_sales_preorders", "order_number", postgresql_where=text("preorder")),
        Index("ix_report_sales_launch", "launch", "wave", postgresql_where=text("launch IS NOT NULL")),
        {"postgresql_with": {"autovacuum_vacuum_insert_scale_factor": "0.02"}},
    )
    __mapper_args__ = {"primary_key": ["order_number", "line"]}  # noqa: RUF012 - SQLAlchemy's way to say it

    placed_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    """When this system came to know it."""
    revenue: Mapped[Minor]
    """What the line was sold for after discounts, without tax."""
    customer_no: Mapped[int | None]
    """To whom it was sold, before any merge that came later; null for a guest."""
    sku_no: Mapped[int]
    day: Mapped[date]
    """The calendar day of `placed_at` in the time zone its market had when it was recorded."""
    quantity: Mapped[int]
    line: Mapped[int]
    historic: Mapped[bool]
    """Imported: it was known when it happened, whenever it was recorded here."""
    preorder: Mapped[bool]
    order_number: Mapped[Code]
    channel: Mapped[Code]
    location: Mapped[Code | None]
    """The store in which it was sold, or where what was sold online is collected."""
    launch: Mapped[Code | None]
    wave: Mapped[Code | None]


class ReportReduction(Table):
    """Units of a line that will not leave, or came back; `placed_at` and `sku_no` are the sale's own."""

    __tablename__ = "report_reductions"
    __table_args__ = (
        CheckConstraint("kind IN ('cancelled', 'returned')", name="kind_is_known"),
        CheckConstraint("units >= 1", name="units_from_one"),
        _in_order("ix_report_reductions_placed_at", "placed_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    placed_at: Mapped[datetime]
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    sku_no: Mapped[int]
    units: Mapped[int]
    line: Mapped[int]
    historic: Mapped[bool]
    kind: Mapped[Code]
    order_number: Mapped[Code]
    channel: Mapped[Code]
    """Where it was sold."""
    came_back_in: Mapped[Code | None]
    """The channel in which it came back, if that was said."""


class ReportHandover(Table):
    """The instant at which the last goods of a preorder were in its buyer's hands."""

    __tablename__ = "report_handovers"

    order_number: Mapped[Code] = mapped_column(primary_key=True)
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class ReportMark(Table):
    """Left by every transaction that changes what reports find, so that a kept answer knows whether it still holds."""

    __tablename__ = "report_marks"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    left_at: Mapped[datetime]


class ReportWriter(Table):
    """A transaction that takes minutes to write what it records as of its beginning. Gone when it is committed."""

    __tablename__ = "report_writers"

    xact: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """As the server numbers it."""
    since: Mapped[datetime]


class ReportSecret(Table):
    """What makes this shop's pseudonyms its own. The one row is made with the table, and read by `pseudonyms` alone."""

    __tablename__ = "report_secrets"
    __table_args__ = (
        CheckConstraint("id = 1", name="there_is_one"),
        CheckConstraint("length(secret) = 32", name="secret_has_256_bits"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    secret: Mapped[bytes] = mapped_column(LargeBinary)


class ReportSet(Table):
    """What a named set is, version by version; each holds until the next one was defined."""

    __tablename__ = "report_sets"
    __table_args__ = (
        CheckConstraint("version >= 1", name="version_from_one"),
        CheckConstraint("cardinality(members) > 0", name="of_something"),
    )

    code: Mapped[Code] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    members: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    note: Mapped[str | None]
    defined_by: Mapped[Code]
    defined_at: Mapped[datetime]
