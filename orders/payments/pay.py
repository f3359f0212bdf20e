"""Pay: a buyer begins, and comes back. The provider is asked between transactions, never inside one."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel import idempotency
from commerce.kernel.db import Database, ReadSession, Session
from commerce.kernel.idempotency import Answer, Replay
from commerce.kernel.refusals import Refusal
from commerce.kernel.rows import write
from orders.desk import Desk
from orders.payments.begin import Begun, Ready
from orders.payments.calls import claim_calls
from orders.payments.catch_up_mandate import catch_up_mandate
from orders.payments.errors import BeingOpened, PaymentRefused, ProviderAway
from orders.payments.looks import Looked, settle_alone, take_in_payment
from orders.payments.outcome import Told
from orders.payments.patience import twice
from orders.payments.perform import CALL_S_MAX, Asked, Heard, Subject, ask, perform, take_in
from orders.payments.port import InDoubt, NotNow, NotSent, PaymentGateway, ProviderRefused
from orders.payments.queries import mandate_view, pay_views
from orders.payments.rules import CallState
from orders.payments.schemas import BeginPaymentBody, PayView

_CALL = text("SELECT state, last_error FROM provider_calls WHERE id = :id")
_SUBJECT = text("""
    SELECT p.provider_id FROM payments p WHERE p.id = :id
     UNION ALL
    SELECT m.provider_id FROM mandates m WHERE m.id = :id
""")


async def open_at_provider(db: Database, gateway: PaymentGateway, ready: Ready) -> Asked | None:
    """Make the call that opens what was begun, unless that is done; the answer is the caller's to keep.

    Raises ProviderAway (then it is opened later), BeingOpened and PaymentRefused.
    """
    begun = ready.begun
    thing_id = begun.payment_id or begun.mandate_id or ""
    known = True
    asked = None
    try:
        if begun.call is not None:
            asked = await ask(db, gateway, begun.call, _subject(ready), waited_for=True)
            known = asked.known
        elif begun.under_way is not None:
            claimed = await claim_calls(db, db.clock.now(), 1, only=begun.under_way)
            if not claimed:
                await _must_be_answered(db, begun.under_way, thing_id)
            known = all([await perform(db, gateway, call) for call in claimed])
    except NotSent as full:
        raise ProviderAway(thing_id) from full
    if not known:
        raise ProviderAway(thing_id)
    if asked is not None and asked.refused is not None:
        raise PaymentRefused(thing_id, asked.refused)
    return asked


async def _must_be_answered(db: Database, call_id: str, thing_id: str) -> None:
    """Go on if somebody else has made this call meanwhile. Raises BeingOpened, ProviderAway."""
    async with db.read() as tx:
        state, trouble = (await tx.execute(_CALL, {"id": call_id})).one()
    if state == CallState.INTENDED:
        raise ProviderAway(thing_id) if trouble else BeingOpened(thing_id)


def _subject(ready: Ready) -> Subject:
    """What the call is about; it was written down a moment ago."""
    order, wanted = ready.order, ready.begun.wanted
    amount, capture, purpose = (wanted.amount, wanted.capture, wanted.purpose) if wanted else (None, None, None)
    return Subject(order.id, order.order_number, None, amount, order.currency, capture, purpose, None, None)


class Opened(NamedTuple):
    """What was begun, and what the provider said when it was opened now."""

    call: idempotency.Call
    body: BeginPaymentBody
    begun: Begun
    asked: Asked | None


async def show_opened(
    publishable_key: str, tx: Session, opened: Sequence[Opened], now: datetime
) -> list[Answer | Refusal | Replay]:
    """Keep what the provider said of payments and mandates, and answer what their buyers' pages need."""
    # All of it, whatever becomes of the request: what was heard and not kept would be asked for again.
    heard = [Heard(one.begun.call, one.asked.answer, one.asked.at) for one in opened if one.asked and one.begun.call]
    await take_in(tx, heard, now)
    desk: Desk[Opened, Opened] = Desk(opened)
    await desk.set_aside_what_was_answered(tx, lambda one: (one.call, one.body))
    for n, one in desk.open():
        desk.decide(n, lambda one=one: one)  # type: ignore[misc]  # bound to this turn of the loop
    cases = desk.cases()
    await write(tx, [desk.settle(await _views(tx, [one.begun for one in cases], publishable_key), now)])
    return desk.verdicts()


async def _views(tx: ReadSession, begun: Sequence[Begun], publishable_key: str) -> list[PayView]:
    payments = await pay_views(tx, [one.payment_id for one in begun if one.payment_id], publishable_key)
    return [
        payments[one.payment_id]
        if one.payment_id
        else (await mandate_view(tx, one.mandate_id or "", publishable_key))[0]
        for one in begun
    ]


async def come_back(db: Database, gateway: PaymentGateway, thing_id: str) -> None:
    """A buyer says they are done: look at their payment or mandate now. Raises ProviderAway."""
    async with db.read() as tx:
        provider_id = (await tx.execute(_SUBJECT, {"id": thing_id})).scalar_one_or_none()
    if provider_id is None:
        raise ProviderAway(thing_id)
    try:
        async with asyncio.timeout(CALL_S_MAX):
            await _look_now(db, gateway, thing_id, provider_id)
    except (InDoubt, NotNow, TimeoutError) as trouble:
        raise ProviderAway(thing_id) from trouble
    except ProviderRefused as no:
        raise PaymentRefused(thing_id, no.code) from no


async def _look_now(db: Database, gateway: PaymentGateway, thing_id: str, provider_id: str) -> None:
    asked_at = db.clock.now()
    if thing_id.startswith("mnd_"):
        mandate = await twice(lambda: gateway.look_at_mandate(provider_id))
        async with db.transaction() as tx:
            await catch_up_mandate(tx, thing_id, mandate, asked_at, db.clock.now())
        return
    seen = await twice(lambda: gateway.look(provider_id))
    await take_in_payment(db, gateway, Looked(Told(seen.payment_id, seen, asked_at)), settle_alone(db))
