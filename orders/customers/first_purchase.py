"""First purchase: a person has one, and it goes to one order, however many they place at once.

Whether somebody has bought before is looked at when a basket is quoted, and decided here, when the order is written:
the row of a person's first purchase is theirs alone, and whoever wants to write it too waits. It goes when its order is
cancelled, so that the next one may be the first.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.rows import arrays, as_columns

_OF = {"order_id": "text", "customer_id": "text"}
_CLAIM = text(f"""
    INSERT INTO first_purchases (order_id, customer_id)
    SELECT r.order_id, r.customer_id FROM {arrays(_OF)}
     WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = r.customer_id AND o.state <> 'cancelled'
                          AND o.id <> ALL (CAST(:written AS text[])))
     ORDER BY r.customer_id
        ON CONFLICT DO NOTHING
 RETURNING order_id
""")  # noqa: S608 - made of this module's constants
_GIVE_BACK = text("DELETE FROM first_purchases WHERE order_id = ANY (CAST(:orders AS text[]))")
_MOVE = text("""
    UPDATE first_purchases f
       SET customer_id = :survivor,
           merged = f.merged OR EXISTS (SELECT FROM first_purchases s WHERE s.customer_id = :survivor)
     WHERE f.customer_id = :merged
""")


async def claim_first_purchases(
    tx: Session, orders: Sequence[tuple[str, str | None]], wanted: Collection[str]
) -> set[str]:
    """Which of those wanted are their customer's first; nobody's is nobody's first.

    `orders` are all that this transaction wrote, in the order in which they came: of one customer's, the earliest may
    be the first. By the law of locking this is the last thing in a transaction. An order that is none was quoted on
    what is no longer so: its transaction is to be given up.
    """
    earliest: dict[str, str] = {}
    for order_id, customer in orders:
        if customer is not None:
            earliest.setdefault(customer, order_id)
    named = [(order_id, customer) for customer, order_id in earliest.items() if order_id in wanted]
    if not named:
        return set()
    facts = {**as_columns(_OF, named), "written": [order_id for order_id, _ in orders]}
    return set((await tx.execute(_CLAIM, facts)).scalars())


async def give_back_first_purchases(tx: Session, orders: Collection[str]) -> None:
    """Of orders that were cancelled, let another one be the first."""
    await tx.execute(_GIVE_BACK, {"orders": list(orders)})


async def merge_first_purchases(tx: Session, merged: str, survivor: str) -> None:
    """Two customers are one person, who may have had two. Called by whoever merges, with both locked."""
    await tx.execute(_MOVE, {"merged": merged, "survivor": survivor})
