"""Receive events: what the provider sends is checked, stored once, and answered at once; it is handled afterwards."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from commerce.kernel.db import Session
from commerce.kernel.inbox import prune_inbox, receive_many
from orders.payments.looks import Wish, wish_looks
from orders.payments.port import SeenEvent

SOURCE = "stripe"
KEPT = timedelta(days=30)


class Received(NamedTuple):
    """An event that was proved genuine, and its very bytes."""

    event: SeenEvent
    raw: bytes


async def receive_events(tx: Session, received: Sequence[Received], now: datetime) -> list[bool]:
    """Store events, and have what they are about looked at; False for each that came before.

    An event says only that there is something to see: what it says of states may be old when it comes.
    """
    by_id = {one.event.id: one for one in received}
    fresh = await receive_many(tx, SOURCE, {event_id: one.raw for event_id, one in by_id.items()}, now, handled=True)
    told = [by_id[event_id].event for event_id in fresh]
    wishes = [
        Wish(event.about, event.provider_id, event.declined) for event in told if event.about and event.provider_id
    ]
    await wish_looks(tx, wishes, now)
    return [fresh.pop(event.id, None) is not None for event, _ in received]


async def prune_events(tx: Session, now: datetime, most: int) -> int:
    """Forget up to `most` events that nobody sends again: the provider tries for three days, and we keep a month."""
    return await prune_inbox(tx, SOURCE, now - KEPT, most)
