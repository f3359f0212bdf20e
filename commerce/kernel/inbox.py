"""Inbox: what the outside world sends is stored once, then handled at our pace."""

from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Session, Table
from commerce.kernel.ids import new_id


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
    row = insert(InboxMessage).values(
        id=new_id("inb", now), source=source, external_id=external_id, body=body, received_at=now,
        handled_at=now if handled else None,
    )  # fmt: skip
    row = row.on_conflict_do_nothing(index_elements=["source", "external_id"])
    return (await tx.execute(row.returning(InboxMessage.id))).scalar_one_or_none()
