"""Unlock: which promotions the codes open that somebody shows, and what is left of each."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession

_UNLOCKED = text("""
    SELECT market, code, promotion_id, most - uses FROM promotion_codes
     WHERE NOT shared AND (market, code) IN (
           SELECT w.market, w.code FROM unnest(CAST(:markets AS text[]), CAST(:codes AS text[])) AS w (market, code))
""")
_USED = text("""
    SELECT c.promotion_id, CAST(NULL AS text) AS customer_id, c.uses FROM promotion_counters c
     WHERE c.promotion_id = ANY (CAST(:promotions AS text[])) AND c.uses >= c.most
     UNION ALL
    SELECT p.promotion_id, p.customer_id, p.uses FROM promotion_person_counters p
     WHERE p.promotion_id = ANY (CAST(:promotions AS text[])) AND p.customer_id = ANY (CAST(:customers AS text[]))
     UNION ALL
    SELECT p.id, '', p.limit_per_person FROM promotions p
     WHERE p.id = ANY (CAST(:promotions AS text[])) AND p.limit_per_person IS NOT NULL
""")


class Unlocked(NamedTuple):
    """What a unique code opens."""

    promotion_id: str
    uses_left: int


class Gone(NamedTuple):
    """Promotions whose uses are gone for everybody, and what some persons have used of those that count persons."""

    everybody: frozenset[str]
    per_person: Mapping[str, int]
    """How many uses each person has. Nobody in particular has none of their own."""
    used: Mapping[tuple[str, str], int]
    """By promotion and customer."""

    def for_customers(self, customers: Collection[str]) -> frozenset[str]:
        """Those that are gone for one person who is all of these customers: what each had, they had."""
        gone = {
            promotion
            for promotion, most in self.per_person.items()
            if sum(self.used.get((promotion, customer), 0) for customer in customers) >= most
        }
        return self.everybody | gone


async def unlocked_by(tx: ReadSession, codes: Collection[tuple[str, str]]) -> dict[tuple[str, str], Unlocked]:
    """What these unique codes open, by (market, normal code), in one statement for however many baskets.

    A code that nobody made is left out; so are shared ones, which the book knows. One that is used up has nothing left.
    """
    if not codes:
        return {}
    facts = {"markets": [market for market, _ in codes], "codes": [code for _, code in codes]}
    return {(row[0], row[1]): Unlocked(row[2], row[3]) for row in await tx.execute(_UNLOCKED, facts)}


async def used_up(tx: ReadSession, promotions: Collection[str], customers: Collection[str]) -> Gone:
    """Which of these limited promotions are gone, for all and for these customers, in one statement.

    It is only looked at: `claim_uses` decides.
    """
    if not promotions:
        return Gone(frozenset(), {}, {})
    everybody, per_person, used = set(), {}, {}
    facts = {"promotions": list(promotions), "customers": list(customers)}
    for promotion_id, customer_id, uses in await tx.execute(_USED, facts):
        if customer_id is None:
            everybody.add(promotion_id)
        elif customer_id:
            used[promotion_id, customer_id] = uses
        else:
            per_person[promotion_id] = uses
    return Gone(frozenset(everybody), per_person, used)
