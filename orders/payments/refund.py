"""Refund: money goes back for units of a line, for shipping, or as goodwill; never more than came."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.money import cumulative_part
from commerce.kernel.refusals import InvalidInput, MoveNotAllowed, NotFound, UnknownReference, move
from orders.errors import MixedCurrency
from orders.fulfilment_schemas import RefundBody
from orders.moving import OrderHead, lock_order
from orders.payments.calls import intend
from orders.payments.errors import NotRefundable, RefundTooLarge
from orders.payments.ledger import Entry, enter
from orders.payments.open_refunds import intend_refunds, left_to_refund, write_refund
from orders.payments.rules import REFUND_MOVES, Operation, RefundReason, RefundState
from orders.promotion_uses import give_back_what_is_over
from orders.reports.facts import record_returned
from orders.rules import OrderState
from pricing.promotions.give_back import give_back_to_persons

_LINE = text("""
    SELECT l.quantity, l.sent, l.line_total + CASE WHEN o.prices_include_tax THEN 0 ELSE l.tax_total END AS worth,
           (SELECT coalesce(sum(r.quantity), 0) FROM refunds r WHERE r.order_id = l.order_id AND r.line = l.line
               AND r.state <> 'replaced')::int AS refunded
      FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE l.order_id = :id AND l.line = :line
""")
_SHIPPING_LEFT = text("""
    SELECT (o.shipping_total + CASE WHEN o.prices_include_tax THEN 0 ELSE o.shipping_tax END
            - (SELECT coalesce(sum(r.amount), 0) FROM refunds r
                WHERE r.order_id = o.id AND r.reason = 'shipping' AND r.state <> 'replaced'))::bigint
      FROM orders o WHERE o.id = :id
""")
_LEFT_AT_COUNTER = text("""
    SELECT ((SELECT coalesce(sum(amount), 0) FROM tenders
              WHERE order_id = :id AND state = 'paid' AND kind <> 'online')
          - (SELECT coalesce(sum(amount), 0) FROM refunds WHERE order_id = :id AND tender IS NOT NULL))::bigint
""")
_FAILED = text("""
    SELECT order_id, payment_id, state, amount, reason, line, quantity, note FROM refunds WHERE id = :id
""")
_REPLACE = text("UPDATE refunds SET state = 'replaced' WHERE id = :id")


async def refund_order(tx: Session, order_id: str, wanted: RefundBody, actor: str, now: datetime) -> list[str]:
    """Promise a refund, out of what was paid; the ids, one for each payment it comes out of.

    What was paid through the provider goes back through it. What was paid at a counter goes back at one, in the tender
    that is named, and is given back when this is told. A line's refunds add up to its price to the cent, in whatever
    steps they come, and those for shipping to no more than was paid for it. Units that cost nothing come back all the
    same. What came back is told by its refund, whatever becomes of the money: a refund that fails is still owed, for
    goods that are here. Raises NotFound, MoveNotAllowed, InvalidInput, UnknownReference, MixedCurrency, NotRefundable,
    RefundTooLarge.
    """
    order = await lock_order(tx, order_id)
    if order.state is OrderState.CANCELLED:
        raise MoveNotAllowed("order", str(order.state), "refunded")
    line, amount = await _amount(tx, order, wanted)
    if wanted.tender is not None:
        left = int((await tx.execute(_LEFT_AT_COUNTER, {"id": order.id})).scalar_one())
    else:
        left = sum((await left_to_refund(tx, order.id)).values())
    if amount > left:
        raise RefundTooLarge("amount" if line is None else "quantity", amount, left)
    made = await _promise(tx, order, wanted, line, amount, actor, now)
    if amount:
        await enter(tx, [Entry(order.id, "refund", -amount, order.currency, made[0])], now)
    if line is not None:
        await record_returned(tx, order.id, *line, now)
        await give_back_to_persons(tx, await give_back_what_is_over(tx, order.id, now))
    return made


async def _promise(
    tx: Session, order: OrderHead, wanted: RefundBody, line: tuple[int, int] | None, amount: int, actor: str,
    now: datetime,
) -> list[str]:  # fmt: skip
    """Write down what goes back, and how; units that cost nothing only come back."""
    reason = RefundReason(str(wanted.reason))
    if not amount:
        return [await write_refund(tx, order.id, 0, reason, now, note_=wanted.note, actor=actor, line=line)]
    if wanted.tender is None:
        return await intend_refunds(tx, order.id, amount, reason, wanted.note, now, actor=actor, line=line)
    made = await write_refund(
        tx, order.id, amount, reason, now, tender=str(wanted.tender), note_=wanted.note, actor=actor, line=line
    )
    await enter(tx, [Entry(order.id, "repayment", amount, order.currency, made)], now)
    return [made]


async def retry_refund(tx: Session, refund_id: str, actor: str, now: datetime) -> str:
    """Put a new refund in the place of one that failed; the order's id. Raises NotFound, MoveNotAllowed."""
    found = (await tx.execute(_FAILED, {"id": refund_id})).one_or_none()
    if found is None:
        raise NotFound("refund", refund_id)
    await lock_order(tx, found.order_id)
    row = (await tx.execute(_FAILED, {"id": refund_id})).one()
    move("refund", REFUND_MOVES, RefundState(row.state), RefundState.REPLACED)
    await tx.execute(_REPLACE, {"id": refund_id})
    line = None if row.line is None else (row.line, row.quantity)
    fresh = await write_refund(
        tx, row.order_id, row.amount, RefundReason(row.reason), now,
        payment_id=row.payment_id, note_=row.note, actor=actor, line=line,
    )  # fmt: skip
    await intend(tx, Operation.REFUND, now, payment_id=row.payment_id, refund_id=fresh, facts={"amount": row.amount})
    return str(row.order_id)


async def _amount(tx: Session, order: OrderHead, wanted: RefundBody) -> tuple[tuple[int, int] | None, int]:
    """The line and units, if it is for some, and the amount in minor units."""
    if str(wanted.reason) == RefundReason.LINE:
        return await _worth_of_units(tx, order, wanted)
    if wanted.line is not None or wanted.quantity is not None:
        raise InvalidInput("line", "Only a refund for a line names one.")
    if wanted.amount is None or not wanted.amount.amount:
        raise InvalidInput("amount", "Say how much.")
    if wanted.amount.currency != order.currency:
        raise MixedCurrency("amount.currency", order.currency, wanted.amount.currency)
    if str(wanted.reason) == RefundReason.SHIPPING:
        left = int((await tx.execute(_SHIPPING_LEFT, {"id": order.id})).scalar_one())
        if wanted.amount.amount > left:
            raise RefundTooLarge("amount", wanted.amount.amount, left)
    return None, wanted.amount.amount


async def _worth_of_units(tx: Session, order: OrderHead, wanted: RefundBody) -> tuple[tuple[int, int], int]:
    """What units of a line were bought for, with cumulative rounding."""
    if wanted.amount is not None:
        raise InvalidInput("amount", "A line's refund follows from its price; leave it out.")
    if wanted.line is None or wanted.quantity is None:
        raise InvalidInput("line", "Name the line and how many units of it.")
    row = (await tx.execute(_LINE, {"id": order.id, "line": wanted.line})).one_or_none()
    if row is None:
        raise UnknownReference("line", str(wanted.line))
    if row.refunded + wanted.quantity > row.sent:
        raise NotRefundable("quantity", wanted.line, row.sent - row.refunded)
    amount = cumulative_part(row.worth, row.quantity, row.refunded, wanted.quantity)
    return (wanted.line, wanted.quantity), amount
