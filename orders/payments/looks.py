"""Looks: what there was news of is looked at, once for all the news there was, and our books catch up."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import text

from commerce.kernel.db import Database, Session
from commerce.kernel.rows import arrays, as_columns
from orders.payments.calls import LEASE, NO_ROOM
from orders.payments.cases import TRIES_MAX, close_passed, note_trouble, open_case
from orders.payments.catch_up import catch_up_many
from orders.payments.catch_up_mandate import catch_up_mandate
from orders.payments.catch_up_refund import catch_up_refunds
from orders.payments.note_dispute import note_dispute
from orders.payments.outcome import Told
from orders.payments.perform import CALL_S_MAX
from orders.payments.port import InDoubt, NotNow, NotSent, PaymentGateway, ProviderRefused, SeenPayment
from orders.payments.rules import SECURE, may_retry_at

NOT_UNDERSTOOD = "news_not_understood"
_log = structlog.get_logger()


class LookWanted(NamedTuple):
    """Something to look at that was claimed."""

    about: str
    provider_id: str
    wanted: int
    tries: int
    every_try: bool
    seq: int
    """Of this wish: what is wished for anew after it was done bears another, however alike they are else."""


_NEWS = {"about": "text", "provider_id": "text", "times": "int", "every_try": "bool"}
_LOOKED = {"about": "text", "provider_id": "text", "wanted": "int", "seq": "bigint"}
# In order, so that two who wish and settle many never wait for each other. The columns are this module's own; no value
# is in the text.
_WISH = text(f"""
    INSERT INTO provider_looks AS l (about, provider_id, wanted, every_try, next_at, asked_at)
    SELECT r.about, r.provider_id, r.times, r.every_try, :now, :now FROM {arrays(_NEWS)} ORDER BY r.about, r.provider_id
    ON CONFLICT (about, provider_id) DO UPDATE
       SET wanted = l.wanted + excluded.wanted, every_try = l.every_try OR excluded.every_try,
           next_at = least(l.next_at, :now)
""")  # noqa: S608 - see above
_CLAIM = text("""
    WITH due AS (
        SELECT about, provider_id FROM provider_looks WHERE next_at <= :now
         ORDER BY next_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE provider_looks l SET next_at = :again_at, tries = l.tries + 1
      FROM due WHERE l.about = due.about AND l.provider_id = due.provider_id
 RETURNING l.about, l.provider_id, l.wanted, l.tries, l.every_try, l.seq
""")
_DONE = text(f"""
    WITH done AS (
        SELECT l.about, l.provider_id FROM provider_looks l JOIN {arrays(_LOOKED)}
            ON (r.about, r.provider_id, r.wanted, r.seq) = (l.about, l.provider_id, l.wanted, l.seq)
         ORDER BY l.about, l.provider_id FOR UPDATE OF l
    )
    DELETE FROM provider_looks l USING done WHERE (l.about, l.provider_id) = (done.about, done.provider_id)
""")  # noqa: S608 - see above
_AGAIN = text("""
    UPDATE provider_looks SET next_at = :next_at, last_error = :error
     WHERE about = :about AND provider_id = :provider_id AND seq = :seq
""")
_HAND_BACK = text("""
    UPDATE provider_looks SET next_at = :next_at, tries = tries - 1
     WHERE about = :about AND provider_id = :provider_id AND seq = :seq
""")
_MANDATE = text("SELECT id FROM mandates WHERE provider_id = :provider_id OR id = :id")


async def wish_look(tx: Session, about: str, provider_id: str, now: datetime) -> None:
    """Have something of the provider's looked at soon. Wished often, it is looked at once, after the last wish."""
    await wish_looks(tx, [Wish(about, provider_id)], now)


class Wish(NamedTuple):
    """Something to be looked at: what it is about, the provider's id, and whether with every try of the buyer's."""

    about: str
    provider_id: str
    every_try: bool = False


async def wish_looks(tx: Session, wishes: Sequence[Wish], now: datetime) -> None:
    """Have all of these looked at soon, as above."""
    if not wishes:
        return
    times = Counter((wish.about, wish.provider_id) for wish in wishes)
    declined = {(wish.about, wish.provider_id) for wish in wishes if wish.every_try}
    rows = [(*one, count, one in declined) for one, count in times.items()]
    await tx.execute(_WISH, {**as_columns(_NEWS, rows), "now": now})


async def claim_looks(db: Database, now: datetime, most: int) -> list[LookWanted]:
    """Take up to `most` of what is to be looked at; nobody else has them for a while."""
    async with db.transaction() as tx:
        rows = await tx.execute(_CLAIM, {"now": now, "most": most, "again_at": now + LEASE})
        return [LookWanted(*row) for row in rows]


class Looked(NamedTuple):
    """A payment that was looked at, and the look that was claimed for it, if one was."""

    told: Told
    wanted: LookWanted | None = None


class Settled(NamedTuple):
    """What came of a look: our id of the payment, None if it is not ours, and whether its refunds differ."""

    payment_id: str | None
    refunds_differ: bool


Settle = Callable[[Looked], Awaitable[Settled]]
"""Settles one look in a transaction, of its own or shared with others."""


async def settle_looks(tx: Session, looked: Sequence[Looked], now: datetime) -> list[Settled]:
    """Catch up with payments that were looked at; those whose refunds differ stay to be looked at.

    What is not ours and has taken money is put before a person.
    """
    settled = []
    known = await catch_up_many(tx, [one.told for one in looked], now)
    for locked, (told, _) in zip(known, looked, strict=True):
        if locked is None:
            await _note_unknown(tx, told.seen, now)
            settled.append(Settled(None, refunds_differ=False))
        else:
            differ = locked.refunds_open or locked.payment.refunded != told.seen.refunded
            settled.append(Settled(locked.payment.id, refunds_differ=differ))
    settled_now = zip(looked, settled, strict=True)
    await _done(tx, [one.wanted for one, done in settled_now if one.wanted and not done.refunds_differ], now)
    return settled


def settle_alone(db: Database) -> Settle:
    """Settle each look in a transaction of its own."""

    async def settle(looked: Looked) -> Settled:
        async with db.transaction() as tx:
            return (await settle_looks(tx, [looked], db.clock.now()))[0]

    return settle


async def look(db: Database, gateway: PaymentGateway, wanted: LookWanted, settle: Settle) -> bool:
    """Look, and catch up; False if the provider did not tell, so that it is looked at again later.

    News of what the provider does not have is before a person. Safe to repeat: looking changes nothing there, and what
    is known already changes nothing here. Raises NotSent; then it is looked at a second later, as if nobody had tried.
    """
    try:
        async with asyncio.timeout(CALL_S_MAX):  # Before its lease ends, however many pages of refunds there are.
            await _look(db, gateway, wanted, settle)
    except ProviderRefused as no:
        async with db.transaction() as tx:
            told = {"about": wanted.about, "code": no.code}
            await open_case(tx, "news_of_nothing", wanted.provider_id, None, told, db.clock.now())
            await _done(tx, [wanted], db.clock.now())
    except NotSent:
        facts = {"about": wanted.about, "provider_id": wanted.provider_id, "seq": wanted.seq}
        async with db.transaction() as tx:
            await tx.execute(_HAND_BACK, {**facts, "next_at": db.clock.now() + NO_ROOM})
        raise
    except Exception as trouble:  # noqa: BLE001 - whatever it is, it is tried again, and seen if it does not pass
        await _put_off(db, wanted, trouble)
        return False
    return True


async def _put_off(db: Database, wanted: LookWanted, trouble: Exception) -> None:
    """Have it looked at again, later each time; a person hears of what fails again and again."""
    expected = isinstance(trouble, InDoubt | NotNow | TimeoutError)
    _log.warning(
        "look_put_off", about=wanted.about, provider_id=wanted.provider_id, error=repr(trouble)[:300],
        exc_info=None if expected else trouble,
    )  # fmt: skip
    now = db.clock.now()
    facts = {
        "about": wanted.about,
        "provider_id": wanted.provider_id,
        "seq": wanted.seq,
        "next_at": may_retry_at(wanted.tries, now),
        "error": repr(trouble)[:2000],
    }
    async with db.transaction() as tx:
        await tx.execute(_AGAIN, facts)
        await note_trouble(tx, trouble, now)
        if wanted.tries >= TRIES_MAX and not isinstance(trouble, NotNow):
            told = {"about": wanted.about, "error": repr(trouble)[:300]}
            await open_case(tx, NOT_UNDERSTOOD, wanted.provider_id, None, told, now)


async def _look(db: Database, gateway: PaymentGateway, wanted: LookWanted, settle: Settle) -> None:
    asked_at = db.clock.now()
    if wanted.about == "payment":
        seen = await gateway.look(wanted.provider_id)
        attempts = await gateway.attempts_of(wanted.provider_id) if wanted.every_try else []
        told = Told(seen.payment_id, seen, asked_at, tuple(attempts))
        await take_in_payment(db, gateway, Looked(told, wanted), settle)
        return
    if wanted.about == "mandate":
        mandate = await gateway.look_at_mandate(wanted.provider_id)
        async with db.transaction() as tx:
            facts = {"provider_id": mandate.provider_id, "id": mandate.mandate_id}
            mandate_id = (await tx.execute(_MANDATE, facts)).scalar_one_or_none()
            if mandate_id is not None:
                await catch_up_mandate(tx, mandate_id, mandate, asked_at, db.clock.now())
            await _done(tx, [wanted], db.clock.now())
        return
    dispute = await gateway.look_at_dispute(wanted.provider_id)
    async with db.transaction() as tx:
        await note_dispute(tx, dispute, asked_at, db.clock.now())
        await _done(tx, [wanted], db.clock.now())


async def take_in_payment(db: Database, gateway: PaymentGateway, looked: Looked, settle: Settle) -> str | None:
    """Catch up with a payment that was looked at, and with its refunds if they differ; our id, None if not ours."""
    payment_id, differ = await settle(looked)
    if payment_id is None or not differ:
        return payment_id
    made = await gateway.refunds_of(looked.told.seen.provider_id)
    async with db.transaction() as tx:
        await catch_up_refunds(tx, payment_id, made, db.clock.now())
        await _done(tx, [looked.wanted] if looked.wanted else [], db.clock.now())
    return payment_id


async def _note_unknown(tx: Session, seen: SeenPayment, now: datetime) -> None:
    """Put before a person what is not ours and has taken money, or reserved it."""
    if seen.state in SECURE:
        facts = {"amount": seen.amount, "captured": seen.captured, "currency": seen.currency}
        await open_case(tx, "payment_unknown_here", seen.provider_id, None, facts, now)


async def _done(tx: Session, looked: Sequence[LookWanted], now: datetime) -> None:
    """Nobody need look any more, unless there was news meanwhile; nor a person, where one was called."""
    if looked:
        rows = [(one.about, one.provider_id, one.wanted, one.seq) for one in looked]
        await tx.execute(_DONE, as_columns(_LOOKED, rows))
        await close_passed(tx, NOT_UNDERSTOOD, [one.provider_id for one in looked if one.tries > TRIES_MAX], now)
