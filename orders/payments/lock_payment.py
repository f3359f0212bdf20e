"""The one lock of money: whoever changes anything about an order's payments holds the order's row first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import NotFound
from orders.moving import OrderHead
from orders.payments.rules import Capture, PaymentState, Purpose
from orders.rules import Fulfilment, OrderState


class PaymentRow(NamedTuple):
    """A payment whose order is locked."""

    id: str
    order_id: str
    purpose: Purpose
    capture: Capture
    mandate_id: str | None
    amount: int
    currency: str
    state: PaymentState
    captured: int
    refunded: int
    provider_id: str | None
    client_secret: str | None
    decline_code: str | None
    splittable: bool
    capture_before: datetime | None
    deadline: datetime | None
    link: str | None
    created_at: datetime
    seen_at: datetime | None


_COLUMNS = ", ".join(PaymentRow._fields)
_OURS = ", ".join(f"p.{column}" for column in PaymentRow._fields)
_ORDERS = ", ".join(f"o.{column}" for column in OrderHead._fields)
# The order first, then the payment: whoever waited for the one reads the other as it is by then; and orders by their
# ids, so that two who lock many never wait for each other. The columns are this module's own; no value is in the text.
_LOCK = text(f"""
    SELECT {_ORDERS}, {_OURS}, EXISTS (
           SELECT 1 FROM refunds r WHERE r.payment_id = p.id AND r.state IN ('intended', 'pending'))
      FROM orders o JOIN payments p ON p.order_id = o.id
     WHERE p.id = ANY(CAST(:ids AS text[])) OR p.provider_id = ANY(CAST(:provider_ids AS text[]))
     ORDER BY o.id, p.id FOR NO KEY UPDATE OF o, p
""")  # noqa: S608 - see above
_ALL = text(f"SELECT {_COLUMNS} FROM payments WHERE order_id = :id ORDER BY created_at, id")  # noqa: S608 - see above


class Locked(NamedTuple):
    """A payment and its order, which nobody else moves until the transaction ends."""

    order: OrderHead
    payment: PaymentRow
    refunds_open: bool
    """Whether something is on its way back, as it was before the lock."""


class Sought(NamedTuple):
    """A payment to lock, by our id or by the provider's."""

    payment_id: str | None
    provider_id: str | None = None


async def lock_payments(tx: Session, sought: Sequence[Sought]) -> list[Locked | None]:
    """Lock payments and their orders before them; None for each that is not ours."""
    facts = {
        "ids": [one.payment_id for one in sought if one.payment_id is not None],
        "provider_ids": [one.provider_id for one in sought if one.provider_id is not None],
    }
    locked = [_locked(tuple(row)) for row in await tx.execute(_LOCK, facts)]
    by_ours = {one.payment.id: one for one in locked}
    by_theirs = {one.payment.provider_id: one for one in locked if one.payment.provider_id is not None}
    return [by_ours.get(one.payment_id or "") or by_theirs.get(one.provider_id or "") for one in sought]


async def lock_payment(tx: Session, payment_id: str) -> Locked:
    """Lock a payment, and its order before it. Raises NotFound."""
    [found] = await lock_payments(tx, [Sought(payment_id)])
    if found is None:
        raise NotFound("payment", payment_id)
    return found


def _locked(values: tuple[Any, ...]) -> Locked:
    width = len(OrderHead._fields)
    order = OrderHead._make(values[:width])
    order = order._replace(fulfilment=Fulfilment(order.fulfilment), state=OrderState(order.state))
    return Locked(order, _row(values[width:-1]), values[-1])


async def payments_of(tx: Session, order_id: str) -> list[PaymentRow]:
    """Every payment of a locked order, the oldest first."""
    return [_row(tuple(row)) for row in await tx.execute(_ALL, {"id": order_id})]


def _row(values: tuple[object, ...]) -> PaymentRow:
    row = PaymentRow._make(values)
    return row._replace(purpose=Purpose(row.purpose), capture=Capture(row.capture), state=PaymentState(row.state))
