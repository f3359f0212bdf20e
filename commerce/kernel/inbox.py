"""Inbox: what the outside world sends is stored once, then handled at our pace."""

from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Session, Table, rows_changed
from commerce.kernel.ids import new_id

_RECEIVE = text("""
    INSERT INTO inbox_messages (id, source, external_id, body, received_at, handled_at)
    VALUES (:id, :source, :external_id, :body, :now, :handled_at)
    ON CONFLICT (source, external_id) DO NOTHING RETURNING id
""")
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


async def receive(
    tx: Session, source: str, external_id: str, body: bytes, now: datetime, *, handled: bool = False
) -> str | None:
    """Store an outside event exactly once. Its id the first time we see it, None ever after.

    `handled` where all that follows from it is done in this transaction.
    """
    row = {
        "id": new_id("inb", now),
        "source": source,
        "external_id": external_id,
        "body": body,
        "now": now,
        "handled_at": now if handled else None,
    }
    stored: str | None = (await tx.execute(_RECEIVE, row)).scalar_one_or_none()
    return stored


async def prune_inbox(tx: Session, source: str, before: datetime, most: int) -> int:
    """Forget up to `most` handled events of a source that came before an instant, and tell how many there were.

    Only a source that stops sending an event again by then may be pruned: what is forgotten would count as new.
    """
    return rows_changed(await tx.execute(_PRUNE, {"source": source, "before": before, "most": most}))
