"""Groups: employees, students, members: whom a promotion may be for, and who put them there."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from commerce.kernel.refusals import NotFound
from orders.customers.errors import CustomerMerged
from orders.customers.queries import survivor_of
from orders.customers.schemas import GroupStepView, GroupsView

_LOCK = text("SELECT merged_into FROM customers WHERE id = :id FOR NO KEY UPDATE")
_READ = text("SELECT code FROM customer_groups WHERE customer_id = :id ORDER BY code")
_STEPS = text("SELECT code, step, actor, at FROM customer_group_steps WHERE customer_id = :id ORDER BY id")
# Each change is written into the diary by the statement that makes it.
_CHANGE = text("""
    WITH gone AS (
        DELETE FROM customer_groups WHERE customer_id = :id AND NOT code = ANY (CAST(:codes AS text[])) RETURNING code
    ), come AS (
        INSERT INTO customer_groups (customer_id, code) SELECT :id, code FROM unnest(CAST(:codes AS text[])) AS w (code)
         ORDER BY code ON CONFLICT DO NOTHING RETURNING code
    )
    INSERT INTO customer_group_steps (customer_id, code, step, actor, at)
    SELECT :id, code, step, :actor, :now
      FROM (SELECT code, 'left' AS step FROM gone UNION ALL SELECT code, 'joined' FROM come) AS changed
     ORDER BY step DESC, code
""")
_MOVE = text("""
    WITH gone AS (
        DELETE FROM customer_groups WHERE customer_id = :merged RETURNING code
    ), come AS (
        INSERT INTO customer_groups (customer_id, code) SELECT :survivor, code FROM gone
        ON CONFLICT DO NOTHING RETURNING code
    )
    INSERT INTO customer_group_steps (customer_id, code, step, actor, at)
    SELECT customer_id, code, step, :actor, :now
      FROM (SELECT CAST(:merged AS text) AS customer_id, code, 'left' AS step FROM gone
             UNION ALL SELECT :survivor, code, 'joined' FROM come) AS changed
     ORDER BY step DESC, code
""")


async def set_groups(tx: Session, customer_id: str, codes: Collection[str], actor: str, now: datetime) -> GroupsView:
    """Let a customer be in these groups and in no other, and note who said so. Raises NotFound, CustomerMerged."""
    row = (await tx.execute(_LOCK, {"id": customer_id})).one_or_none()
    if row is None:
        raise NotFound("customer", customer_id)
    if row.merged_into is not None:
        raise CustomerMerged(customer_id, await survivor_of(tx, customer_id))
    facts = {"id": customer_id, "codes": sorted(set(codes)), "actor": actor, "now": now}
    await tx.execute(_CHANGE, facts)
    return await groups_of(tx, customer_id)


async def groups_of(tx: ReadSession, customer_id: str) -> GroupsView:
    """The groups a customer is in, by code, and how that came to be; one that was merged is in none."""
    groups = [str(code) for code in (await tx.execute(_READ, {"id": customer_id})).scalars()]
    steps = [GroupStepView(*row) for row in await tx.execute(_STEPS, {"id": customer_id})]
    return GroupsView(customer_id, groups, steps)


async def move_groups(tx: Session, merged: str, survivor: str, actor: str, now: datetime) -> None:
    """Let the survivor of a merge be in the groups of both."""
    await tx.execute(_MOVE, {"merged": merged, "survivor": survivor, "actor": actor, "now": now})
