"""Inbox: what the outside world sends is stored once, then handled at our pace."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Session, Table, rows_changed
from commerce.kernel.ids import new_id
from commerce.kernel.rows import arrays, as_columns

_MESSAGES = {"id": "text", "external_id": "text", "body": "bytea"}
# In order, so that two who store many never wait for each other. The columns are this module's own.
_RECEIVE = text(f"""
    INSERT INTO inbox_messages (id, source, external_id, body, received_at, handled_at)
    SELECT r.id, :source, r.external_id, r.body, :now, :handled_at FROM {arrays(_MESSAGES)} ORDER BY r.external_id
    ON CONFLICT (source, external_id) DO NOTHING RETURNING external_id, id
""")  # noqa: S608 - see above
_PRUNE = text("""
    DELETE FROM inbox_messages WHERE id IN (
        SELECT id FROM inbox_messages
         WHERE source = :source AND handled_at IS NOT NULL AND received_at < :before ORDER BY id LIMIT :most)
""")


class InboxMessage(Table):
    """One outside event as it came in, and when it was handled."""

    __tablename__ = "inbox_messages"
    __table_args__ = (UniqueConstraint("source", "external_id"),)

    id: Mapped[Code] = mapped_column(primary_key=True)
    source: Mapped[Code]
    external_id: Mapped[Code]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]


async def receive_many(
    tx: Session, source: str, bodies: Mapping[str, bytes], now: datetime, *, handled: bool = False
) -> dict[str, str]:
    """Store outside events, by the ids they have there, exactly once; our ids of those that we see the first time.

    `handled` where all that follows from them is done in this transaction.
    """
    rows = [(new_id("inb", now), external_id, body) for external_id, body in bodies.items()]
    facts = {**as_columns(_MESSAGES, rows), "source": source, "now": now, "handled_at": now if handled else None}
    return {row[0]: row[1] for row in await tx.execute(_RECEIVE, facts)}


async def receive(tx: Session, source: str, external_id: str, body: bytes, now: datetime) -> str | None:
    """Store an outside event exactly once. Its id the first time we see it, None ever after."""
    return (await receive_many(tx, source, {external_id: body}, now)).get(external_id)


async def prune_inbox(tx: Session, source: str, before: datetime, most: int) -> int:
    """Forget up to `most` handled events of a source that came before an instant, and tell how many there were.

    Only a source that stops sending an event again by then may be pruned: what is forgotten would count as new.
    """
    return rows_changed(await tx.execute(_PRUNE, {"source": source, "before": before, "most": most}))
