"""Register: a new customer, on purpose."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import InvalidInput
from orders.customers.errors import IdentityTaken
from orders.customers.identities import ASSERTED, Identity, Who, identities_of
from orders.customers.queries import owners_of, read_customer
from orders.customers.schemas import CustomerView

_REGISTER = text("""
    WITH made AS (
        INSERT INTO customers (id, code, email, phone, country, created_at)
        VALUES (:id, :id, :email, :phone, :country, :now)
    )
    INSERT INTO customer_identities (kind, value, customer_id)
    SELECT kind, value, :id FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS w (kind, value)
     ORDER BY kind, value COLLATE "C"
    ON CONFLICT DO NOTHING
 RETURNING kind, value
""")


async def register(tx: Session, who: Who, now: datetime) -> CustomerView:
    """Make a customer whom nobody was before.

    With an account or a loyalty id, an e-mail address or phone number that finds somebody already goes on finding
    them: to have typed it proves nothing, and must not keep its sender from having a customer of their own.

    Raises InvalidInput for somebody without an identity or with an impossible one, IdentityTaken where the account or
    loyalty id finds somebody already, or any identity if there is neither.
    """
    identities = identities_of(who)
    if not identities:
        raise InvalidInput("body", "Name at least one of account, loyalty, email and phone.")
    customer_id = new_id("cus", now)
    facts = {
        "id": customer_id,
        "email": who.email,
        "phone": who.phone,
        "country": who.country,
        "kinds": [identity.kind for identity in identities],
        "values": [identity.value for identity in identities],
        "now": now,
    }
    claimed = {Identity(*row) for row in await tx.execute(_REGISTER, facts)}
    deciding = [identity for identity in identities if identity.kind in ASSERTED] or identities
    lost = [identity for identity in deciding if identity not in claimed]
    if lost:
        owners = await owners_of(tx, lost)
        raise IdentityTaken(lost[0].kind, lost[0].value, owners.get(lost[0], "somebody"))
    return await read_customer(tx, customer_id)
