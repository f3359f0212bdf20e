"""Pay: a buyer begins, and comes back. The provider is asked between transactions, never inside one."""

from sqlalchemy import text

from commerce.kernel.db import Database
from orders.moving import OrderHead
from orders.payments.begin import Begun
from orders.payments.calls import claim_calls
from orders.payments.catch_up_mandate import catch_up_mandate
from orders.payments.errors import PaymentRefused, ProviderAway
from orders.payments.looks import take_in_payment
from orders.payments.perform import Asked, Subject, ask, perform
from orders.payments.port import InDoubt, NotNow, PaymentGateway, ProviderRefused

_SUBJECT = text("""
    SELECT p.provider_id FROM payments p WHERE p.id = :id
     UNION ALL
    SELECT m.provider_id FROM mandates m WHERE m.id = :id
""")


async def open_at_provider(db: Database, gateway: PaymentGateway, order: OrderHead, begun: Begun) -> Asked | None:
    """Make the call that opens what was begun, unless that is done; the answer is the caller's to keep.

    Raises ProviderAway (then it is opened later) and PaymentRefused.
    """
    known = True
    asked = None
    if begun.call is not None:
        asked = await ask(db, gateway, begun.call, _subject(order, begun))
        known = asked.known
    elif begun.under_way is not None:
        claimed = await claim_calls(db, db.clock.now(), 1, only=begun.under_way)
        known = any([await perform(db, gateway, call) for call in claimed])
    thing_id = begun.payment_id or begun.mandate_id or ""
    if not known:
        raise ProviderAway(thing_id)
    if asked is not None and asked.refused:
        raise PaymentRefused(thing_id, "it cannot be opened")
    return asked


def _subject(order: OrderHead, begun: Begun) -> Subject:
    """What the call is about; it was written down a moment ago."""
    amount, capture, purpose = begun.wanted or (None, None, None)
    return Subject(order.id, order.order_number, None, amount, order.currency, capture, purpose, None, None)


async def come_back(db: Database, gateway: PaymentGateway, thing_id: str) -> None:
    """A buyer says they are done: look at their payment or mandate now. Raises ProviderAway."""
    async with db.read() as tx:
        provider_id = (await tx.execute(_SUBJECT, {"id": thing_id})).scalar_one_or_none()
    if provider_id is None:
        raise ProviderAway(thing_id)
    asked_at = db.clock.now()
    try:
        if thing_id.startswith("mnd_"):
            mandate = await gateway.look_at_mandate(provider_id)
            async with db.transaction() as tx:
                await catch_up_mandate(tx, thing_id, mandate, asked_at, db.clock.now())
            return
        await take_in_payment(db, gateway, await gateway.look(provider_id), asked_at)
    except (InDoubt, NotNow) as trouble:
        raise ProviderAway(thing_id) from trouble
    except ProviderRefused as no:
        raise PaymentRefused(thing_id, no.code) from no
