"""Claim: take uses of limited promotions for orders, in the orders' own transaction; the last one goes to one of them.

The law of locking (inventory/locking.py has all of it), for whoever takes uses or gives them back: counters are locked
first, in the order of their promotions, then codes, in the order of (promotion, code); both before pools of stock.
Persons' counters come last of all, in the order of (promotion, customer). Whoever has the lock on the last use keeps
the others waiting until its transaction ends, and they decide by what it left.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.rows import Into, arrays, as_columns, write
from pricing.promotions.errors import PromotionUsedUp
from pricing.promotions.rules import Demand, Short, decide_uses

_TOTALS = text("""
    SELECT promotion_id, most - uses FROM promotion_counters
     WHERE promotion_id = ANY (CAST(:promotions AS text[])) ORDER BY promotion_id FOR UPDATE
""")
_COUNTED = {"promotion_id": "text", "code": "text"}
_CODES = text(f"""
    SELECT c.promotion_id, c.code, c.most - c.uses FROM promotion_codes c
     WHERE (c.promotion_id, c.code) IN (SELECT r.promotion_id, r.code FROM {arrays(_COUNTED)})
     ORDER BY c.promotion_id, c.code FOR UPDATE
""")  # noqa: S608 - made of this module's constants
_UP = {"promotion_id": "text", "code": "text", "by": "int"}
_TAKE_TOTALS = text(f"""
    UPDATE promotion_counters c SET uses = c.uses + r.by FROM {arrays(_UP)} WHERE c.promotion_id = r.promotion_id
""")  # noqa: S608 - as above
_TAKE_CODES = text(f"""
    UPDATE promotion_codes c SET uses = c.uses + r.by FROM {arrays(_UP)}
     WHERE c.promotion_id = r.promotion_id AND c.code = r.code AND c.most IS NOT NULL
""")  # noqa: S608 - as above
_PERSONS = {"promotion_id": "text", "customer_id": "text", "by": "int"}
_TAKE_PERSONS = text(f"""
    INSERT INTO promotion_person_counters AS c (promotion_id, customer_id, uses, most)
    SELECT r.promotion_id, r.customer_id, r.by, p.limit_per_person
      FROM {arrays(_PERSONS)} JOIN promotions p ON p.id = r.promotion_id
     WHERE p.limit_per_person >= r.by
     ORDER BY r.promotion_id, r.customer_id
        ON CONFLICT (promotion_id, customer_id) DO UPDATE SET uses = c.uses + excluded.uses
     WHERE c.uses + excluded.uses <= excluded.most
 RETURNING promotion_id, customer_id, uses
""")  # noqa: S608 - as above
_LEFT_FOR_PERSONS = text(f"""
    SELECT r.promotion_id, r.customer_id, greatest(0, p.limit_per_person - coalesce(c.uses, 0))
      FROM {arrays(_PERSONS)} JOIN promotions p ON p.id = r.promotion_id
      LEFT JOIN promotion_person_counters c ON c.promotion_id = r.promotion_id AND c.customer_id = r.customer_id
""")  # noqa: S608 - as above
_LIMITED = text("""
    SELECT id FROM promotions WHERE id = ANY (CAST(:promotions AS text[])) AND limit_per_person IS NOT NULL
""")
_USES = Into(
    "promotion_uses",
    {
        "order_id": "text",
        "promotion_id": "text",
        "customer_id": "text",
        "code": "text",
        "used_at": "timestamptz",
        "nth": "int",
    },
)


class UseClaim(NamedTuple):
    """An order wants a use of a limited promotion, one of each at the most.

    The code where the promotion has unique ones; a shared one is not counted, and is left out.
    """

    order_id: str
    promotion_id: str
    code: str | None = None


class UsedUp(NamedTuple):
    """The use that an order did not get. Its other claims were not taken either."""

    promotion_id: str
    limit: Short

    def refusal(self) -> PromotionUsedUp:
        """The same as a refusal of the order."""
        return PromotionUsedUp(self.promotion_id, str(self.limit))


async def claim_uses(tx: Session, claims: Sequence[UseClaim]) -> list[UsedUp | None]:
    """Take uses in total and of codes, deciding in the order in which the claims come; None for each that was taken.

    An order gets all of its claims or none: where one is lost, each of them answers with that one. Call it before
    anything else is locked. Whoever turns an order down after all gives its claims back with `drop_claims`.
    """
    if not claims:
        return []
    promotions = sorted({claim.promotion_id for claim in claims})
    left = {row[0]: int(row[1]) for row in await tx.execute(_TOTALS, {"promotions": promotions})}
    wanted = sorted({(claim.promotion_id, claim.code) for claim in claims if claim.code is not None})
    codes_left: dict[tuple[str, str], int | None] = {}
    if wanted:
        found = await tx.execute(_CODES, as_columns(_COUNTED, wanted))
        codes_left = {(row[0], row[1]): row[2] for row in found}
    lost = decide_uses((Demand(*claim) for claim in claims), left, codes_left)
    await _count(tx, [claim for claim in claims if claim.order_id not in lost], 1)
    verdicts = {order_id: UsedUp(*short) for order_id, short in lost.items()}
    return [verdicts.get(claim.order_id) for claim in claims]


async def drop_claims(tx: Session, claims: Sequence[UseClaim]) -> None:
    """Put back what was claimed in this very transaction for orders that were turned down afterwards."""
    await _count(tx, claims, -1)


async def claim_for_persons(
    tx: Session, claims: Sequence[tuple[UseClaim, str | None]], now: datetime
) -> dict[str, UsedUp]:
    """Take the buyers' own uses, and write down every use; the last thing in a transaction, for its claims that won.

    Each claim comes with its customer, or None for nobody in particular, who gets nothing that is limited per person.
    Answers by their ids which orders did not get theirs, deciding in the order in which the claims come. Where there
    are any, nothing is written down, and the whole transaction is to be given up.
    """
    if not claims:
        return {}
    promotions = sorted({claim.promotion_id for claim, _ in claims})
    limited = set((await tx.execute(_LIMITED, {"promotions": promotions})).scalars())
    nth, lost = await _take_for_persons(tx, [(claim, who) for claim, who in claims if claim.promotion_id in limited])
    if lost:
        return lost
    in_order = sorted(claims, key=lambda one: one[0][:2])
    uses = [(claim.order_id, claim.promotion_id, who, claim.code, now, nth.get(claim)) for claim, who in in_order]
    await write(tx, [_USES.rows(uses)])
    return {}


async def _take_for_persons(
    tx: Session, claims: Collection[tuple[UseClaim, str | None]]
) -> tuple[dict[UseClaim, int], dict[str, UsedUp]]:
    """Which of its buyer's uses each claim is, counted from 1; and by their orders those that there were none for."""
    wanted: dict[tuple[str, str], list[UseClaim]] = {}
    lost: dict[str, UsedUp] = {}
    for claim, who in claims:
        if who is None:
            lost[claim.order_id] = UsedUp(claim.promotion_id, Short.NOBODY)
        else:
            wanted.setdefault((claim.promotion_id, who), []).append(claim)
    if not wanted:
        return {}, lost
    sent = as_columns(_PERSONS, [(*key, len(of_one)) for key, of_one in sorted(wanted.items())])
    taken = {(row[0], row[1]): int(row[2]) for row in await tx.execute(_TAKE_PERSONS, sent)}
    if len(taken) < len(wanted):
        # Counters that were not raised are locked all the same, so that what is left is left for those who came first.
        for promotion_id, customer_id, left in await tx.execute(_LEFT_FOR_PERSONS, sent):
            if (promotion_id, customer_id) not in taken:
                of_one = wanted[promotion_id, customer_id]
                late = of_one[min(left, len(of_one) - 1) :]
                lost |= {claim.order_id: UsedUp(promotion_id, Short.PERSON) for claim in late}
        return {}, lost
    nth = {claim: n for key, of_one in wanted.items() for n, claim in enumerate(of_one, taken[key] - len(of_one) + 1)}
    return nth, lost


async def _count(tx: Session, claims: Sequence[UseClaim], by: int) -> None:
    """Raise (or lower) the counters of these claims, which are locked."""
    totals: dict[str, int] = {}
    codes: dict[tuple[str, str], int] = {}
    for claim in claims:
        totals[claim.promotion_id] = totals.get(claim.promotion_id, 0) + by
        if claim.code is not None:
            key = (claim.promotion_id, claim.code)
            codes[key] = codes.get(key, 0) + by
    if totals:
        await tx.execute(_TAKE_TOTALS, as_columns(_UP, [(one, "", n) for one, n in sorted(totals.items())]))
    if codes:
        await tx.execute(_TAKE_CODES, as_columns(_UP, [(*key, n) for key, n in sorted(codes.items())]))
