"""Perform a call: ask the provider, outside any transaction, and write down the answer or the doubt."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar, assert_never

import structlog
from sqlalchemy import text

from commerce.kernel.db import Database, Session
from commerce.kernel.metrics import PROVIDER_CALLS
from commerce.kernel.money import Money
from orders.payments.calls import Call, hand_back, lock_orders_of, note_answers, note_refusal, put_off, renew_key
from orders.payments.cases import IN_DOUBT, TRIES_MAX, note_trouble, open_case
from orders.payments.catch_up import catch_up_many
from orders.payments.catch_up_mandate import catch_up_mandate
from orders.payments.catch_up_refund import catch_up_refunds
from orders.payments.find_out import Answer, find_out, only_looking
from orders.payments.give_up import give_up_payment, keep_while_away
from orders.payments.outcome import Told
from orders.payments.port import (
    InDoubt,
    NotNow,
    NotSent,
    OpenPayment,
    PaymentGateway,
    ProviderFailed,
    ProviderRefused,
    SeenMandate,
    SeenPayment,
    SeenRefund,
)
from orders.payments.refused import (
    OPENINGS,
    Means,
    OpeningRefused,
    Unwanted,
    close_doubts,
    keep_standing,
    open_refusal_case,
    subject_of,
    why_refused,
    withdraw,
    write_refusal,
)
from orders.payments.rules import KEY_LIFE, SECURE, Capture, Operation, Purpose

CALL_S_MAX = 25
"""Shorter than a call's lease, and a wait for a connection before it: nobody else sends a call while somebody may
still hear its answer.

No buyer waits longer either, since proxies and browsers' scripts give up after half a minute: eight seconds in the line
to the provider and eight for an answer, twice at the most.
"""
SURE_AFTER = 6
"""The try before this one is half a minute ago: whatever it began at the provider is done, or will not be."""
Something = TypeVar("Something")
_NOT_TAKEN = "answered_without_taking_the_money"
_log = structlog.get_logger()


class Subject(NamedTuple):
    """What a call is about, as our books have it when the call is made."""

    order_id: str
    order_number: str
    provider_id: str | None
    amount: int | None
    currency: str
    capture: str | None
    purpose: str | None
    customer: str | None
    method: str | None
    let_go: bool = False
    """Whether the next thing wanted of this payment is that it be cancelled."""


_SUBJECT = text("""
    SELECT o.id, o.order_number, coalesce(p.provider_id, CASE WHEN c.payment_id IS NULL THEN m.provider_id END),
           p.amount, o.currency, p.capture, p.purpose, m.customer, m.method, EXISTS (
               SELECT 1 FROM provider_calls l
                WHERE l.payment_id = c.payment_id AND l.operation = 'cancel' AND l.state = 'intended')
      FROM provider_calls c
      LEFT JOIN payments p ON p.id = c.payment_id
      LEFT JOIN mandates m ON m.id = coalesce(c.mandate_id, p.mandate_id)
      JOIN orders o ON o.id = coalesce(p.order_id, m.order_id)
     WHERE c.id = :id
""")


async def perform(db: Database, gateway: PaymentGateway, call: Call) -> bool:
    """Make a claimed call and keep what came of it; False if that is still not known.

    Safe to repeat: the provider knows the call by its key, and an answer that is written down twice changes nothing.
    Raises NotSent; then it is as if nobody had claimed it.
    """
    async with db.read() as tx:
        subject = Subject(*(await tx.execute(_SUBJECT, {"id": call.id})).one())
    asked = await ask(db, gateway, call, subject)
    if asked.known and asked.refused is None:
        await write_answer(db, call, asked.answer, asked.at)
    return asked.known


class Asked(NamedTuple):
    """What came of asking. A refusal and a doubt are written down already; an answer is the asker's to keep."""

    at: datetime
    answer: Answer = None
    known: bool = True
    refused: str | None = None
    """The provider's own word for why not."""


async def ask(
    db: Database, gateway: PaymentGateway, call: Call, subject: Subject, *, waited_for: bool = False
) -> Asked:
    """Make a call that is claimed or leased, outside any transaction. Raises NotSent, as above.

    Where it is `waited_for` by a buyer, an answer that was lost is asked for once more at once.
    """
    asked_at = db.clock.now()
    try:
        async with asyncio.timeout(CALL_S_MAX):
            answer = await _answer_or_why_not(db, gateway, call, subject, waited_for=waited_for)
    except ProviderRefused as no:
        _count(call, "refused")
        await write_refusal(db, call, no, asked_at)
        return Asked(asked_at, refused=no.code)
    except OpeningRefused as no:
        _count(call, "refused")
        await _write_standing(db, call, no)
        return Asked(asked_at, known=False)
    except Unwanted:
        await withdraw(db, call)
        return Asked(asked_at, refused="withdrawn")
    except NotSent:
        await _hand_back(db, call)
        raise
    except (InDoubt, NotNow, TimeoutError) as trouble:
        _count(call, "not_now" if isinstance(trouble, NotNow) else "in_doubt")
        await _write_doubt(db, call, trouble)
        return Asked(asked_at, known=False)
    except Exception as trouble:  # noqa: BLE001 - an answer that nobody understands: whatever it was, it was sent
        _log.exception("answer_not_understood", call=call.id, operation=str(call.operation))
        _count(call, "in_doubt")
        await _write_doubt(db, call, trouble)
        return Asked(asked_at, known=False)
    _count(call, "answered")
    return Asked(asked_at, answer)


async def heard_again(asking: Callable[[], Awaitable[Something]]) -> Something:
    """Ask, and once more where the answer was lost. Whatever is asked must be safe to repeat."""
    try:
        return await asking()
    except ProviderFailed:
        raise
    except InDoubt as lost:
        try:
            return await asking()
        except NotNow:
            raise lost from None  # What was lost a moment ago was sent.


def _count(call: Call, outcome: str) -> None:
    PROVIDER_CALLS.labels(str(call.operation), outcome).inc()


class Heard(NamedTuple):
    """What the provider said to a call, when it was asked at `asked_at`."""

    call: Call
    answer: Answer
    asked_at: datetime


async def write_answer(db: Database, call: Call, answer: Answer, asked_at: datetime) -> None:
    """Keep what the provider said, and what follows, in one transaction."""
    async with db.transaction() as tx:
        await take_in(tx, [Heard(call, answer, asked_at)], db.clock.now())


async def take_in(tx: Session, heard: Sequence[Heard], now: datetime) -> None:
    """Keep what the provider said to calls, and what follows, in the caller's transaction.

    The call first, here and below: what follows may want the same once more (the payment of a cancelled order is let
    go), and whoever holds a call waits for its order and never the other way round.
    """
    await note_answers(tx, [one.call.id for one in heard if not _is_undone(one)], now)
    await close_doubts(tx, [one.call for one in heard], now)
    if not all(isinstance(one.answer, SeenPayment) for one in heard):
        # Payments are locked together below; others one by one, and all must be locked in one order.
        await lock_orders_of(tx, [one.call for one in heard])
    undone = [one for one in heard if _is_undone(one) and await note_refusal(tx, one.call.id, _NOT_TAKEN, now)]
    payments = [
        Told(call.payment_id, answer, asked_at) for call, answer, asked_at in heard if isinstance(answer, SeenPayment)
    ]
    await catch_up_many(tx, payments, now)
    for one in undone:
        await open_refusal_case(tx, one.call, _NOT_TAKEN, now)
    for call, answer, asked_at in heard:
        if isinstance(answer, SeenMandate):
            await catch_up_mandate(tx, call.mandate_id or "", answer, asked_at, now)
        elif isinstance(answer, SeenRefund):
            await catch_up_refunds(tx, call.payment_id or "", [answer], now)
        elif answer is None and call.operation is Operation.CANCEL:
            await give_up_payment(tx, call.payment_id or "", now)


def _is_undone(heard: Heard) -> bool:
    """Whether money was to be taken, and the answer is that it was not: the goods have left, so that is no success."""
    call, answer, _ = heard
    if call.operation is not Operation.CAPTURE or not isinstance(answer, SeenPayment):
        return False
    expected: int = call.facts["expected"]
    return answer.captured < expected


async def _answer_or_why_not(
    db: Database, gateway: PaymentGateway, call: Call, subject: Subject, *, waited_for: bool
) -> Answer:
    """As below. Raises OpeningRefused where a refusal is not the buyer's affair."""
    try:
        return await _answer(db, gateway, call, subject, waited_for=waited_for)
    except ProviderRefused as no:
        means = Means(subject.purpose, subject.customer, subject.method)
        raise await why_refused(gateway, call, no, means) from no


async def _answer(db: Database, gateway: PaymentGateway, call: Call, subject: Subject, *, waited_for: bool) -> Answer:
    """Ask under the call's key, unless the provider may have forgotten it, or remembers only that it broke.

    Then it is looked first whether the thing was done, and only what was not is asked for again, under a new key. So it
    is with a payment of which somebody has brought news meanwhile: it is open. And so it is with a charge that is to be
    cancelled next: what was not done is not done then. Raises Unwanted.
    """
    unsure: ProviderFailed | None = None
    opened = call.operation is Operation.OPEN and subject.provider_id is not None
    unwanted = call.operation is Operation.OPEN and subject.let_go and subject.method is not None
    if db.clock.now() - call.key_since < KEY_LIFE and not opened and not unwanted:
        try:
            if waited_for:
                return await heard_again(lambda: _ask(gateway, call, subject))
            return await _ask(gateway, call, subject)
        except ProviderFailed as failed:
            _log.warning("provider_failed", call=call.id, operation=str(call.operation), error=str(failed)[:300])
            unsure = failed
    try:
        found = await find_out(gateway, call, subject.provider_id, subject.customer)
        if found is not None:
            return found
        if unwanted:
            if 1 < call.tries < SURE_AFTER:
                raise InDoubt("it may still be at work")
            raise Unwanted
        async with db.transaction() as tx:
            call = await renew_key(tx, call, db.clock.now())
        return await _ask(gateway, call, subject)
    except NotNow as full:
        raise (unsure or full) from full  # What failed a moment ago was sent.


async def _ask(gateway: PaymentGateway, call: Call, subject: Subject) -> Answer:
    provider_id = subject.provider_id or ""
    match call.operation:
        case Operation.OPEN:
            return await _open(gateway, call, subject)
        case Operation.CAPTURE:
            amount = Money(call.facts["amount"], subject.currency)
            return await gateway.capture(provider_id, amount, last=call.facts["last"], key=call.key)
        case Operation.CANCEL:
            return await _cancel(gateway, call, provider_id)
        case Operation.REFUND:
            amount = Money(call.facts["amount"], subject.currency)
            return await gateway.refund(provider_id, amount, refund_id=call.refund_id or "", key=call.key)
        case Operation.ASK_MANDATE:
            customer = await gateway.open_customer(subject.order_id, key=f"{call.key}-customer")
            return await gateway.ask_mandate(call.mandate_id or "", subject.order_id, customer, key=call.key)
        case _:
            assert_never(call.operation)


async def _cancel(gateway: PaymentGateway, call: Call, provider_id: str) -> Answer:
    """Let a payment go; one whose time is over only if its buyer has not paid after all."""
    if not provider_id:
        return None
    if call.facts.get("unless_paid"):
        with only_looking():
            seen = await gateway.look(provider_id)
        if seen.state in SECURE:
            return seen
    return await gateway.cancel(provider_id, key=call.key)


async def _open(gateway: PaymentGateway, call: Call, subject: Subject) -> SeenPayment:
    """Open a payment: for the buyer to pay, to pay and save their means, or by the means they saved."""
    save = subject.purpose == Purpose.DEPOSIT
    customer = subject.customer
    if save:
        customer = await gateway.open_customer(subject.order_id, key=f"{call.key}-customer")
    wanted = OpenPayment(
        payment_id=call.payment_id or "",
        order_id=subject.order_id,
        order_number=subject.order_number,
        amount=subject.amount or 0,
        currency=subject.currency,
        capture=Capture(subject.capture or Capture.AUTOMATIC),
        customer=customer,
        method=None if save else subject.method,
        save_method=save,
    )
    return await gateway.open_payment(wanted, key=call.key)


async def _call_a_person(tx: Session, call: Call, trouble: Exception, now: datetime) -> None:
    """Put before a person a call that stays in doubt; where nothing was done, it passes when the provider has time."""
    if call.tries >= TRIES_MAX and not isinstance(trouble, NotNow):
        facts = {"call": call.id, "operation": str(call.operation), "error": repr(trouble)[:300]}
        await open_case(tx, IN_DOUBT, subject_of(call), None, facts, now)


async def _hand_back(db: Database, call: Call) -> None:
    """Let a call that was not sent be claimed again; goods that nobody could begin to pay are kept."""
    now = db.clock.now()
    async with db.transaction() as tx:
        await hand_back(tx, call, now)
        await _keep_goods(tx, call, now)


async def _keep_goods(tx: Session, call: Call, now: datetime) -> None:
    if call.operation in OPENINGS:
        await keep_while_away(tx, call, now)


async def _write_doubt(db: Database, call: Call, trouble: Exception) -> None:
    """Note that nothing is known, and when the call is sent again; goods that nobody could begin to pay are kept."""
    now = db.clock.now()
    _log.warning("provider_call_in_doubt", call=call.id, operation=str(call.operation), error=repr(trouble)[:300])
    async with db.transaction() as tx:
        await put_off(tx, call, repr(trouble), now, not_done=isinstance(trouble, NotNow))
        await note_trouble(tx, trouble, now)
        await _call_a_person(tx, call, trouble, now)
        await _keep_goods(tx, call, now)


async def _write_standing(db: Database, call: Call, no: OpeningRefused) -> None:
    """Have it asked for again later; goods that nobody could begin to pay are kept."""
    now = db.clock.now()
    _log.warning("opening_refused", call=call.id, operation=str(call.operation), error=str(no)[:300])
    try:
        async with db.transaction() as tx:
            await keep_standing(tx, call, no, now)
            await _keep_goods(tx, call, now)
    except InDoubt:
        _log.warning("call_is_somebody_elses", call=call.id)
