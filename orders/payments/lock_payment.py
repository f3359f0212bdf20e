"""The one lock of money: whoever changes anything about an order's payments holds the order's row first."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import NotFound
from orders.moving import OrderHead, lock_order
from orders.payments.rules import Capture, PaymentState, Purpose


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
_ORDER_OF = text("SELECT order_id FROM payments WHERE id = :id")
# The columns are this module's own; no value is in the text.
_ONE = text(f"SELECT {_COLUMNS} FROM payments WHERE id = :id")  # noqa: S608 - see above
_ALL = text(f"SELECT {_COLUMNS} FROM payments WHERE order_id = :id ORDER BY created_at, id")  # noqa: S608 - see above


async def lock_payment(tx: Session, payment_id: str) -> tuple[OrderHead, PaymentRow]:
    """A payment and its order, which nobody else moves until the transaction ends. Raises NotFound."""
    order_id = (await tx.execute(_ORDER_OF, {"id": payment_id})).scalar_one_or_none()
    if order_id is None:
        raise NotFound("payment", payment_id)
    order = await lock_order(tx, order_id)
    return order, _row(tuple((await tx.execute(_ONE, {"id": payment_id})).one()))


async def payments_of(tx: Session, order_id: str) -> list[PaymentRow]:
    """Every payment of a locked order, the oldest first."""
    return [_row(tuple(row)) for row in await tx.execute(_ALL, {"id": order_id})]


def _row(values: tuple[object, ...]) -> PaymentRow:
    row = PaymentRow._make(values)
    return row._replace(purpose=Purpose(row.purpose), capture=Capture(row.capture), state=PaymentState(row.state))
