"""Refused: what follows when the provider says no, and whether it is the buyer's affair or ours."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Database, Session
from orders.payments.calls import Call, is_intended, note_refusal, put_off, renew_key
from orders.payments.cases import IN_DOUBT, TRIES_MAX, close_passed, open_case
from orders.payments.catch_up import catch_up
from orders.payments.catch_up_refund import fail_refund
from orders.payments.find_out import only_looking
from orders.payments.give_up import give_up_mandate, give_up_opening, give_up_payment
from orders.payments.port import InDoubt, NotNow, NotSent, PaymentGateway, ProviderRefused
from orders.payments.rules import MandateState, Operation, PaymentState, Purpose

OPENINGS = frozenset({Operation.OPEN, Operation.ASK_MANDATE})
_AMOUNT = frozenset({"amount_too_small", "amount_too_large", "amount_not_possible"})
OPENING_REFUSED = "opening_refused"
_MANDATE_STATE = text("SELECT state FROM mandates WHERE id = :id")


class OpeningRefused(NotNow):
    """The provider will not open something, and that is not its buyer's affair: nothing was done.

    A word that it does not know any more, or something that our account may not do: no card is to blame, and every
    order would be refused alike. They wait for a person to put it right.
    """

    def __init__(self, no: ProviderRefused) -> None:
        super().__init__(str(no))
        self.code = no.code


class Means(NamedTuple):
    """What is to be paid for, and by which saved means, if by one."""

    purpose: str | None
    customer: str | None
    method: str | None


class Unwanted(Exception):  # noqa: N818 - what it says is the error
    """The charge was not made, and it would be given back at once."""


async def why_refused(
    gateway: PaymentGateway, call: Call, no: ProviderRefused, means: Means
) -> ProviderRefused | OpeningRefused:
    """Whether a no is an end, or stands only until somebody puts it right. Raises InDoubt, NotNow.

    A saved means that the provider has no more is replaced by its buyer. An amount that it never takes is no order.
    """
    if call.operation not in OPENINGS:
        return no
    if means.purpose != Purpose.BALANCE:
        return no if no.code in _AMOUNT else OpeningRefused(no)
    if means.customer is not None and means.method is not None:
        try:
            with only_looking():
                there = await gateway.has_method(means.customer, means.method)
        except NotSent as full:
            raise InDoubt("the call was refused, and there is no room to see why") from full
        if not there:
            return no
    return OpeningRefused(no)


async def write_refusal(db: Database, call: Call, no: ProviderRefused, asked_at: datetime) -> None:
    """Keep a no, and what the provider told along with it; where it leaves something undone, a person hears of it.

    What somebody else wrote down before stays: a call whose answer was found comes to nothing no more.
    """
    now = db.clock.now()
    async with db.transaction() as tx:
        first = await note_refusal(tx, call.id, str(no), now)
        await close_doubts(tx, [call], now)
        # The case before what follows from the news: whoever would ask for the same again sees it there.
        if first and call.operation is not Operation.OPEN and not _is_settled(call, no):
            await open_refusal_case(tx, call, no.code, now)
        if no.seen is not None and call.payment_id is not None:
            await catch_up(tx, call.payment_id, no.seen, asked_at, now)
        if first:
            await _follow(tx, call, no, now)


async def _follow(tx: Session, call: Call, no: ProviderRefused, now: datetime) -> None:
    if call.operation is Operation.OPEN and not await give_up_opening(tx, call.payment_id or "", now):
        await open_refusal_case(tx, call, no.code, now)
    elif call.operation is Operation.REFUND:
        await fail_refund(tx, call.payment_id or "", call.refund_id or "", no.code, now)
    elif call.operation is Operation.ASK_MANDATE:
        await give_up_mandate(tx, call.mandate_id or "", now)


def _is_settled(call: Call, no: ProviderRefused) -> bool:
    """Whether the thing is as it was wanted all the same, or somebody else sees to it."""
    if call.operation is Operation.REFUND:
        return True  # A refund that failed is a case of its own.
    if no.seen is None:
        return False
    if call.operation is Operation.CANCEL:
        return no.seen.state in {PaymentState.CANCELLED, PaymentState.CAPTURED}
    return call.operation is Operation.CAPTURE and no.seen.captured >= call.facts["expected"]


async def keep_standing(tx: Session, call: Call, no: OpeningRefused, now: datetime) -> None:
    """Let something that could not be opened be asked for again later, and put it before a person.

    Under a new key, since the provider may keep its answer to the old one. What nobody wants any more is over instead.
    Raises InDoubt where somebody else has the call by now.
    """
    if await _is_unwanted(tx, call):
        await _end(tx, call, str(no), now)
        return
    call = await renew_key(tx, call, now)
    await put_off(tx, call, str(no), now)
    # Once for all that are refused alike.
    subject = subject_of(call) if no.code in _AMOUNT else no.code
    facts = {"call": call.id, "operation": str(call.operation), "error": str(no)}
    await open_case(tx, OPENING_REFUSED, subject, None, facts, now)


async def withdraw(db: Database, call: Call) -> None:
    """Keep that a charge was not made, and will not be."""
    now = db.clock.now()
    async with db.transaction() as tx:
        await _end(tx, call, "withdrawn: it was not made, and nobody wants it any more", now)


async def _end(tx: Session, call: Call, why: str, now: datetime) -> None:
    if await note_refusal(tx, call.id, why, now) and call.payment_id is not None:
        await give_up_payment(tx, call.payment_id, now)


async def _is_unwanted(tx: Session, call: Call) -> bool:
    if call.payment_id is not None:
        return await is_intended(tx, Operation.CANCEL, call.payment_id)
    found = await tx.execute(_MANDATE_STATE, {"id": call.mandate_id})
    return bool(found.scalar_one() == MandateState.CANCELLED)


async def open_refusal_case(tx: Session, call: Call, code: str, now: datetime) -> None:
    """Put a call that was refused before a person."""
    facts = {"call": call.id, "operation": str(call.operation), "code": code}
    await open_case(tx, f"{call.operation}_refused", subject_of(call), None, facts, now)


async def close_doubts(tx: Session, calls: Sequence[Call], now: datetime) -> None:
    """Of calls that came to an end, close the cases that told how long they were in doubt."""
    await close_passed(tx, IN_DOUBT, [subject_of(call) for call in calls if call.tries >= TRIES_MAX], now)


def subject_of(call: Call) -> str:
    """What a call is about: the smallest thing that has a name."""
    return call.refund_id or call.payment_id or call.mandate_id or ""
