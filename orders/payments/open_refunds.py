"""Open refunds: promise money back, out of the payments it came with, before anybody is asked to send it."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import NotFound
from orders.payments.calls import intend
from orders.payments.rules import Operation, RefundReason, RefundState
from orders.record import Happening, note

# The newest is the one that was asked for last; two may have been begun in the same instant.
_LEFT = text("""
    SELECT p.id, (p.captured - coalesce(sum(r.amount), 0))::bigint
      FROM payments p LEFT JOIN refunds r ON r.payment_id = p.id AND r.state <> 'replaced'
     WHERE p.order_id = :id AND p.captured > 0
     GROUP BY p.id ORDER BY (SELECT max(c.seq) FROM provider_calls c WHERE c.payment_id = p.id AND c.operation = 'open')
           DESC NULLS LAST, p.created_at DESC, p.id DESC
""")
_CURRENCY = text("SELECT currency FROM orders WHERE id = :id")
_WRITE = text("""
    INSERT INTO refunds (id, order_id, payment_id, tender, reason, line, quantity, amount, currency, state, provider_id,
                         note, actor, created_at, settled_at)
    VALUES (:id, :order_id, :payment_id, :tender, :reason, :line, :quantity, :amount, :currency, :state, :provider_id,
            :note, :actor, :now, :settled_at)
""")


async def left_to_refund(tx: Session, order_id: str) -> dict[str, int]:
    """What may still go back of each payment of a locked order, the newest first: all refunds count, made or not."""
    return {row[0]: row[1] for row in await tx.execute(_LEFT, {"id": order_id})}


async def intend_refunds(  # noqa: PLR0913 - a refund has as many facts
    tx: Session,
    order_id: str,
    amount: int,
    reason: RefundReason,
    note_: str | None,
    now: datetime,
    *,
    actor: str = "worker",
    line: tuple[int, int] | None = None,
) -> list[str]:
    """Promise an amount back through the provider, out of the newest payments first; one refund for each.

    The caller has seen that as much is left. `line` is a line's number and how many units of it.
    """
    made: list[str] = []
    for payment_id, left in (await left_to_refund(tx, order_id)).items():
        part = min(left, amount)
        if part <= 0:
            continue
        amount -= part
        units = line if line is None or not made else (line[0], 0)
        refund_id = await write_refund(
            tx, order_id, part, reason, now, payment_id=payment_id, note_=note_, actor=actor, line=units
        )
        await intend(tx, Operation.REFUND, now, payment_id=payment_id, refund_id=refund_id, facts={"amount": part})
        made.append(refund_id)
    assert not amount, "more goes back than came"
    return made


async def write_refund(  # noqa: PLR0913 - a refund has as many facts
    tx: Session,
    order_id: str,
    amount: int,
    reason: RefundReason,
    now: datetime,
    *,
    actor: str,
    payment_id: str | None = None,
    tender: str | None = None,
    note_: str | None = None,
    line: tuple[int, int] | None = None,
    provider_id: str | None = None,
) -> str:
    """Write a refund down and onto the order's timeline; its id. At a counter the money is given back at once.

    Units that cost nothing go back neither way, and are done with it.
    """
    currency = (await tx.execute(_CURRENCY, {"id": order_id})).scalar_one_or_none()
    if currency is None:
        raise NotFound("order", order_id)
    refund_id = new_id("rfd", now)
    done = tender is not None or not amount
    state = RefundState.SUCCEEDED if done else RefundState.INTENDED
    row = {
        "id": refund_id,
        "order_id": order_id,
        "payment_id": payment_id,
        "tender": tender,
        "reason": str(reason),
        "line": line[0] if line else None,
        "quantity": line[1] if line else None,
        "amount": amount,
        "currency": currency,
        "state": str(state),
        "provider_id": provider_id,
        "note": note_,
        "actor": actor,
        "now": now,
        "settled_at": now if done else None,
    }
    await tx.execute(_WRITE, row)
    told = {"refund": refund_id, "amount": amount, "reason": str(reason)}
    await note(tx, [Happening(order_id, "refund_promised", actor, told)], now)
    return refund_id
