"""Give back: uses of orders that did not last, once only and as the promotion says; and the uses of two who are one.

In two steps, by the law of locking (`claim.py`): a promotion's own counters before any goods are locked, a person's
after them, as whoever places an order takes them.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.rows import arrays, as_columns
from pricing.promotions.rules import Why

_GIVE_BACK = text("""
    UPDATE promotion_uses u SET given_back_at = :now, given_back_for = :why
      FROM promotions p
     WHERE u.order_id = ANY (CAST(:orders AS text[])) AND u.given_back_at IS NULL AND p.id = u.promotion_id
       AND (CAST(:only AS text[]) IS NULL OR p.id = ANY (CAST(:only AS text[])))
       AND CASE CAST(:why AS text) WHEN 'cancelled' THEN p.on_cancel ELSE p.on_return END = 'give_back'
 RETURNING u.promotion_id, coalesce(u.code, ''), coalesce(u.customer_id, '')
""")
_OF = {"promotion_id": "text", "key": "text", "by": "int"}
# Whoever lowers several locks them in the order in which claims do.
_LOWER_TOTALS = text(f"""
    WITH held AS (SELECT c.promotion_id, r.by FROM promotion_counters c JOIN {arrays(_OF)} USING (promotion_id)
                   ORDER BY c.promotion_id FOR UPDATE OF c)
    UPDATE promotion_counters c SET uses = c.uses - held.by FROM held WHERE c.promotion_id = held.promotion_id
""")  # noqa: S608 - made of this module's constants
_LOWER_CODES = text(f"""
    WITH held AS (SELECT c.promotion_id, c.code, r.by FROM promotion_codes c
                    JOIN {arrays(_OF)} ON r.promotion_id = c.promotion_id AND r.key = c.code
                   WHERE c.most IS NOT NULL ORDER BY c.promotion_id, c.code FOR UPDATE OF c)
    UPDATE promotion_codes c SET uses = c.uses - held.by FROM held
     WHERE c.promotion_id = held.promotion_id AND c.code = held.code
""")  # noqa: S608 - as above
_LOWER_PERSONS = text(f"""
    WITH held AS (SELECT c.promotion_id, c.customer_id, r.by FROM promotion_person_counters c
                    JOIN {arrays(_OF)} ON r.promotion_id = c.promotion_id AND r.key = c.customer_id
                   ORDER BY c.promotion_id, c.customer_id FOR UPDATE OF c)
    UPDATE promotion_person_counters c SET uses = c.uses - held.by FROM held
     WHERE c.promotion_id = held.promotion_id AND c.customer_id = held.customer_id
""")  # noqa: S608 - as above
_MOVE_USES = text("UPDATE promotion_uses SET customer_id = :survivor WHERE customer_id = :merged")
_HELD = text("""
    SELECT 1 FROM promotion_person_counters WHERE customer_id IN (:merged, :survivor)
     ORDER BY promotion_id, customer_id FOR UPDATE
""")
_ADD_UP = text("""
    INSERT INTO promotion_person_counters AS c (promotion_id, customer_id, uses, most, merged)
    SELECT promotion_id, :survivor, uses, most, merged FROM promotion_person_counters WHERE customer_id = :merged
     ORDER BY promotion_id
        ON CONFLICT (promotion_id, customer_id) DO UPDATE
       SET uses = c.uses + excluded.uses, merged = true
""")
_FORGET = text("DELETE FROM promotion_person_counters WHERE customer_id = :merged")


class GivenBack(NamedTuple):
    """A use that others may have; whose it was, if somebody's."""

    promotion_id: str
    customer_id: str


async def give_back_uses(
    tx: Session, orders: Collection[str], why: Why, now: datetime, *, only: Collection[str] | None = None
) -> list[GivenBack]:
    """Let others have the uses of these orders, as far as the promotions say so; those that were given back.

    Each is given back once, however often this is called. `only` names promotions, where others of the order stay: of
    a return those all of whose units have come back. Call it before goods are locked, and `give_back_to_persons` with
    the answer after them.
    """
    facts = {"orders": list(orders), "why": str(why), "now": now, "only": None if only is None else list(only)}
    given = [(row[0], row[1], row[2]) for row in await tx.execute(_GIVE_BACK, facts)]
    if given:
        await tx.execute(_LOWER_TOTALS, _by((promotion, "") for promotion, _, _ in given))
        await tx.execute(_LOWER_CODES, _by((promotion, code) for promotion, code, _ in given))
    return [GivenBack(promotion, who) for promotion, _, who in given]


async def give_back_to_persons(tx: Session, given: Collection[GivenBack]) -> None:
    """Let the buyers themselves have these uses again; after goods, where any are locked."""
    if given:
        await tx.execute(_LOWER_PERSONS, _by(given))


async def merge_person_counters(tx: Session, merged: str, survivor: str) -> None:
    """Two customers are one person: their uses add up. Called by whoever merges customers, in that transaction.

    One who had more together than one person may has them all the same, and gets no more until fewer are left of them
    than one person may have.
    """
    people = {"merged": merged, "survivor": survivor}
    await tx.execute(_MOVE_USES, people)  # Uses before counters, as giving back has them.
    await tx.execute(_HELD, people)
    await tx.execute(_ADD_UP, people)
    await tx.execute(_FORGET, {"merged": merged})


def _by(keys: Iterable[tuple[str, str]]) -> dict[str, object]:
    counted: dict[tuple[str, str], int] = {}
    for key in keys:
        counted[key] = counted.get(key, 0) + 1
    return as_columns(_OF, [(*key, n) for key, n in sorted(counted.items())])
