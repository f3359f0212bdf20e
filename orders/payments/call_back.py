"""Call back: a buyer who has to come back to pay is told by which link, and until when."""

from datetime import datetime
from typing import Any

from sqlalchemy import text

from commerce.kernel.db import Session
from orders.record import Happening, note

_STILL_NEEDED = text("""
    SELECT p.link, p.deadline FROM payments p JOIN orders o ON o.id = p.order_id
     WHERE p.id = :id AND p.state IN ('waiting', 'action_required') AND p.deadline > :now AND o.state <> 'cancelled'
""")


async def write_link_to_buyer(tx: Session, body: dict[str, Any], now: datetime) -> None:
    """Note on the timeline what the buyer is told: the link by which they pay, and until when they may.

    Whose payment is over by the time this is read, because they paid or it is too late, is told nothing.
    Safe to repeat: the delivery is set done in this transaction, and what is done is not claimed again.
    """
    needed = (await tx.execute(_STILL_NEEDED, {"id": body["payment_id"], "now": now})).one_or_none()
    if needed is None:
        return
    told = {"payment": body["payment_id"], "link": needed.link, "deadline": needed.deadline}
    await note(tx, [Happening(body["order_id"], "payment_link_written", "worker", told)], now)
