"""Receive events: what the provider sends is checked, stored once, and answered at once; it is handled afterwards."""

from datetime import datetime, timedelta

from commerce.kernel.db import Session
from commerce.kernel.inbox import prune_inbox, receive
from orders.payments.looks import wish_look
from orders.payments.port import SeenEvent

SOURCE = "stripe"
KEPT = timedelta(days=30)


async def receive_event(tx: Session, event: SeenEvent, raw: bytes, now: datetime) -> bool:
    """Store an event that was proved genuine, and have what it is about looked at; False if it came before.

    An event says only that there is something to see: what it says of states may be old when it comes.
    """
    if await receive(tx, SOURCE, event.id, raw, now, handled=True) is None:
        return False
    if event.about is not None and event.provider_id is not None:
        await wish_look(tx, event.about, event.provider_id, now)
    return True


async def prune_events(tx: Session, now: datetime, most: int) -> int:
    """Forget up to `most` events that nobody sends again: the provider tries for three days, and we keep a month."""
    return await prune_inbox(tx, SOURCE, now - KEPT, most)
