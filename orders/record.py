"""Record orders: the order, its lines and its timeline, for many orders at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.rows import arrays, as_columns, insert_many
from orders.schemas import OrderLineView, OrderView, QuotedLine


class Happening(msgspec.Struct, frozen=True):
    """One line of an order's timeline."""

    order_id: str
    what: str
    actor: str
    facts: dict[str, Any] = {}


_ORDER_COLUMNS = {
    "id": "text", "order_number": "text", "source": "text", "channel": "text", "location": "text",
    "customer_id": "text", "currency": "text", "prices_include_tax": "bool", "fulfilment": "text",
    "state": "text", "placed_at": "timestamptz", "subtotal": "bigint", "discount_total": "bigint",
    "tax_total": "bigint", "total": "bigint", "shipping_price": "bigint", "shipping_total": "bigint",
    "shipping_tax": "bigint", "sale_fingerprint": "bytea",
}  # fmt: skip
_LINE_COLUMNS = {
    "order_id": "text", "line": "int", "sku": "text", "quantity": "int", "recommended_price": "bigint",
    "unit_price": "bigint", "discount_total": "bigint", "tax_rate_bp": "int", "tax_total": "bigint",
    "line_total": "bigint", "sent": "int", "cancelled": "int", "book": "int", "prior_price": "bigint",
}  # fmt: skip
_ORDERS = insert_many("orders", _ORDER_COLUMNS)
_LINES = insert_many("order_lines", _LINE_COLUMNS)
_DISCOUNT_COLUMNS = {"order_id": "text", "line": "int", "promotion_id": "text", "place": "int", "amount": "bigint"}
_DISCOUNTS = insert_many("order_line_discounts", _DISCOUNT_COLUMNS)
_SHIPPING_COLUMNS = {"order_id": "text", "promotion_id": "text", "place": "int", "amount": "bigint"}
_SHIPPING = insert_many("order_shipping_discounts", _SHIPPING_COLUMNS)
_HAPPENINGS = {"id": "text", "order_id": "text", "what": "text", "actor": "text", "facts": "text"}
# The columns are this module's own; no value is in the text.
_TIMELINE = text(f"""
    INSERT INTO order_timeline (id, order_id, what, actor, facts, happened_at)
    SELECT r.id, r.order_id, r.what, r.actor, r.facts::jsonb, :now FROM {arrays(_HAPPENINGS)}
""")  # noqa: S608 - see above


async def record_orders(tx: Session, orders: Sequence[OrderView], fingerprints: Sequence[bytes] = ()) -> None:
    """Store orders with their lines. What they are paid with is written by payments.

    `fingerprints` say what tills asked for, order by order; other orders have none.
    """
    prints: Sequence[bytes | None] = fingerprints or [None] * len(orders)
    heads = ((*_order_row(order), asked) for order, asked in zip(orders, prints, strict=True))
    await tx.execute(_ORDERS, as_columns(_ORDER_COLUMNS, heads))
    lines = ((order.id, *_line_values(line)) for order in orders for line in order.lines)
    await tx.execute(_LINES, as_columns(_LINE_COLUMNS, lines))
    discounts = [
        (order.id, line.line, discount.promotion, place, discount.amount)
        for order in orders
        for line in order.lines
        for place, discount in enumerate(line.discounts, 1)
    ]
    if discounts:
        await tx.execute(_DISCOUNTS, as_columns(_DISCOUNT_COLUMNS, discounts))
    shipping = [
        (order.id, discount.promotion, place, discount.amount)
        for order in orders
        if order.shipping is not None
        for place, discount in enumerate(order.shipping.discounts, 1)
    ]
    if shipping:
        await tx.execute(_SHIPPING, as_columns(_SHIPPING_COLUMNS, shipping))


async def note(tx: Session, happenings: Sequence[Happening], now: datetime) -> None:
    """Write what happened into the orders' timelines."""
    if not happenings:
        return
    rows = (
        (new_id("tln", now), h.order_id, h.what, h.actor, msgspec.json.encode(h.facts).decode()) for h in happenings
    )
    await tx.execute(_TIMELINE, {**as_columns(_HAPPENINGS, rows), "now": now})


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
