"""Catch up with a mandate: what the provider says of a means of payment that a buyer is to save."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from commerce.kernel.refusals import NotFound
from inventory.keep import keep_hold
from orders.moving import OrderHead, lock_order
from orders.payments.events import MandateGiven
from orders.payments.outcome import PROVIDER, kept_until
from orders.payments.port import SeenMandate
from orders.payments.rules import MANDATE_MOVES, RELEASE_AFTER, MandateState, pay_until
from orders.record import Happening, note
from orders.rules import OrderState


class MandateRow(NamedTuple):
    """A mandate whose order is locked."""

    id: str
    order_id: str
    state: MandateState
    provider_id: str | None
    customer: str | None
    method: str | None
    client_secret: str | None
    decline_code: str | None
    deadline: datetime | None
    created_at: datetime
    seen_at: datetime | None


_COLUMNS = ", ".join(MandateRow._fields)
_ORDER_OF = text("SELECT order_id FROM mandates WHERE id = :id")
# The columns are this module's own; no value is in the text.
_ONE = text(f"SELECT {_COLUMNS} FROM mandates WHERE id = :id")  # noqa: S608 - see above
_WRITE = text("""
    UPDATE mandates SET state = :state, provider_id = :provider_id, customer = :customer, method = :method,
           client_secret = :client_secret, decline_code = :decline_code, deadline = :deadline,
           seen_at = greatest(seen_at, :asked_at)
     WHERE id = :id
""")


async def lock_mandate(tx: Session, mandate_id: str) -> tuple[OrderHead, MandateRow]:
    """A mandate and its order, which nobody else moves until the transaction ends. Raises NotFound."""
    order_id = (await tx.execute(_ORDER_OF, {"id": mandate_id})).scalar_one_or_none()
    if order_id is None:
        raise NotFound("mandate", mandate_id)
    order = await lock_order(tx, order_id)
    row = MandateRow._make((await tx.execute(_ONE, {"id": mandate_id})).one())
    return order, row._replace(state=MandateState(row.state))


async def catch_up_mandate(tx: Session, mandate_id: str, seen: SeenMandate, asked_at: datetime, now: datetime) -> None:
    """Take over what the provider said of a mandate when it was asked at `asked_at`. Raises NotFound."""
    order, mandate = await lock_mandate(tx, mandate_id)
    if _is_idle_twin(mandate, seen):
        return
    moves = seen.state in MANDATE_MOVES[mandate.state]
    if not moves and mandate.state is not seen.state:
        return
    news = moves or seen.decline_code != mandate.decline_code
    # What is only heard of when the time is over gives no more of it.
    longer = news and (mandate.deadline is None or now < mandate.deadline)
    waits = seen.state in {MandateState.WAITING, MandateState.ACTION}
    opened = mandate.state is MandateState.INTENDED
    until = pay_until(mandate.deadline, mandate.created_at, order.placed_at, now, opened=opened)
    deadline = (until if longer else mandate.deadline) if waits else None
    facts = {
        "id": mandate.id,
        "state": str(seen.state),
        "provider_id": seen.provider_id,
        "customer": seen.customer or mandate.customer,
        "method": seen.method or mandate.method,
        "client_secret": seen.client_secret or mandate.client_secret,
        "decline_code": seen.decline_code,
        "deadline": deadline,
        "asked_at": asked_at,
    }
    await tx.execute(_WRITE, facts)
    if deadline is not None and longer:
        await keep_hold(tx, order.id, deadline + RELEASE_AFTER)
    if moves and seen.state is MandateState.ACTIVE and order.state is OrderState.PLACED:
        await keep_hold(tx, order.id, kept_until(order, now))
        await note(tx, [Happening(order.id, "mandate_given", PROVIDER, {"mandate": mandate.id})], now)
        await tell(tx, MandateGiven(order.id, mandate.id), now)


def _is_idle_twin(mandate: MandateRow, seen: SeenMandate) -> bool:
    """Whether it was asked for a second time, when nobody knew of the first, and is not the one the buyer was shown."""
    other = mandate.provider_id is not None and seen.provider_id != mandate.provider_id
    return other and seen.state is not MandateState.ACTIVE
