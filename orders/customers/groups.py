"""Groups: employees, students, members: whom a promotion may be for."""

from collections.abc import Collection

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from commerce.kernel.refusals import NotFound
from orders.customers.errors import CustomerMerged
from orders.customers.queries import survivor_of
from orders.customers.schemas import GroupsView

_LOCK = text("SELECT merged_into FROM customers WHERE id = :id FOR NO KEY UPDATE")
_READ = text("SELECT code FROM customer_groups WHERE customer_id = :id ORDER BY code")
_LEAVE = text("DELETE FROM customer_groups WHERE customer_id = :id AND NOT code = ANY (CAST(:codes AS text[]))")
_JOIN = text("""
    INSERT INTO customer_groups (customer_id, code) SELECT :id, code FROM unnest(CAST(:codes AS text[])) AS w (code)
     ORDER BY code ON CONFLICT DO NOTHING
""")
_MOVE = text("""
    WITH moved AS (DELETE FROM customer_groups WHERE customer_id = :merged RETURNING code)
    INSERT INTO customer_groups (customer_id, code) SELECT :survivor, code FROM moved ON CONFLICT DO NOTHING
""")


async def set_groups(tx: Session, customer_id: str, codes: Collection[str]) -> GroupsView:
    """Let a customer be in these groups and in no other. Raises NotFound, CustomerMerged."""
    row = (await tx.execute(_LOCK, {"id": customer_id})).one_or_none()
    if row is None:
        raise NotFound("customer", customer_id)
    if row.merged_into is not None:
        raise CustomerMerged(customer_id, await survivor_of(tx, customer_id))
    facts = {"id": customer_id, "codes": sorted(set(codes))}
    await tx.execute(_LEAVE, facts)
    await tx.execute(_JOIN, facts)
    return await groups_of(tx, customer_id)


async def groups_of(tx: ReadSession, customer_id: str) -> GroupsView:
    """The groups a customer is in, by code; one that was merged is in none."""
    return GroupsView(customer_id, [str(code) for code in (await tx.execute(_READ, {"id": customer_id})).scalars()])


async def move_groups(tx: Session, merged: str, survivor: str) -> None:
    """Let the survivor of a merge be in the groups of both."""
    await tx.execute(_MOVE, {"merged": merged, "survivor": survivor})
