"""Plans: when the buyer of each order pays, written for many orders at once."""

from collections.abc import Sequence

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from commerce.kernel.rows import Into, Rows
from orders.rules import PaymentPlan

Planned = tuple[str, PaymentPlan, int]
"""An order's id, its plan, and the deposit in minor units."""

_PLANS = Into("payment_plans", {"order_id": "text", "plan": "text", "deposit": "bigint"})
_READ = text("SELECT plan FROM payment_plans WHERE order_id = :id")


def plan_rows(planned: Sequence[Planned]) -> Rows:
    """How these orders will be paid; what is paid on collection needs no note."""
    return _PLANS.rows(one for one in planned if one[1] is not PaymentPlan.ON_COLLECTION)


async def plan_of(tx: ReadSession, order_id: str) -> PaymentPlan:
    """When the buyer of this order pays."""
    plan = (await tx.execute(_READ, {"id": order_id})).scalar_one_or_none()
    return PaymentPlan(plan) if plan else PaymentPlan.ON_COLLECTION
