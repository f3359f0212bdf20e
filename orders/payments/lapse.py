"""Lapse: a reservation ended before all of it was taken, and not by our doing; what it was for gets an end."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from commerce.kernel.db import Session
from inventory.keep import keep_holds
from orders.payments.cases import open_case
from orders.payments.outcome import Outcome
from orders.payments.rules import FIX_WITHIN, RELEASE_AFTER
from orders.payments.secured import unpaid_among
from orders.rules import OrderState

LAPSED = "reservation_lapsed"


async def note_lapsed(tx: Session, lapsed: Sequence[Outcome], now: datetime) -> None:
    """Of locked orders that hold goods, keep those no longer for ever for which nothing can come any more.

    Where nothing has left, what is told of the payment cancels the order; its goods are free soon even if nobody hears.
    Where a part has left, a person hears of it, and the rest is kept for a while, to be paid anew.
    """
    if not lapsed:
        return
    unpaid = await unpaid_among(tx, [one.order.id for one in lapsed])
    ends = {one.order.id: now + _patience(one) for one in lapsed if one.order.id in unpaid}
    await keep_holds(tx, ends)
    for one in lapsed:
        if one.order.id in unpaid and one.order.state is OrderState.PART_SHIPPED:
            facts = {"reserved": one.payment.amount, "captured": one.taken.captured, "kept_until": ends[one.order.id]}
            await open_case(tx, LAPSED, one.payment.id, one.order.id, facts, now)


def _patience(one: Outcome) -> timedelta:
    return FIX_WITHIN if one.order.state is OrderState.PART_SHIPPED else RELEASE_AFTER
