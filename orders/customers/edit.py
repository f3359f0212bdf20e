"""Edit: new contact details, and the identities that go with them."""

from msgspec import UNSET, UnsetType
from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import NotFound
from orders.customers.errors import CustomerMerged, IdentityTaken
from orders.customers.identities import KINDS, Identity, Who, identities_of
from orders.customers.queries import owners_of, read_customer, survivor_of
from orders.customers.schemas import CustomerView, EditBody

_LOCK = text("""
    SELECT email, phone, country, merged_into FROM customers WHERE id = :id FOR NO KEY UPDATE
""")
_CONTACT = text("UPDATE customers SET email = :email, phone = :phone, country = :country WHERE id = :id")
_GIVE_UP = text("""
    DELETE FROM customer_identities i
     WHERE i.customer_id = :id AND i.kind = ANY (CAST(:gone AS text[]))
       AND NOT EXISTS (SELECT FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS w (kind, value)
                        WHERE w.kind = i.kind AND w.value = i.value)
""")
_CLAIM = text("""
    INSERT INTO customer_identities (kind, value, customer_id)
    SELECT kind, value, :id FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS w (kind, value)
     ORDER BY kind, value COLLATE "C"
    ON CONFLICT DO NOTHING
""")


async def edit(tx: Session, customer_id: str, changes: EditBody) -> CustomerView:
    """Replace what is sent, and let the identities of each kind that was sent find this customer and no longer the old.

    Raises NotFound, CustomerMerged, InvalidInput for an identity that cannot be one, and IdentityTaken for one that
    finds somebody else.
    """
    row = (await tx.execute(_LOCK, {"id": customer_id})).one_or_none()
    if row is None:
        raise NotFound("customer", customer_id)
    if row.merged_into is not None:
        raise CustomerMerged(customer_id, await survivor_of(tx, customer_id))
    who = Who(
        _sent(changes.account, None),
        _sent(changes.email, None),
        _sent(changes.phone, None),
        _sent(changes.loyalty, None),
        _sent(changes.country, row.country),
    )
    identities = identities_of(who)
    contact = {
        "email": row.email if changes.email is UNSET else who.email,
        "phone": row.phone if changes.phone is UNSET else who.phone,
        "country": who.country,
    }
    await tx.execute(_CONTACT, {"id": customer_id, **contact})
    gone = [kind for kind in KINDS if getattr(changes, kind) is not UNSET]
    await _replace(tx, customer_id, gone, identities)
    return await read_customer(tx, customer_id)


async def _replace(tx: Session, customer_id: str, gone: list[str], identities: tuple[Identity, ...]) -> None:
    facts = {
        "id": customer_id,
        "gone": gone,
        "kinds": [identity.kind for identity in identities],
        "values": [identity.value for identity in identities],
    }
    await tx.execute(_CLAIM, facts)
    await tx.execute(_GIVE_UP, facts)  # last: whoever waits for what is given up must not have what we wait for
    owners = await owners_of(tx, identities)
    for identity in identities:
        if owners.get(identity) != customer_id:
            raise IdentityTaken(identity.kind, identity.value, owners.get(identity, "somebody"))


def _sent(value: str | UnsetType | None, otherwise: str | None) -> str | None:
    return otherwise if value is UNSET else value
