"""Record orders: the rows of orders, their lines and their timelines, for many orders at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.rows import Into, Rows, write
from orders.schemas import OrderLineView, OrderView, QuotedLine


class Happening(msgspec.Struct, frozen=True):
    """One line of an order's timeline."""

    order_id: str
    what: str
    actor: str
    facts: dict[str, Any] = {}


_ORDERS = Into("orders", {
    "id": "text", "order_number": "text", "source": "text", "channel": "text", "location": "text",
    "customer_id": "text", "currency": "text", "prices_include_tax": "bool", "fulfilment": "text",
    "state": "text", "placed_at": "timestamptz", "subtotal": "bigint", "discount_total": "bigint",
    "tax_total": "bigint", "total": "bigint", "shipping_price": "bigint", "shipping_total": "bigint",
    "shipping_tax": "bigint", "sale_fingerprint": "bytea",
})  # fmt: skip
_LINES = Into("order_lines", {
    "order_id": "text", "line": "int", "sku": "text", "quantity": "int", "recommended_price": "bigint",
    "unit_price": "bigint", "discount_total": "bigint", "tax_rate_bp": "int", "tax_total": "bigint",
    "line_total": "bigint", "sent": "int", "cancelled": "int", "book": "int", "prior_price": "bigint",
})  # fmt: skip
_DISCOUNTS = Into("order_line_discounts", {
    "order_id": "text", "line": "int", "promotion_id": "text", "place": "int", "amount": "bigint",
})  # fmt: skip
_SHIPPING = Into("order_shipping_discounts", {
    "order_id": "text", "promotion_id": "text", "place": "int", "amount": "bigint",
})  # fmt: skip
_TIMELINE = Into("order_timeline", {
    "id": "text", "order_id": "text", "what": "text", "actor": "text", "facts": "jsonb", "happened_at": "timestamptz",
})  # fmt: skip


def order_rows(orders: Sequence[OrderView], fingerprints: Sequence[bytes] = ()) -> list[Rows]:
    """Orders with their lines and discounts. The rows of what they are paid with are made by payments.

    `fingerprints` say what tills asked for, order by order; other orders have none.
    """
    prints: Sequence[bytes | None] = fingerprints or [None] * len(orders)
    heads = ((*_order_row(order), asked) for order, asked in zip(orders, prints, strict=True))
    lines = ((order.id, *_line_values(line)) for order in orders for line in order.lines)
    discounts = (
        (order.id, line.line, discount.promotion, place, discount.amount)
        for order in orders
        for line in order.lines
        for place, discount in enumerate(line.discounts, 1)
    )
    shipping = (
        (order.id, discount.promotion, place, discount.amount)
        for order in orders
        if order.shipping is not None
        for place, discount in enumerate(order.shipping.discounts, 1)
    )
    return [_ORDERS.rows(heads), _LINES.rows(lines), _DISCOUNTS.rows(discounts), _SHIPPING.rows(shipping)]


async def note(tx: Session, happenings: Sequence[Happening], now: datetime) -> None:
    """Write what happened into the orders' timelines."""
    await write(tx, [noted(happenings, now)])


def noted(happenings: Sequence[Happening], now: datetime) -> Rows:
    """What happened, as rows of the orders' timelines."""
    return _TIMELINE.rows((new_id("tln", now), h.order_id, h.what, h.actor, h.facts, now) for h in happenings)


def _line_values(line: OrderLineView) -> tuple[object, ...]:
    return msgspec.structs.astuple(line)[:-1]  # Its discounts have a table of their own.


def line_view(line: QuotedLine, book: int, sent: int = 0) -> OrderLineView:
    """A quoted line as the order keeps it."""
    return OrderLineView(
        line.line, line.sku, line.quantity, line.recommended_price, line.unit_price, line.discount_total,
        line.tax_rate_bp, line.tax_total, line.line_total, sent, 0, book,
        line.prior_price.amount if line.prior_price else None, line.discounts,
    )  # fmt: skip


def _order_row(order: OrderView) -> tuple[object, ...]:
    return (
        order.id, order.order_number, order.source, order.channel, order.location, order.customer,
        order.total.currency, order.prices_include_tax, str(order.fulfilment), str(order.state), order.placed_at,
        order.subtotal.amount, order.discount_total.amount, order.tax_total.amount, order.total.amount,
        *((order.shipping.price, order.shipping.total, order.shipping.tax_total) if order.shipping else (0, 0, 0)),
    )  # fmt: skip
