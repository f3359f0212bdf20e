"""Plans: when the buyer of each order pays, written for many orders at once."""

from collections.abc import Sequence

from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session
from orders.rules import PaymentPlan

Planned = tuple[str, PaymentPlan, int]
"""An order's id, its plan, and the deposit in minor units."""

_WRITE = text("""
    INSERT INTO payment_plans (order_id, plan, deposit)
    SELECT p.order_id, p.plan, p.deposit
      FROM unnest(CAST(:orders AS text[]), CAST(:plans AS text[]), CAST(:deposits AS bigint[]))
           AS p (order_id, plan, deposit)
""")
_READ = text("SELECT plan FROM payment_plans WHERE order_id = :id")


async def write_plans(tx: Session, planned: Sequence[Planned]) -> None:
    """Note how these orders will be paid; what is paid on collection needs no note."""
    ahead = [one for one in planned if one[1] is not PaymentPlan.ON_COLLECTION]
    if not ahead:
        return
    facts = {
        "orders": [order_id for order_id, _, _ in ahead],
        "plans": [str(plan) for _, plan, _ in ahead],
        "deposits": [deposit for _, _, deposit in ahead],
    }
    await tx.execute(_WRITE, facts)


async def plan_of(tx: ReadSession, order_id: str) -> PaymentPlan:
    """When the buyer of this order pays."""
    plan = (await tx.execute(_READ, {"id": order_id})).scalar_one_or_none()
    return PaymentPlan(plan) if plan else PaymentPlan.ON_COLLECTION
