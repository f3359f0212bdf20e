"""The orders' reads."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import Row, text

from commerce.kernel.access import Role
from commerce.kernel.bodies import Amount, Balance
from commerce.kernel.db import ReadSession
from commerce.kernel.pages import Page, page_of
from commerce.kernel.refusals import InvalidInput, NotFound
from orders.rules import Fulfilment, OrderState, TenderKind
from orders.schemas import (
    DiscountView,
    OrderHistoryView,
    OrderLineView,
    OrderRow,
    OrderView,
    PaymentView,
    RefundView,
    ShipmentView,
    ShippingView,
    TenderView,
    TimelineView,
    WaitingView,
)

_OFFICE = {Role.OPERATOR, Role.ADMIN}
"""Who runs the shop."""
_FOR_BUYERS = _OFFICE | {Role.STOREFRONT}
"""Who acts for a buyer, in orders that they may see."""
_PAYABLE = {"waiting", "action_required"}
"""When the buyer has something to do on the page behind the link."""


class Wanted(NamedTuple):
    """Which orders a list should show; None is any."""

    channel: str | None
    location: str | None
    customer: str | None
    state: OrderState | None
    number: str | None


_LIST = text("""
    SELECT id, order_number, channel, location, state, placed_at, total, currency FROM orders
     WHERE (CAST(:channel AS text) IS NULL OR channel = :channel)
       AND (CAST(:location AS text) IS NULL OR location = :location OR id IN (
            SELECT h.reference FROM holds h JOIN stock_pools p ON p.id = h.pool_id
             WHERE p.location = :location AND h.ended_at IS NULL))
       AND (CAST(:customer AS text) IS NULL OR customer_id = :customer)
       AND (CAST(:state AS text) IS NULL OR state = :state)
       AND (CAST(:number AS text) IS NULL OR order_number = :number)
       AND (CAST(:before AS timestamptz) IS NULL OR (placed_at, order_number) < (:before, CAST(:before_number AS text)))
     ORDER BY placed_at DESC, order_number DESC LIMIT :most
""")
_ORDER = text("""
    SELECT o.id, o.order_number, o.source, o.channel, o.location, o.customer_id, o.currency, o.prices_include_tax,
           o.fulfilment, o.state, o.placed_at, o.subtotal, o.discount_total, o.tax_total, o.total,
           o.shipping_price, o.shipping_total, o.shipping_tax,
           ARRAY(SELECT d.promotion_id || ' ' || d.amount FROM order_shipping_discounts d WHERE d.order_id = o.id
                  ORDER BY d.place) AS shipping_discounts,
           (SELECT coalesce(sum(amount), 0) FROM ledger_entries l WHERE l.order_id = o.id)::bigint AS owed
      FROM orders o WHERE o.id = :id
""")
_LINES = text("""
    SELECT line, sku, quantity, recommended_price, unit_price, discount_total, tax_rate_bp, tax_total, line_total, sent,
           cancelled, book, prior_price
      FROM order_lines WHERE order_id = :id ORDER BY line
""")
_DISCOUNTS = text("""
    SELECT line, promotion_id, amount FROM order_line_discounts WHERE order_id = :id ORDER BY line, place
""")
_TENDERS = text("SELECT kind, state, amount, given, change FROM tenders WHERE order_id = :id ORDER BY id")
_TIMELINE = text("SELECT happened_at, what, actor, facts FROM order_timeline WHERE order_id = :id ORDER BY id")
_SHIPMENTS = text("""
    SELECT s.id, s.location, s.kind, s.left_at, s.handed_over_at,
           jsonb_agg(jsonb_build_object('line', l.line, 'quantity', l.quantity, 'serials', to_jsonb(l.serials))
                     ORDER BY l.line)
      FROM shipments s JOIN shipment_lines l ON l.shipment_id = s.id
     WHERE s.order_id = :id GROUP BY s.id ORDER BY s.id
""")
_WAITING = text("""
    SELECT p.location, p.sku, sum(h.units)::bigint FROM holds h JOIN stock_pools p ON p.id = h.pool_id
     WHERE h.reference = :id AND h.ended_at IS NULL GROUP BY p.location, p.sku ORDER BY p.location, p.sku
""")

_PAYMENTS = text("""
    SELECT p.id, p.purpose, p.state, p.amount, p.captured, p.refunded, p.decline_code, p.deadline, p.capture_before,
           p.currency, p.link,
           ARRAY(SELECT d.provider_id || ' ' || d.state FROM disputes d WHERE d.payment_id = p.id
                  ORDER BY d.provider_id) AS disputes
      FROM payments p WHERE p.order_id = :id ORDER BY p.created_at, p.id
""")
_REFUNDS = text("""
    SELECT id, payment_id, tender, reason, line, quantity, amount, currency, state, failure, created_at
      FROM refunds WHERE order_id = :id ORDER BY created_at, id
""")


async def list_orders(tx: ReadSession, wanted: Wanted, after: tuple[str, ...] | None, limit: int) -> Page[OrderRow]:
    """A page of orders, newest first."""
    before, before_number = _position(after) if after else (None, None)
    facts = {**wanted._asdict(), "before": before, "before_number": before_number, "most": limit + 1}
    rows = (await tx.execute(_LIST, facts)).all()
    return page_of(rows, limit, _row, lambda row: (row.placed_at.isoformat(), row.order_number))


async def order_history(tx: ReadSession, order_id: str, reader: Role | None = None) -> OrderHistoryView:
    """An order with all that happened to it, as far as a reader of this role may know. Raises NotFound.

    What buyers object to at their banks, and what failed because of it, is for whoever runs the shop. By the link of a
    payment its buyer pays: it is for those who act for the buyer, and no till does.
    """
    head = (await tx.execute(_ORDER, {"id": order_id})).one_or_none()
    if head is None:
        raise NotFound("order", order_id)
    lines = await _lines(tx, order_id)
    tenders = (await tx.execute(_TENDERS, {"id": order_id})).all()
    timeline = _told([TimelineView(*row) for row in await tx.execute(_TIMELINE, {"id": order_id})], reader)
    shipments = [ShipmentView(*row) for row in await tx.execute(_SHIPMENTS, {"id": order_id})]
    waiting = [WaitingView(*row) for row in await tx.execute(_WAITING, {"id": order_id})]
    payments = [payment_view(row, reader) for row in await tx.execute(_PAYMENTS, {"id": order_id})]
    refunds = [_refund_view(row, reader) for row in await tx.execute(_REFUNDS, {"id": order_id})]
    return OrderHistoryView(_view(head, lines, tenders), timeline, shipments, _owed(head), waiting, payments, refunds)


async def _lines(tx: ReadSession, order_id: str) -> list[OrderLineView]:
    discounts: dict[int, list[DiscountView]] = {}
    for line, promotion, amount in await tx.execute(_DISCOUNTS, {"id": order_id}):
        discounts.setdefault(line, []).append(DiscountView(promotion, amount))
    rows = await tx.execute(_LINES, {"id": order_id})
    return [replace(OrderLineView(*row), discounts=discounts.get(row.line, [])) for row in rows]


def _told(timeline: Sequence[TimelineView], reader: Role | None) -> list[TimelineView]:
    """Of what happened, what a reader of this role may know."""
    told = list(timeline)
    if reader not in _OFFICE:
        told = [
            _without(entry, "why") if entry.what == "refund_failed" else entry
            for entry in told
            if entry.what != "payment_disputed"
        ]
    return told if reader in _FOR_BUYERS else [_without(entry, "link") for entry in told]


def _without(entry: TimelineView, fact: str) -> TimelineView:
    return replace(entry, facts={name: known for name, known in entry.facts.items() if name != fact})


def payment_view(row: "Row[Any]", reader: Role | None = None) -> PaymentView:
    """A payment, as far as a reader of this role may know."""
    link = row.link if row.state in _PAYABLE else None
    disputes = list(row.disputes) if reader in _OFFICE else UNSET
    amount, captured, refunded = (Amount(minor, row.currency) for minor in (row.amount, row.captured, row.refunded))
    return PaymentView(
        row.id, row.purpose, row.state, amount, captured, refunded, row.decline_code, row.deadline,
        row.capture_before, disputes, link if reader in _FOR_BUYERS else UNSET,
    )  # fmt: skip


def _refund_view(row: "Row[Any]", reader: Role | None) -> RefundView:
    return RefundView(
        row.id, row.payment_id, row.tender, row.reason, row.line, row.quantity, Amount(row.amount, row.currency),
        row.state, row.created_at, row.failure if reader in _OFFICE else UNSET,
    )  # fmt: skip


def _position(after: tuple[str, ...]) -> tuple[datetime, str]:
    try:
        return datetime.fromisoformat(after[0]).astimezone(UTC), after[1]
    except (ValueError, OverflowError):
        raise InvalidInput("cursor", "This is not a cursor of ours.") from None


def _row(row: "Row[Any]") -> OrderRow:
    total = Amount(row.total, row.currency)
    return OrderRow(row.id, row.order_number, row.channel, row.location, OrderState(row.state), row.placed_at, total)


def _view(head: "Row[Any]", lines: list[OrderLineView], tenders: "Sequence[Row[Any]]") -> OrderView:
    def amount(minor: int) -> Amount:
        return Amount(minor, head.currency)

    return OrderView(
        head.id, head.order_number, head.source, head.channel, head.location, head.customer_id,
        Fulfilment(head.fulfilment), OrderState(head.state), head.placed_at, head.prices_include_tax, lines,
        amount(head.subtotal), amount(head.discount_total), amount(head.tax_total), amount(head.total),
        [TenderView(TenderKind(t.kind), t.state, amount(t.amount), amount(t.given), amount(t.change)) for t in tenders],
        _shipping(head),
    )  # fmt: skip


def _shipping(head: "Row[Any]") -> ShippingView | None:
    if not head.shipping_price:
        return None
    pairs = (said.split(" ") for said in head.shipping_discounts)
    discounts = [DiscountView(promotion, int(amount)) for promotion, amount in pairs]
    return ShippingView(head.shipping_price, head.shipping_total, head.shipping_tax, discounts)


def _owed(head: "Row[Any]") -> Balance:
    return Balance(head.owed, head.currency)
