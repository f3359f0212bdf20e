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
_SHORT = text("""
    SELECT c.promotion_id, CAST(NULL AS text) AS customer_id FROM promotion_counters c
     WHERE c.promotion_id = ANY (CAST(:promotions AS text[])) AND c.uses >= c.most
     UNION ALL
    SELECT p.promotion_id, p.customer_id FROM promotion_person_counters p
     WHERE p.promotion_id = ANY (CAST(:promotions AS text[])) AND p.customer_id = ANY (CAST(:customers AS text[]))
       AND p.uses >= p.most
     UNION ALL
    SELECT p.id, '' FROM promotions p
     WHERE p.id = ANY (CAST(:promotions AS text[])) AND p.limit_per_person IS NOT NULL
""")


class Unlocked(NamedTuple):
    """What a unique code opens."""

    promotion_id: str
    uses_left: int


class Gone(NamedTuple):
    """Promotions whose uses are gone: for everybody, for some persons, and for whoever is nobody in particular."""

    everybody: frozenset[str]
    persons: Mapping[str, frozenset[str]]
    strangers: frozenset[str]

    def for_customer(self, customer_id: str | None) -> frozenset[str]:
        """Those that are gone for this customer, or for a buyer whom nobody knows (None)."""
        own = self.strangers if customer_id is None else self.persons.get(customer_id, frozenset())
        return self.everybody | own


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

    What is limited per person is gone for whoever is nobody in particular. It is only looked at: `claim_uses` decides.
    """
    if not promotions:
        return Gone(frozenset(), {}, frozenset())
    everybody, strangers = set(), set()
    persons: dict[str, set[str]] = {}
    facts = {"promotions": list(promotions), "customers": list(customers)}
    for promotion_id, customer_id in await tx.execute(_SHORT, facts):
        if customer_id is None:
            everybody.add(promotion_id)
        elif customer_id:
            persons.setdefault(customer_id, set()).add(promotion_id)
        else:
            strangers.add(promotion_id)
    gone = {customer_id: frozenset(ids) for customer_id, ids in persons.items()}
    return Gone(frozenset(everybody), gone, frozenset(strangers))
