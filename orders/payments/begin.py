"""Begin to pay: what an order owes becomes a payment, once; whoever asks again gets the same one."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel import idempotency
from commerce.kernel.access import must_sell_in
from commerce.kernel.db import Session
from commerce.kernel.idempotency import Replay, answered_before
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import NotFound, Refusal
from commerce.kernel.rows import arrays, as_columns
from inventory.keep import keep_hold
from orders.moving import OrderHead, lock_orders
from orders.payments.calls import Call, CallWanted, intend, intend_many
from orders.payments.errors import NothingToPay
from orders.payments.lock_payment import PaymentRow, payments_of
from orders.payments.rules import (
    PAY_WITHIN,
    PAY_WITHIN_MAX,
    RELEASE_AFTER,
    UNSETTLED,
    Capture,
    Operation,
    PaymentState,
    Purpose,
    capture_for,
)
from orders.payments.schemas import BeginPaymentBody
from orders.record import Happening, note
from orders.rules import OrderState, PaymentPlan

AT_ONCE = timedelta(minutes=1)
"""Whoever begins to pay so soon is still at the checkout."""


class Begun(NamedTuple):
    """A payment or a mandate, and the call that opens it at the provider if nobody has an answer to that yet.

    `call` is for whoever began to make; `under_way` is one that was stored before, and is somebody else's for now.
    """

    payment_id: str | None
    mandate_id: str | None
    call: Call | None = None
    under_way: str | None = None
    wanted: "PaymentWanted | None" = None
    """The payment that was begun now, if one was."""


class _Situation(NamedTuple):
    """What decides what a buyer has to do now; read once the order is locked."""

    plan: str | None
    deposit: int | None
    due: int
    paying: bool
    mandate_id: str | None
    mandate_state: str | None
    given_up_since: datetime | None
    """When the first was begun of those that its buyer let go by."""


_SITUATION = text("""
    SELECT o.id, l.plan, l.deposit,
           (SELECT coalesce(sum(amount), 0) FROM tenders WHERE order_id = o.id AND state = 'due')::bigint AS due,
           EXISTS (SELECT 1 FROM payments WHERE order_id = o.id) AS paying,
           m.id AS mandate_id, m.state AS mandate_state,
           (SELECT min(created_at) FROM (
               SELECT created_at FROM payments
                WHERE order_id = o.id AND state = 'cancelled' AND capture_before IS NULL
                UNION ALL
               SELECT created_at FROM mandates WHERE order_id = o.id AND state = 'cancelled') AS given_up)
      FROM orders o LEFT JOIN payment_plans l ON l.order_id = o.id
      LEFT JOIN mandates m ON m.order_id = o.id AND m.state <> 'cancelled'
     WHERE o.id = ANY(CAST(:ids AS text[]))
""")
_OPEN_CALL = text("""
    SELECT id FROM provider_calls
     WHERE (payment_id = :payment_id OR mandate_id = :mandate_id) AND operation IN ('open', 'ask_mandate')
       AND state = 'intended'
""")
_PAYMENTS = {
    "id": "text", "order_id": "text", "purpose": "text", "capture": "text", "mandate_id": "text", "amount": "bigint",
    "currency": "text", "deadline": "timestamptz", "link": "text",
}  # fmt: skip
# The columns are this module's own; no value is in the text.
_WRITE_PAYMENTS = text(f"""
    INSERT INTO payments ({", ".join(_PAYMENTS)}, state, created_at)
    SELECT r.*, 'intended', :now FROM {arrays(_PAYMENTS)}
""")  # noqa: S608 - see above
_WRITE_MANDATE = text("""
    INSERT INTO mandates (id, order_id, state, deadline, created_at)
    VALUES (:id, :order_id, 'intended', :deadline, :now)
""")


class BeginPayment(NamedTuple):
    """A buyer's wish to pay an order, and the call that must be safe to repeat."""

    call: idempotency.Call
    body: BeginPaymentBody
    order_id: str


class Ready(NamedTuple):
    """An order that is being paid, and what was begun for it."""

    order: OrderHead
    begun: Begun


class PaymentWanted(NamedTuple):
    """A payment that is to be opened for a locked order."""

    order: OrderHead
    amount: int
    purpose: Purpose
    capture: Capture = Capture.AUTOMATIC
    mandate_id: str | None = None
    deadline: datetime | None = None


Verdict = Ready | Refusal | Replay


async def begin_payments(tx: Session, wishes: Sequence[BeginPayment], now: datetime) -> list[Verdict]:
    """What each buyer has to do now: pay what is due, pay a deposit, or save a means of payment.

    A payment that is not settled is resumed, not doubled: of two wishes for one order, the second finds what the first
    one began.
    """
    answered = await answered_before(tx, [(wish.call, wish.call.fingerprint(wish.body)) for wish in wishes])
    verdicts: dict[int, Verdict] = {**answered}
    left = [n for n in range(len(wishes)) if n not in verdicts]
    while left:
        first = {wishes[n].order_id: n for n in reversed(left)}
        begun = await _begin(tx, [wishes[n] for n in first.values()], now)
        verdicts |= zip(first.values(), begun, strict=True)
        left = [n for n in left if n not in verdicts]
    return [verdicts[n] for n in range(len(wishes))]


async def _begin(tx: Session, wishes: Sequence[BeginPayment], now: datetime) -> list[Verdict]:
    """As above, for wishes about different orders that nobody answered yet."""
    orders = await lock_orders(tx, [wish.order_id for wish in wishes])
    rows = await tx.execute(_SITUATION, {"ids": list(orders)})
    situations = {row[0]: _Situation(*row[1:]) for row in rows}
    verdicts: list[Verdict | _Wanted] = []
    for wish in wishes:
        try:
            verdicts.append(await _decide(tx, wish, orders, situations, now))
        except Refusal as refusal:
            verdicts.append(refusal)
    fresh = iter(await _open([one for one in verdicts if isinstance(one, _Wanted)], tx, now))
    return [next(fresh) if isinstance(one, _Wanted) else one for one in verdicts]


class _Wanted(NamedTuple):
    """A payment to be begun now, and who asked for it."""

    payment: PaymentWanted
    actor: str


async def _decide(
    tx: Session,
    wish: BeginPayment,
    orders: Mapping[str, OrderHead],
    situations: Mapping[str, _Situation],
    now: datetime,
) -> Ready | _Wanted:
    """What to begin for a locked order, or what was begun. Raises NotFound, WrongChannel, NothingToPay."""
    order, actor = orders.get(wish.order_id), wish.call.principal.id
    if order is None:
        raise NotFound("order", wish.order_id)
    must_sell_in(wish.call.principal, order.channel, "order_id")
    seen = situations[order.id]
    plan = _plan(order, seen)
    payments = await payments_of(tx, order.id) if seen.paying else []
    current = next((payment for payment in payments if payment.state in UNSETTLED), None)
    if current is not None:
        return Ready(order, Begun(current.id, current.mandate_id, under_way=await _open_call(tx, current.id, None)))
    if any(payment.state is PaymentState.AUTHORISED for payment in payments):
        raise NothingToPay(order.id, "The money for this order is reserved already.")
    if plan is PaymentPlan.LATER and not any(_was_charged(payment) for payment in payments):
        if seen.mandate_state == "active":
            raise NothingToPay(order.id, "A means of payment is saved; it is charged when the goods are there.")
        if seen.mandate_id is None:
            return Ready(order, await _ask_for_mandate(tx, order, seen, actor, now))
        return Ready(order, Begun(None, seen.mandate_id, under_way=await _open_call(tx, None, seen.mandate_id)))
    return _Wanted(await _what_is_due(tx, order, seen, plan, now), actor)


def _was_charged(payment: PaymentRow) -> bool:
    """Whether the saved means was charged; what is due all the same the buyer has to pay by themselves."""
    return payment.mandate_id is not None and payment.purpose is Purpose.BALANCE


def _plan(order: OrderHead, seen: _Situation) -> PaymentPlan:
    """How the order is paid; only what is paid through the provider can be begun here."""
    if order.state is OrderState.CANCELLED:
        raise NothingToPay(order.id, "This order is cancelled.")
    if seen.plan is None:
        raise NothingToPay(order.id, "This order is paid when the goods are handed over.")
    return PaymentPlan(seen.plan)


async def _what_is_due(
    tx: Session, order: OrderHead, seen: _Situation, plan: PaymentPlan, now: datetime
) -> PaymentWanted:
    due = seen.due
    if due <= 0:
        raise NothingToPay(order.id, "This order is paid.")
    placed = order.state is OrderState.PLACED
    # Once goods have left there is nothing to reserve any more: what is still owed is taken at once.
    capture = capture_for(plan) if placed else Capture.AUTOMATIC
    purpose = Purpose.WHOLE if due == order.total else Purpose.BALANCE
    # Nothing is kept for who pays for what has left; they are not waited for any longer all the same.
    deadline = await _deadline(tx, order, seen.given_up_since, now) if placed else now + PAY_WITHIN
    return PaymentWanted(order, due, purpose, capture, deadline=deadline)


async def _open(wanted: Sequence[_Wanted], tx: Session, now: datetime) -> list[Ready]:
    """Write payments down, and the calls that open them."""
    if not wanted:
        return []
    ids = await write_payments(tx, [one.payment for one in wanted], now)
    calls = await intend_many(tx, [CallWanted(Operation.OPEN, payment_id) for payment_id in ids], now, leased=True)
    told = [
        Happening(
            one.payment.order.id, "payment_begun", one.actor, {"payment": payment_id, "amount": one.payment.amount}
        )
        for one, payment_id in zip(wanted, ids, strict=True)
    ]
    await note(tx, told, now)
    return [
        Ready(one.payment.order, Begun(payment_id, None, call, wanted=one.payment))
        for one, payment_id, call in zip(wanted, ids, calls, strict=True)
    ]


async def _deadline(tx: Session, order: OrderHead, since: datetime | None, now: datetime) -> datetime:
    """Until when the buyer may pay; the goods are kept a little longer. Who begins at once has what placing gave.

    Whoever let a payment go by, the first `since` then, has no more time in all than with one. Raises NothingToPay.
    """
    if now - order.placed_at <= AT_ONCE:
        return order.placed_at + PAY_WITHIN
    deadline = now + PAY_WITHIN
    if since is not None:
        deadline = min(deadline, since + PAY_WITHIN_MAX)
    if deadline <= now:
        raise NothingToPay(order.id, "The time to pay for this order is over.")
    await keep_hold(tx, order.id, deadline + RELEASE_AFTER)
    return deadline


async def _ask_for_mandate(tx: Session, order: OrderHead, seen: _Situation, actor: str, now: datetime) -> Begun:
    """A means of payment is to be saved: by itself, or along with paying the deposit."""
    deadline, deposit = await _deadline(tx, order, seen.given_up_since, now), seen.deposit or 0
    mandate_id = new_id("mnd", now)
    facts = {"id": mandate_id, "order_id": order.id, "deadline": None if deposit else deadline, "now": now}
    await tx.execute(_WRITE_MANDATE, facts)
    await note(tx, [Happening(order.id, "mandate_asked", actor, {"mandate": mandate_id, "deposit": deposit})], now)
    if not deposit:
        return Begun(None, mandate_id, await intend(tx, Operation.ASK_MANDATE, now, mandate_id=mandate_id, leased=True))
    payment = PaymentWanted(order, deposit, Purpose.DEPOSIT, mandate_id=mandate_id, deadline=deadline)
    [payment_id] = await write_payments(tx, [payment], now)
    call = await intend(tx, Operation.OPEN, now, payment_id=payment_id, leased=True)
    return Begun(payment_id, mandate_id, call, wanted=payment)


async def write_payments(tx: Session, wanted: Sequence[PaymentWanted], now: datetime) -> list[str]:
    """Write payments down that the provider does not know yet; their ids."""
    ids = [new_id("pay", now) for _ in wanted]
    rows = [
        (
            payment_id, one.order.id, str(one.purpose), str(one.capture), one.mandate_id, one.amount,
            one.order.currency, one.deadline, secrets.token_urlsafe(24),
        )
        for payment_id, one in zip(ids, wanted, strict=True)
    ]  # fmt: skip
    await tx.execute(_WRITE_PAYMENTS, {**as_columns(_PAYMENTS, rows), "now": now})
    return ids


async def _open_call(tx: Session, payment_id: str | None, mandate_id: str | None) -> str | None:
    found: str | None = (
        await tx.execute(_OPEN_CALL, {"payment_id": payment_id, "mandate_id": mandate_id})
    ).scalar_one_or_none()
    return found
