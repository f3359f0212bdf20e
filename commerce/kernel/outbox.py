"""Outbox: what is told in a transaction is heard if, and only if, the transaction commits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Session, Table
from commerce.kernel.ids import new_id
from commerce.kernel.rows import Into, Rows, write


class Event(msgspec.Struct, frozen=True):
    """News that a domain tells. Its fields are the body; `topic` and `version` name its shape."""

    topic: ClassVar[str]
    version: ClassVar[int] = 1


class OutboxMessage(Table):
    """One told event, and whether the relay has seen to it that everybody concerned will hear it."""

    __tablename__ = "outbox_messages"
    __table_args__ = (
        Index("ix_outbox_messages_to_relay", "id", postgresql_where=text("relayed_at IS NULL")),
        {"postgresql_with": {"autovacuum_vacuum_scale_factor": "0.02"}},
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    topic: Mapped[Code]
    version: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    told_at: Mapped[datetime]
    relayed_at: Mapped[datetime | None]


class OutboxDelivery(Table):
    """One reaction to one event: open until it is done, rung again until then, dead when it keeps failing.

    The row is also the reaction's effect row: it is set done in the transaction of the effect itself.
    """

    __tablename__ = "outbox_deliveries"
    __table_args__ = (
        CheckConstraint("done_at IS NULL OR dead_at IS NULL", name="done_or_dead"),
        Index(
            "ix_outbox_deliveries_to_ring",
            "next_ring_at",
            postgresql_where=text("done_at IS NULL AND dead_at IS NULL"),
        ),
        Index("ix_outbox_deliveries_dead", "dead_at", postgresql_where=text("dead_at IS NOT NULL")),
    )

    message_id: Mapped[Code] = mapped_column(ForeignKey("outbox_messages.id", ondelete="CASCADE"), primary_key=True)
    reaction: Mapped[Code] = mapped_column(primary_key=True)
    rings: Mapped[int] = mapped_column(server_default=text("0"))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    next_ring_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text())


_OUTBOX = Into("outbox_messages", {
    "id": "text", "topic": "text", "version": "int", "body": "jsonb", "told_at": "timestamptz",
})  # fmt: skip


async def tell(tx: Session, event: Event, now: datetime) -> None:
    """Remember to announce this, if and only if the transaction commits."""
    await tell_many(tx, [event], now)


async def tell_many(tx: Session, events: Sequence[Event], now: datetime) -> None:
    """Remember to announce all of these, in this order, in one statement."""
    await write(tx, [told(events, now)])


def told(events: Sequence[Event], now: datetime) -> Rows:
    """All of these, to be announced in this order, as rows."""
    ids = sorted(new_id("evt", now) for _ in events)
    return _OUTBOX.rows(
        (event_id, event.topic, event.version, event, now) for event_id, event in zip(ids, events, strict=True)
    )
