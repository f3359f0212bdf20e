"""Looks: what there was news of is looked at, once for all the news there was, and our books catch up."""

from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import text

from commerce.kernel.db import Database, Session
from commerce.kernel.refusals import NotFound
from orders.payments.calls import LEASE
from orders.payments.cases import open_case
from orders.payments.catch_up import catch_up_locked
from orders.payments.catch_up_mandate import catch_up_mandate
from orders.payments.catch_up_refund import catch_up_refunds
from orders.payments.lock_payment import lock_payment
from orders.payments.note_dispute import note_dispute
from orders.payments.port import InDoubt, NotNow, PaymentGateway, ProviderRefused, SeenPayment
from orders.payments.rules import SECURE, may_retry_at

_log = structlog.get_logger()


class LookWanted(NamedTuple):
    """Something to look at that was claimed."""

    about: str
    provider_id: str
    wanted: int
    tries: int


_WISH = text("""
    INSERT INTO provider_looks AS l (about, provider_id, next_at, asked_at) VALUES (:about, :provider_id, :now, :now)
    ON CONFLICT (about, provider_id) DO UPDATE SET wanted = l.wanted + 1, next_at = least(l.next_at, :now)
""")
_CLAIM = text("""
    WITH due AS (
        SELECT about, provider_id FROM provider_looks WHERE next_at <= :now
         ORDER BY next_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE provider_looks l SET next_at = :again_at, tries = l.tries + 1
      FROM due WHERE l.about = due.about AND l.provider_id = due.provider_id
 RETURNING l.about, l.provider_id, l.wanted, l.tries
""")
_DONE = text("""
    DELETE FROM provider_looks WHERE about = :about AND provider_id = :provider_id AND wanted = :wanted
""")
_AGAIN = text("""
    UPDATE provider_looks SET next_at = :next_at, last_error = :error
     WHERE about = :about AND provider_id = :provider_id
""")
_MANDATE = text("SELECT id FROM mandates WHERE provider_id = :provider_id OR id = :id")


async def wish_look(tx: Session, about: str, provider_id: str, now: datetime) -> None:
    """Have something of the provider's looked at soon. Wished often, it is looked at once, after the last wish."""
    await tx.execute(_WISH, {"about": about, "provider_id": provider_id, "now": now})


async def claim_looks(db: Database, now: datetime, most: int) -> list[LookWanted]:
    """Take up to `most` of what is to be looked at; nobody else has them for a while."""
    async with db.transaction() as tx:
        rows = await tx.execute(_CLAIM, {"now": now, "most": most, "again_at": now + LEASE})
        return [LookWanted(*row) for row in rows]


async def look(db: Database, gateway: PaymentGateway, wanted: LookWanted) -> bool:
    """Look, and catch up; False if the provider did not tell, so that it is looked at again later.

    News of what the provider does not have is before a person. Safe to repeat: looking changes nothing there, and what
    is known already changes nothing here.
    """
    try:
        await _look(db, gateway, wanted)
    except ProviderRefused as no:
        async with db.transaction() as tx:
            told = {"about": wanted.about, "code": no.code}
            await open_case(tx, "news_of_nothing", wanted.provider_id, None, told, db.clock.now())
            await _done(tx, wanted)
    except (InDoubt, NotNow, TimeoutError) as trouble:
        _log.warning("look_put_off", about=wanted.about, provider_id=wanted.provider_id, error=repr(trouble)[:300])
        now = db.clock.now()
        facts = {
            "about": wanted.about,
            "provider_id": wanted.provider_id,
            "next_at": may_retry_at(wanted.tries, now),
            "error": repr(trouble)[:2000],
        }
        async with db.transaction() as tx:
            await tx.execute(_AGAIN, facts)
        return False
    return True


async def _look(db: Database, gateway: PaymentGateway, wanted: LookWanted) -> None:
    asked_at = db.clock.now()
    if wanted.about == "payment":
        seen = await gateway.look(wanted.provider_id)
        await take_in_payment(db, gateway, seen, asked_at, wanted)
        return
    if wanted.about == "mandate":
        mandate = await gateway.look_at_mandate(wanted.provider_id)
        async with db.transaction() as tx:
            facts = {"provider_id": mandate.provider_id, "id": mandate.mandate_id}
            mandate_id = (await tx.execute(_MANDATE, facts)).scalar_one_or_none()
            if mandate_id is not None:
                await catch_up_mandate(tx, mandate_id, mandate, asked_at, db.clock.now())
            await _done(tx, wanted)
        return
    dispute = await gateway.look_at_dispute(wanted.provider_id)
    async with db.transaction() as tx:
        await note_dispute(tx, dispute, db.clock.now())
        await _done(tx, wanted)


async def take_in_payment(
    db: Database, gateway: PaymentGateway, seen: SeenPayment, asked_at: datetime, wanted: LookWanted | None = None
) -> str | None:
    """Catch up with a payment that was looked at, and with its refunds if they differ; our id, None if it is not ours.

    What is not ours and has taken money is put before a person.
    """
    now = db.clock.now()
    async with db.transaction() as tx:
        try:
            locked = await lock_payment(tx, seen.payment_id, seen.provider_id)
        except NotFound:
            await _note_unknown(tx, seen, now)
            differ, payment_id = False, None
        else:
            await catch_up_locked(tx, locked, seen, asked_at, now)
            differ = locked.refunds_open or locked.payment.refunded != seen.refunded
            payment_id = locked.payment.id
        if wanted is not None and not differ:
            await _done(tx, wanted)
    if not differ or payment_id is None:
        return payment_id
    made = await gateway.refunds_of(seen.provider_id)
    async with db.transaction() as tx:
        await catch_up_refunds(tx, payment_id, made, db.clock.now())
        if wanted is not None:
            await _done(tx, wanted)
    return payment_id


async def _note_unknown(tx: Session, seen: SeenPayment, now: datetime) -> None:
    """Put before a person what is not ours and has taken money, or reserved it."""
    if seen.state in SECURE:
        facts = {"amount": seen.amount, "captured": seen.captured, "currency": seen.currency}
        await open_case(tx, "payment_unknown_here", seen.provider_id, None, facts, now)


async def _done(tx: Session, wanted: LookWanted) -> None:
    facts = {"about": wanted.about, "provider_id": wanted.provider_id, "wanted": wanted.wanted}
    await tx.execute(_DONE, facts)
