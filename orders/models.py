"""The orders' tables: one model for a web order, a till sale, and imported history."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Facts, Minor, Table


class Order(Table):
    """A promise made to a buyer. Channel, store and customer are facts on it; its state is data (see rules.py)."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("order_number"),
        CheckConstraint("source IN ('api', 'till', 'import')", name="source_is_known"),
        CheckConstraint("fulfilment IN ('ship', 'collect', 'carried')", name="fulfilment_is_known"),
        CheckConstraint(
            "state IN ('placed', 'ready', 'part_shipped', 'shipped', 'completed', 'cancelled')",
            name="state_is_known",
        ),
        CheckConstraint(
            "0 <= shipping_total AND shipping_total <= shipping_price", name="shipping_is_reduced_at_the_most"
        ),
        CheckConstraint("wave IS NULL OR launch IS NOT NULL", name="a_wave_is_of_a_launch"),
        Index("ix_orders_placed_at", "placed_at", "order_number"),
        Index("ix_orders_customer_id", "customer_id", "placed_at"),
        Index(
            "ix_orders_open", "channel", "placed_at", postgresql_where=text("state NOT IN ('completed', 'cancelled')")
        ),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    order_number: Mapped[Code]
    source: Mapped[Code]
    channel: Mapped[Code] = mapped_column(ForeignKey("channels.code"))
    location: Mapped[Code | None] = mapped_column(ForeignKey("locations.code"))
    """The store where it was sold, or where it will be collected."""
    customer_id: Mapped[Code | None] = mapped_column(ForeignKey("customers.id"))
    currency: Mapped[Code]
    prices_include_tax: Mapped[bool]
    fulfilment: Mapped[Code]
    state: Mapped[Code]
    placed_at: Mapped[datetime]
    recorded_at: Mapped[datetime | None]
    """When this system came to know it, where that was later; null: when it was placed."""
    subtotal: Mapped[Minor]
    discount_total: Mapped[Minor]
    tax_total: Mapped[Minor]
    total: Mapped[Minor]
    """What the buyer pays: lines after discount, and shipping, plus tax where prices do not include it."""
    shipping_price: Mapped[Minor] = mapped_column(server_default=text("0"))
    """What bringing it costs, before promotions; `tax_total` has its tax in it."""
    shipping_total: Mapped[Minor] = mapped_column(server_default=text("0"))
    shipping_tax: Mapped[Minor] = mapped_column(server_default=text("0"))
    launch: Mapped[Code | None]
    """The launch it came through, and the wave."""
    wave: Mapped[Code | None]
    sale_fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What a till asked for, so that the same sale sent again is known however long ago it was; null for others."""


class OrderLine(Table):
    """What was bought, and the prices as they were at that instant."""

    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("line >= 1", name="line_from_one"),
        CheckConstraint("quantity >= 1", name="quantity_from_one"),
        CheckConstraint("discount_total >= 0", name="discount_not_negative"),
        CheckConstraint("line_total = quantity * unit_price - discount_total", name="line_adds_up"),
        CheckConstraint("0 <= sent AND 0 <= cancelled AND sent + cancelled <= quantity", name="within_quantity"),
        Index("ix_order_lines_sku", "sku"),
    )

    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[Code] = mapped_column(ForeignKey("variants.sku"))
    quantity: Mapped[int]
    recommended_price: Mapped[Minor | None]
    """The recommended price in force; null in imported history, which does not know it."""
    unit_price: Mapped[Minor]
    discount_total: Mapped[Minor]
    tax_rate_bp: Mapped[int | None]
    tax_total: Mapped[Minor]
    line_total: Mapped[Minor]
    book: Mapped[int | None]
    """The number of the market's price book that it was quoted from; null in imported history."""
    prior_price: Mapped[Minor | None]
    """What was shown beside a reduced price: the lowest of the days before it was reduced."""
    sent: Mapped[int] = mapped_column(server_default=text("0"))
    """How many were shipped or handed over."""
    cancelled: Mapped[int] = mapped_column(server_default=text("0"))
    """How many will never be, though others of the order were."""


class OrderLineDiscount(Table):
    """What a promotion took off a line; together they are the line's discount."""

    __tablename__ = "order_line_discounts"
    __table_args__ = (
        ForeignKeyConstraint(["order_id", "line"], ["order_lines.order_id", "order_lines.line"]),
        CheckConstraint("amount > 0", name="takes_something_off"),
        CheckConstraint("place >= 1", name="place_from_one"),
        Index("ix_order_line_discounts_promotion_id", "promotion_id"),
    )

    order_id: Mapped[Code] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    promotion_id: Mapped[Code] = mapped_column(ForeignKey("promotions.id"), primary_key=True)
    place: Mapped[int]
    """In the order in which they landed, from 1."""
    amount: Mapped[Minor]


class OrderShippingDiscount(Table):
    """What a promotion took off the shipping of an order."""

    __tablename__ = "order_shipping_discounts"
    __table_args__ = (
        CheckConstraint("amount > 0", name="takes_something_off"),
        Index("ix_order_shipping_discounts_promotion_id", "promotion_id"),
    )

    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    promotion_id: Mapped[Code] = mapped_column(ForeignKey("promotions.id"), primary_key=True)
    place: Mapped[int]
    amount: Mapped[Minor]


class TimelineEntry(Table):
    """What happened to an order, when, and by whom. Never changed."""

    __tablename__ = "order_timeline"

    id: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), index=True)
    happened_at: Mapped[datetime]
    what: Mapped[Code]
    actor: Mapped[Code]
    facts: Mapped[Facts]


class Shipment(Table):
    """Goods that left a location for a buyer: shipped, collected, or handed over at the counter."""

    __tablename__ = "shipments"
    __table_args__ = (CheckConstraint("kind IN ('shipped', 'collected', 'carried')", name="kind_is_known"),)

    id: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), index=True)
    location: Mapped[Code] = mapped_column(ForeignKey("locations.code"))
    kind: Mapped[Code]
    left_at: Mapped[datetime]
    handed_over_at: Mapped[datetime | None]
    actor: Mapped[Code]


class ShipmentLine(Table):
    """How many units of an order's line were in a shipment, and their serial numbers."""

    __tablename__ = "shipment_lines"
    __table_args__ = (
        ForeignKeyConstraint(["order_id", "line"], ["order_lines.order_id", "order_lines.line"]),
        CheckConstraint("quantity >= 1", name="quantity_from_one"),
    )

    shipment_id: Mapped[Code] = mapped_column(ForeignKey("shipments.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[Code]
    quantity: Mapped[int]
    serials: Mapped[list[str]] = mapped_column(ARRAY(Text(collation="C")), server_default=text("'{}'"))


class SoldSerial(Table):
    """One device that was sold, in whichever way it left: nobody is sold the same one."""

    __tablename__ = "sold_serials"
    __table_args__ = (
        ForeignKeyConstraint(["order_id", "line"], ["order_lines.order_id", "order_lines.line"]),
        Index("ix_sold_serials_order_id", "order_id", "line"),
    )

    sku: Mapped[Code] = mapped_column(primary_key=True)
    serial: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code]
    line: Mapped[int]
