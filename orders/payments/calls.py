"""Calls to the provider: stored before they are made, claimed by one caller at a time, open until they are answered.

A call is a recovery point. Whoever dies between storing it and writing down its answer leaves a row that somebody else
sends again, under the same key. Calls about one payment are made one after the other, in the order they were wanted.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text

from commerce.kernel.db import Database, Session, rows_changed
from commerce.kernel.ids import new_id
from commerce.kernel.rows import arrays, as_columns
from orders.moving import lock_orders
from orders.payments.port import InDoubt
from orders.payments.rules import Operation, may_retry_at

LEASE = timedelta(seconds=40)
"""Longer than waiting for a connection and making a call may take, with some seconds for clocks that are apart.

Whoever has not written down an answer by then is dead or has given up.
"""
NO_ROOM = timedelta(seconds=1)
"""Whoever found no room in the line to the provider comes again after this."""


class Call(NamedTuple):
    """A call that was claimed, with what it needs to be made."""

    id: str
    operation: Operation
    payment_id: str | None
    mandate_id: str | None
    refund_id: str | None
    facts: Mapping[str, Any]
    key: str
    key_since: datetime
    tries: int
    sent_at: datetime


_CALLS = {
    "id": "text", "operation": "text", "payment_id": "text", "mandate_id": "text", "refund_id": "text",
    "facts": "text", "tries": "int", "sent_at": "timestamptz", "next_at": "timestamptz",
}  # fmt: skip
# The columns are this module's own; no value is in the text.
_INTEND = text(f"""
    INSERT INTO provider_calls (id, operation, payment_id, mandate_id, refund_id, facts, key, key_since, state, tries,
                                created_at, sent_at, next_at)
    SELECT r.id, r.operation, r.payment_id, r.mandate_id, r.refund_id, r.facts::jsonb, r.id, :now, 'intended', r.tries,
           :now, r.sent_at, r.next_at
      FROM {arrays(_CALLS)}
""")  # noqa: S608 - see above
_IS_INTENDED = text("""
    SELECT EXISTS (SELECT 1 FROM provider_calls
                    WHERE payment_id = :payment_id AND operation = :operation AND state = 'intended')
""")
# What a capture takes is known when it is sent: one before it may have been refused, and what is owed may have changed.
# The last one takes all that is owed, and lets go of what else is reserved; where nothing is owed it only lets go.
_CLAIM = text("""
    WITH due AS (
        SELECT c.id, c.payment_id, c.facts, c.operation = 'capture' AND c.sent_at IS NULL AS takes
          FROM provider_calls c
         WHERE c.state = 'intended' AND c.next_at <= :now AND (CAST(:only AS text) IS NULL OR c.id = :only)
           AND NOT EXISTS (SELECT 1 FROM provider_calls o
                            WHERE o.payment_id = c.payment_id AND o.state = 'intended' AND o.seq < c.seq)
         ORDER BY c.next_at, c.seq LIMIT :most FOR UPDATE OF c SKIP LOCKED
    )
    UPDATE provider_calls c SET tries = c.tries + 1, sent_at = coalesce(c.sent_at, :now), next_at = :again_at,
           operation = CASE WHEN taken.amount <= 0 THEN 'cancel' ELSE c.operation END,
           facts = CASE WHEN taken.amount > 0 THEN c.facts || jsonb_build_object(
               'amount', taken.amount, 'expected', taken.captured + taken.amount) ELSE c.facts END
      FROM due LEFT JOIN LATERAL (
               SELECT p.captured, least(p.amount - p.captured,
                          CASE WHEN NOT (due.facts ->> 'last')::boolean THEN (due.facts ->> 'amount')::bigint END,
                          (SELECT coalesce(sum(e.amount), 0) FROM ledger_entries e WHERE e.order_id = p.order_id)
                          + (SELECT coalesce(sum(r.amount), 0) FROM refunds r WHERE r.order_id = p.order_id
                                AND r.state IN ('intended', 'pending', 'failed')))::bigint AS amount
                 FROM payments p WHERE due.takes AND p.id = due.payment_id) AS taken ON true
     WHERE c.id = due.id
 RETURNING c.id, c.operation, c.payment_id, c.mandate_id, c.refund_id, c.facts, c.key, c.key_since, c.tries, c.sent_at
""")
_ANSWERED = text("""
    UPDATE provider_calls SET state = 'answered', answered_at = :now
     WHERE id = ANY(CAST(:ids AS text[])) AND state = 'intended'
""")
_REFUSED = text("""
    UPDATE provider_calls SET state = 'refused', answered_at = :now, last_error = :error
     WHERE id = :id AND state = 'intended'
""")
_WITHDRAW = text("""
    UPDATE provider_calls SET state = 'refused', answered_at = :now, last_error = 'withdrawn before it was sent'
     WHERE payment_id = :payment_id AND operation = 'open' AND state = 'intended' AND sent_at IS NULL
""")
# Who writes down what came of a call holds its row and waits for the order, which whoever asks here has (0024): such a
# row is passed over, and what comes of it is dealt with by them.
_INSIST = text("""
    UPDATE provider_calls SET facts = facts - 'unless_paid' WHERE id IN (
        SELECT id FROM provider_calls
         WHERE payment_id = :payment_id AND operation = 'cancel' AND state = 'intended' FOR UPDATE SKIP LOCKED)
""")
_CANCEL_REFUSED = text("""
    SELECT EXISTS (SELECT 1 FROM payment_cases
                    WHERE kind = 'cancel_refused' AND subject = :payment_id AND closed_at IS NULL)
""")
# What was not done this time, nor sent before, is in nobody's doubt.
_PUT_OFF = text("""
    UPDATE provider_calls SET next_at = :next_at, last_error = :error,
           sent_at = CASE WHEN :not_done AND tries = 1 THEN NULL ELSE sent_at END
     WHERE id = :id AND state = 'intended' AND tries = :tries
""")
# What was sent before stays in doubt. What was not goes back to where it has stood in the line since its birth.
_HAND_BACK = text("""
    UPDATE provider_calls SET tries = tries - 1, sent_at = CASE WHEN tries > 1 THEN sent_at END,
           next_at = CASE WHEN tries > 1 THEN CAST(:soon AS timestamptz) ELSE created_at END
     WHERE id = :id AND state = 'intended' AND tries = :tries
""")
_ORDERS_OF = text("""
    SELECT order_id FROM payments WHERE id = ANY(CAST(:payments AS text[]))
     UNION
    SELECT order_id FROM mandates WHERE id = ANY(CAST(:mandates AS text[]))
""")
_RENEW_KEY = text("""
    UPDATE provider_calls SET key = :key, key_since = :now
     WHERE id = :id AND state = 'intended' AND key = :old AND tries = :tries
""")
_RETRY = text("""
    UPDATE provider_calls c SET state = 'intended', key = :key, key_since = :now, tries = 0, sent_at = NULL,
           next_at = :now, answered_at = NULL,
           facts = CASE WHEN c.operation = 'capture' THEN c.facts || jsonb_build_object(
               'expected', p.captured + (c.facts ->> 'amount')::bigint) ELSE c.facts END
      FROM payments p
     WHERE p.id = c.payment_id AND c.id = :id AND c.state = 'refused' AND c.operation IN ('capture', 'cancel')
""")


class CallWanted(NamedTuple):
    """A call to be made about one payment or mandate."""

    operation: Operation
    payment_id: str | None = None
    mandate_id: str | None = None
    refund_id: str | None = None
    facts: Mapping[str, object] = {}


async def intend_many(tx: Session, wanted: Sequence[CallWanted], now: datetime, *, leased: bool = False) -> list[Call]:
    """Store calls to be made once this transaction is kept: by the next worker, or by whoever has them `leased`.

    Whoever has them makes them at once; should they die, a worker makes them when the lease is over.
    """
    calls = [Call(call_id, *one, call_id, now, 1, now) for one in wanted for call_id in [new_id("pcl", now)]]
    tries, sent_at, next_at = (1, now, now + LEASE) if leased else (0, None, now)
    rows = [
        (
            call.id, str(call.operation), call.payment_id, call.mandate_id, call.refund_id,
            msgspec.json.encode(call.facts).decode(), tries, sent_at, next_at,
        )
        for call in calls
    ]  # fmt: skip
    await tx.execute(_INTEND, {**as_columns(_CALLS, rows), "now": now})
    return calls


async def intend(  # noqa: PLR0913 - a call has as many facts
    tx: Session,
    operation: Operation,
    now: datetime,
    *,
    payment_id: str | None = None,
    mandate_id: str | None = None,
    refund_id: str | None = None,
    facts: Mapping[str, object] | None = None,
    leased: bool = False,
) -> Call:
    """Store one call, as above."""
    wanted = CallWanted(operation, payment_id, mandate_id, refund_id, facts or {})
    return (await intend_many(tx, [wanted], now, leased=leased))[0]


async def is_intended(tx: Session, operation: Operation, payment_id: str) -> bool:
    """Whether such a call about this payment is still open."""
    found = await tx.execute(_IS_INTENDED, {"payment_id": payment_id, "operation": str(operation)})
    return bool(found.scalar_one())


async def is_cancelled_soon(tx: Session, payment_id: str, *, unless_paid: bool) -> bool:
    """Whether a cancellation of this payment is open; without `unless_paid` it is one in any case from now on."""
    if not unless_paid:
        await tx.execute(_INSIST, {"payment_id": payment_id})
    return await is_intended(tx, Operation.CANCEL, payment_id)


async def is_cancel_refused(tx: Session, payment_id: str) -> bool:
    """Whether a cancellation of this payment was refused, and is before a person."""
    return bool((await tx.execute(_CANCEL_REFUSED, {"payment_id": payment_id})).scalar_one())


async def withdraw_opening(tx: Session, payment_id: str, now: datetime) -> bool:
    """Take back the call that would open a payment, if it was never sent; whether that was in time."""
    return rows_changed(await tx.execute(_WITHDRAW, {"payment_id": payment_id, "now": now})) > 0


async def claim_calls(db: Database, now: datetime, most: int, only: str | None = None) -> list[Call]:
    """Take up to `most` calls that are due, the longest due first; nobody else has them until the lease is over.

    `only` takes that one call, if it is due.
    """
    async with db.transaction() as tx:
        facts = {"now": now, "most": most, "only": only, "again_at": now + LEASE}
        rows = await tx.execute(_CLAIM, facts)
        # A statement that changes rows tells them in any order; ids are in the order of time.
        return sorted(Call(row[0], Operation(row[1]), *row[2:]) for row in rows)


async def lock_orders_of(tx: Session, calls: Sequence[Call]) -> None:
    """Lock the orders that these calls are about, by their ids."""
    facts = {"payments": [one.payment_id for one in calls], "mandates": [one.mandate_id for one in calls]}
    order_ids = (await tx.execute(_ORDERS_OF, facts)).scalars().all()
    await lock_orders(tx, order_ids)


async def note_answers(tx: Session, call_ids: Sequence[str], now: datetime) -> None:
    """Write down that calls are answered; what was written down before stays."""
    if call_ids:
        await tx.execute(_ANSWERED, {"ids": list(call_ids), "now": now})


async def note_refusal(tx: Session, call_id: str, why: str, now: datetime) -> bool:
    """Write down that a call was refused; False if somebody wrote down what came of it before."""
    return rows_changed(await tx.execute(_REFUSED, {"id": call_id, "error": why, "now": now})) > 0


async def put_off(tx: Session, call: Call, reason: str, now: datetime, *, not_done: bool = False) -> None:
    """Let a call be sent again after a pause that grows with every try, unless somebody else has it by now.

    What was `not_done` for certain, and never sent before, is in no doubt, and can be taken back.
    """
    facts = {"id": call.id, "tries": call.tries, "next_at": may_retry_at(call.tries, now), "error": reason[:2000]}
    await tx.execute(_PUT_OFF, {**facts, "not_done": not_done})


async def hand_back(tx: Session, call: Call, now: datetime) -> None:
    """Give up a claim on a call that was not sent this time: it is as if nobody had tried."""
    await tx.execute(_HAND_BACK, {"id": call.id, "tries": call.tries, "soon": now + NO_ROOM})


async def renew_key(tx: Session, call: Call, now: datetime) -> Call:
    """Give a call a new key, once it is known that nothing came of it under the old one.

    Raises InDoubt where somebody else has the call by now, or has an answer to it: under two keys it is done twice.
    """
    key = new_id("pcl", now)
    facts = {"id": call.id, "key": key, "old": call.key, "tries": call.tries, "now": now}
    if not rows_changed(await tx.execute(_RENEW_KEY, facts)):
        raise InDoubt("somebody else has this call by now")
    return call._replace(key=key, key_since=now)


async def retry_call(tx: Session, call_id: str, now: datetime) -> bool:
    """Let a capture or a cancellation that was refused be made anew, under a new key; False if it is none.

    What could not be opened is over, and is begun anew; a refund that failed is replaced by another one. Made anew by
    themselves, they would take or give money of which our books no longer know what it is for.
    """
    facts = {"id": call_id, "key": new_id("pcl", now), "now": now}
    return rows_changed(await tx.execute(_RETRY, facts)) > 0
