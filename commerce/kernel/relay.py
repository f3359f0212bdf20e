"""The relay: rings the worker for every told event, again and again, until each reaction is done or dead."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from sqlalchemy import text

from commerce.kernel.db import Database, ReadSession, Session, is_passing, rows_changed
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import NotFound

FAILURES_MAX = 8
RING_AGAIN_AFTER_S = 15
"""For the first time; later twice as long and never longer, so that what was lost is done within a minute."""

RINGS_MAX = 240
"""Two hours: what was put off for so long does not pass by itself."""

BATCH_MAX = 500
_log = structlog.get_logger()

Reaction = Callable[[Session, dict[str, Any], datetime], Awaitable[None]]
Ring = Callable[[str, list[str]], None]

_EXPAND = text("""
    WITH fresh AS (
        SELECT id FROM outbox_messages WHERE relayed_at IS NULL
         ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
    ), seen AS (
        UPDATE outbox_messages m SET relayed_at = :now FROM fresh WHERE m.id = fresh.id
     RETURNING m.id, m.topic
    ), owed AS (
        INSERT INTO outbox_deliveries (message_id, reaction, next_ring_at)
        SELECT seen.id, r.reaction, :now
          FROM seen JOIN unnest(CAST(:topics AS text[]), CAST(:reactions AS text[])) AS r (topic, reaction)
            ON r.topic = seen.topic
     RETURNING 1
    )
    SELECT count(*) FROM seen
""")
_CALL = text("""
    WITH due AS (
        SELECT message_id, reaction FROM outbox_deliveries
         WHERE done_at IS NULL AND dead_at IS NULL AND next_ring_at <= :now
         ORDER BY next_ring_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox_deliveries d
       SET rings = d.rings + 1,
           next_ring_at = CAST(:now AS timestamptz) + make_interval(secs => :again_s * least(d.rings + 1, 2))
      FROM due WHERE d.message_id = due.message_id AND d.reaction = due.reaction
 RETURNING d.reaction, d.message_id
""")
_OPEN = text("""
    SELECT message_id FROM outbox_deliveries
     WHERE reaction = :reaction AND message_id = ANY(CAST(:ids AS text[])) AND done_at IS NULL AND dead_at IS NULL
     ORDER BY message_id
""")
_CLAIM = text("""
    SELECT m.body FROM outbox_deliveries d JOIN outbox_messages m ON m.id = d.message_id
     WHERE d.message_id = :id AND d.reaction = :reaction AND d.done_at IS NULL
       FOR UPDATE OF d SKIP LOCKED
""")
_DONE = text("""
    UPDATE outbox_deliveries SET done_at = :now, dead_at = NULL
     WHERE message_id = :id AND reaction = :reaction
""")
_FAILED = text("""
    UPDATE outbox_deliveries
       SET failures = failures + 1, last_error = :error,
           next_ring_at = CAST(:now AS timestamptz) + make_interval(secs => least(power(2, failures), 300)),
           dead_at = CASE WHEN failures + 1 >= :most THEN CAST(:now AS timestamptz) END
     WHERE message_id = :id AND reaction = :reaction AND done_at IS NULL
 RETURNING dead_at IS NOT NULL
""")
_PUT_OFF = text("""
    UPDATE outbox_deliveries
       SET last_error = :error, dead_at = CASE WHEN rings >= :most THEN CAST(:now AS timestamptz) END
     WHERE message_id = :id AND reaction = :reaction AND done_at IS NULL
""")
_DEAD = text("""
    SELECT d.message_id, d.reaction, m.topic, m.body, m.told_at, d.failures, d.last_error, d.dead_at
      FROM outbox_deliveries d JOIN outbox_messages m ON m.id = d.message_id
     WHERE d.dead_at IS NOT NULL AND (d.message_id, d.reaction) > (:after_id, :after_reaction)
     ORDER BY d.message_id, d.reaction LIMIT :most
""")
_RETRY = text("""
    UPDATE outbox_deliveries SET dead_at = NULL, failures = 0, rings = 0, next_ring_at = :now
     WHERE message_id = :id AND reaction = :reaction AND dead_at IS NOT NULL
""")
_LAG = text("""
    SELECT (SELECT count(*) FROM outbox_messages WHERE relayed_at IS NULL) AS waiting,
           (SELECT count(*) FROM outbox_deliveries WHERE done_at IS NULL AND dead_at IS NULL) AS open,
           (SELECT count(*) FROM outbox_deliveries WHERE dead_at IS NOT NULL) AS dead,
           coalesce(extract(epoch FROM CAST(:now AS timestamptz) - least(
             (SELECT min(told_at) FROM outbox_messages WHERE relayed_at IS NULL),
             (SELECT min(m.told_at) FROM outbox_deliveries d JOIN outbox_messages m ON m.id = d.message_id
               WHERE d.done_at IS NULL AND d.dead_at IS NULL))), 0)::float8 AS lag_s
""")
_PRUNE = text("""
    DELETE FROM outbox_messages WHERE id IN (
        SELECT m.id FROM outbox_messages m
         WHERE m.id < :before_id AND m.relayed_at IS NOT NULL
           AND NOT EXISTS (SELECT FROM outbox_deliveries d WHERE d.message_id = m.id AND d.done_at IS NULL)
         ORDER BY m.id LIMIT :most)
""")


class DeadDelivery(msgspec.Struct, frozen=True):
    """A reaction that kept failing, for a person to look at and retry."""

    message_id: str
    reaction: str
    topic: str
    body: dict[str, Any]
    told_at: datetime
    failures: int
    last_error: str | None
    dead_at: datetime


class Lag(msgspec.Struct, frozen=True):
    """How far behind the reactions are."""

    waiting: int
    open: int
    dead: int
    lag_s: float


async def relay_once(db: Database, reactions: Mapping[str, Sequence[str]], ring: Ring | None, now: datetime) -> int:
    """Note who must hear the news, then ring for everything that is due. Returns how much there was to do.

    Without a `ring` it only notes: whoever has a long queue need not be told of more.

    The bell is rung after COMMIT: if it is not heard (a dead worker, a flushed Redis), it is rung again.
    """
    pairs = [(topic, name) for topic, names in reactions.items() for name in names]
    owed = {"topics": [topic for topic, _ in pairs], "reactions": [name for _, name in pairs]}
    async with db.transaction() as tx:
        noted = (await tx.execute(_EXPAND, {**owed, "now": now, "most": BATCH_MAX})).scalar_one()
    if ring is None:
        return int(noted)
    async with db.transaction() as tx:
        facts = {"now": now, "most": BATCH_MAX, "again_s": RING_AGAIN_AFTER_S}
        due = (await tx.execute(_CALL, facts)).all()
    by_reaction: dict[str, list[str]] = {}
    for reaction, message_id in due:
        by_reaction.setdefault(reaction, []).append(message_id)
    for reaction, message_ids in by_reaction.items():
        # In a thread: a bell that hangs must not stop whoever else lives on this loop.
        await asyncio.to_thread(ring, reaction, sorted(message_ids))
    return int(noted) + len(due)


async def still_open(tx: ReadSession, reaction: str, message_ids: Sequence[str]) -> list[str]:
    """Of these events, those that nobody has reacted to yet, oldest first.

    A queue that is worked off slowly is full of what was rung twice; one look for many keeps that cheap.
    """
    found = await tx.execute(_OPEN, {"reaction": reaction, "ids": list(message_ids)})
    return list(found.scalars())


async def react(db: Database, name: str, message_id: str, reaction: Reaction) -> bool:
    """Do one reaction to one event, exactly once: its effect and the note that it is done commit together.

    True if it was done now; False if it was done before, is being done elsewhere, or failed and was noted so.
    """
    now = db.clock.now()
    key = {"id": message_id, "reaction": name}
    try:
        async with db.transaction() as tx:
            body = (await tx.execute(_CLAIM, key)).scalar_one_or_none()
            if body is None:
                return False
            await reaction(tx, body, now)
            await tx.execute(_DONE, {**key, "now": now})
    except Exception as error:  # noqa: BLE001 - whatever a reaction raises ends on its delivery, for a person to see
        await _note_failure(db, key, error, now)
        return False
    return True


class NotKnownHere(Exception):  # noqa: N818 - what it says is the error
    """This release has no such reaction; another may have, while one takes the other's place."""


async def not_known_here(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """What stands in the place of a reaction that nobody here knows: it is put off, and not for ever."""
    del tx, body, now
    raise NotKnownHere


async def _note_failure(db: Database, key: dict[str, str], error: Exception, now: datetime) -> None:
    """Count a failure, unless it is one that may pass by itself: that is put off until the next ring, but not for ever.

    Where the database itself is away nothing can be noted; the next ring comes anyway.
    """
    facts = {**key, "error": repr(error)[:2000], "now": now}
    if not is_passing(error) and not isinstance(error, NotKnownHere):
        _log.exception("reaction_failed", **key)
        async with db.transaction() as tx:
            await tx.execute(_FAILED, {**facts, "most": FAILURES_MAX})
        return
    _log.warning("reaction_put_off", **key, error=repr(error)[:300])
    try:
        async with db.transaction() as tx:
            await tx.execute(_PUT_OFF, {**facts, "most": RINGS_MAX})
    except Exception as away:
        if not is_passing(away):
            raise


async def dead_deliveries(tx: ReadSession, after: tuple[str, ...] | None, limit: int) -> list[DeadDelivery]:
    """What lies on the dead shelf, oldest event first; one more than `limit` if there is more."""
    after_id, after_reaction = after or ("", "")
    facts = {"after_id": after_id, "after_reaction": after_reaction, "most": limit + 1}
    return [DeadDelivery(*row) for row in await tx.execute(_DEAD, facts)]


async def retry_dead(tx: Session, message_id: str, reaction: str, now: datetime) -> None:
    """Take one reaction off the dead shelf and let it be tried anew. Raises NotFound if it is not there."""
    done = await tx.execute(_RETRY, {"id": message_id, "reaction": reaction, "now": now})
    if not rows_changed(done):
        raise NotFound("dead delivery", f"{message_id} {reaction}")


async def outbox_lag(tx: ReadSession, now: datetime) -> Lag:
    """How many events and reactions wait, and since when."""
    return Lag(*(await tx.execute(_LAG, {"now": now})).one())


async def prune_outbox(tx: Session, now: datetime, most: int) -> int:
    """Forget up to `most` events older than 30 days whose every reaction is done, and tell how many there were.

    An event's id holds its instant, so the old ones are the first of the primary key.
    """
    first_kept = new_id("evt", now - timedelta(days=30))
    return rows_changed(await tx.execute(_PRUNE, {"before_id": first_kept, "most": most}))
