"""Catch up with refunds: what the provider says of money that goes back, ours or not."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from orders.payments.cases import open_case
from orders.payments.events import RefundMade
from orders.payments.ledger import Entry, enter
from orders.payments.lock_payment import PaymentRow, lock_payment
from orders.payments.open_refunds import write_refund
from orders.payments.outcome import PROVIDER
from orders.payments.port import SeenRefund
from orders.payments.rules import REFUND_MOVES, RefundReason, RefundState
from orders.record import Happening, note


class _Refund(NamedTuple):
    id: str
    order_id: str
    payment_id: str
    amount: int
    currency: str
    state: RefundState
    provider_id: str | None


_KNOWN = text("""
    SELECT id, order_id, payment_id, amount, currency, state, provider_id FROM refunds
     WHERE payment_id = :payment_id ORDER BY created_at, id
""")
_WRITE = text("""
    UPDATE refunds SET state = :state, provider_id = :provider_id, failure = :failure,
           settled_at = CASE WHEN :state IN ('succeeded', 'failed') THEN CAST(:now AS timestamptz) END
     WHERE id = :id
""")
_REFUNDED = text("UPDATE payments SET refunded = refunded + :amount WHERE id = :id")


async def catch_up_refunds(tx: Session, payment_id: str, seen: Sequence[SeenRefund], now: datetime) -> None:
    """Take over what the provider said of refunds of a payment. One that is not ours is written down as made there.

    So is one that bears the id of ours, where ours is another one already, or was given up: the money went back.

    Raises NotFound.
    """
    _, payment, _ = await lock_payment(tx, payment_id)
    known = [_known(tuple(row)) for row in await tx.execute(_KNOWN, {"payment_id": payment.id})]
    # Under one id of ours there is one refund. Another one that bears it as well was made beside it.
    awaited = {one.id: one for one in known if one.provider_id is None and one.state is RefundState.INTENDED}
    by_theirs = {refund.provider_id: refund for refund in known if refund.provider_id}
    # What failed makes room first, so that never more seems to have gone back than came.
    for one in sorted(seen, key=lambda one: one.state is not RefundState.FAILED):
        ours = by_theirs.get(one.provider_id) or awaited.pop(one.refund_id or "", None)
        if ours is None:
            ours = await _adopt(tx, payment, one, now)
        if ours is not None:
            await _move(tx, ours, one, now)


async def fail_refund(tx: Session, payment_id: str, refund_id: str, why: str, now: datetime) -> None:
    """The provider will not make this refund; the buyer is still owed it, so a person must look. Raises NotFound."""
    await lock_payment(tx, payment_id)
    rows = await tx.execute(_KNOWN, {"payment_id": payment_id})
    refund = next(one for one in map(_known, map(tuple, rows)) if one.id == refund_id)
    if RefundState.FAILED in REFUND_MOVES[refund.state]:
        await _fail(tx, refund, refund.provider_id, why, now)


def _known(values: tuple[object, ...]) -> _Refund:
    row = _Refund._make(values)
    return row._replace(state=RefundState(row.state))


async def _adopt(tx: Session, payment: PaymentRow, seen: SeenRefund, now: datetime) -> _Refund | None:
    """A refund that somebody made at the provider: it is in our books from now on, and before a person."""
    if seen.state is RefundState.FAILED:
        return None
    facts = {"amount": seen.amount, "currency": seen.currency, "refund": seen.provider_id}
    await open_case(tx, "refund_made_at_provider", seen.provider_id, payment.order_id, facts, now)
    refund_id = await write_refund(
        tx, payment.order_id, seen.amount, RefundReason.PROVIDER, now,
        payment_id=payment.id, provider_id=seen.provider_id, actor=PROVIDER,
    )  # fmt: skip
    await enter(tx, [Entry(payment.order_id, "refund", -seen.amount, payment.currency, refund_id)], now)
    return _Refund(
        refund_id, payment.order_id, payment.id, seen.amount, payment.currency, RefundState.INTENDED, seen.provider_id
    )


async def _move(tx: Session, refund: _Refund, seen: SeenRefund, now: datetime) -> None:
    if (seen.amount, seen.currency) != (refund.amount, refund.currency):
        facts = {"asked": refund.amount, "seen": seen.amount, "currency": seen.currency}
        await open_case(tx, "refund_differs", refund.id, refund.order_id, facts, now)
        return
    if seen.state not in REFUND_MOVES[refund.state]:
        return
    if seen.state is RefundState.FAILED:
        await _fail(tx, refund, seen.provider_id, seen.failure or "unknown", now)
        return
    await _write(tx, refund, seen.state, seen.provider_id, None, now)
    if seen.state is RefundState.SUCCEEDED:
        await tx.execute(_REFUNDED, {"id": refund.payment_id, "amount": refund.amount})
        await enter(tx, [Entry(refund.order_id, "repayment", refund.amount, refund.currency, refund.id)], now)
        told = {"refund": refund.id, "amount": refund.amount}
        await note(tx, [Happening(refund.order_id, "refunded", PROVIDER, told)], now)
        await tell(tx, RefundMade(refund.order_id, refund.id, refund.amount, refund.currency), now)


async def _fail(tx: Session, refund: _Refund, provider_id: str | None, why: str, now: datetime) -> None:
    await _write(tx, refund, RefundState.FAILED, provider_id, why, now)
    if refund.state is RefundState.SUCCEEDED:
        await tx.execute(_REFUNDED, {"id": refund.payment_id, "amount": -refund.amount})
        await enter(tx, [Entry(refund.order_id, "repayment", -refund.amount, refund.currency, refund.id)], now)
    told = {"refund": refund.id, "amount": refund.amount, "why": why}
    await note(tx, [Happening(refund.order_id, "refund_failed", PROVIDER, told)], now)
    await open_case(tx, "refund_failed", refund.id, refund.order_id, told, now)


async def _write(
    tx: Session, refund: _Refund, state: RefundState, provider_id: str | None, failure: str | None, now: datetime
) -> None:
    facts = {"id": refund.id, "state": str(state), "provider_id": provider_id, "failure": failure, "now": now}
    await tx.execute(_WRITE, facts)
