"""Find or make: whom these people are, many askers at once, and nobody made twice."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.ids import new_id
from commerce.kernel.refusals import Busy
from orders.customers.identities import ASSERTED, Identity, Who, identities_of

TRIES_MAX = 4
"""Losing a race for an identity means that it is there at the next look, unless it is merged or edited meanwhile."""

_FIND = text("""
    SELECT i.kind, i.value, c.id, c.merged_into
      FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS w (kind, value)
      JOIN customer_identities i ON i.kind = w.kind AND i.value = w.value
      JOIN customers c ON c.id = i.customer_id
     ORDER BY c.id FOR KEY SHARE OF c
""")
# All identities of a group in one ordered pass (the law of locking, inventory/locking.py). Whose first one is lost
# should not have been made; but that is known only at the end of the pass, so it is unmade then.
_CLAIM = text("""
    WITH made AS (
        INSERT INTO customers (id, code, email, phone, country, created_at)
        SELECT id, id, email, phone, country, :now
          FROM unnest(CAST(:made AS text[]), CAST(:emails AS text[]), CAST(:phones AS text[]),
                      CAST(:countries AS text[])) AS m (id, email, phone, country)
    )
    INSERT INTO customer_identities (kind, value, customer_id)
    SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[]), CAST(:owners AS text[]))
                  AS c (kind, value, customer_id)
     ORDER BY kind, value COLLATE "C"
    ON CONFLICT DO NOTHING
 RETURNING kind, value
""")
_UNMAKE = text("""
    WITH identities AS (
        DELETE FROM customer_identities WHERE customer_id = ANY (CAST(:lost AS text[]))
    )
    DELETE FROM customers WHERE id = ANY (CAST(:lost AS text[]))
""")


class _Made(NamedTuple):
    """A customer that is not there yet, and the identity that decides whether it will be."""

    id: str
    first: Identity
    who: Who


class _Plan(NamedTuple):
    """Who is whom, decided on what was found: the new customers, and all the free identities that become somebody's."""

    ids: dict[int, str]
    decided_by: dict[int, Identity]
    made: list[_Made]
    claimed: list[tuple[Identity, str]]


async def find_or_make(tx: Session, wanted: Sequence[Who | None], now: datetime) -> list[str | None]:
    """The customer behind each of these people; whoever is unknown becomes one, whoever is not named is None.

    The strongest identity that was sent decides. An account or a loyalty id was asserted by somebody signed in: it
    finds its own customer or makes a new one, never another's by e-mail or phone, which anybody can type. Those two
    only find, where nothing stronger was sent. Identities that are still free become the customer's when they are
    newly made, or found by an account or a loyalty id; one that finds somebody else stays as it is, since only a
    person may say that two are one (decision 0019).

    Two statements at the most, one when everybody is known, none when nobody is named; a lost race for a new
    identity costs one more and looks again. The people found stay locked against merging until the transaction ends.

    Raises InvalidInput for an identity that cannot be one (ask `must_make_sense` first), Busy after too many races.
    """
    found: dict[int, str] = {}
    named = {n: who for n, who in enumerate(wanted) if who is not None and identities_of(who)}
    for _ in range(TRIES_MAX):
        people = {n: who for n, who in named.items() if n not in found}
        if not people:
            break
        owners = await _find(tx, people.values())
        if owners is not None:
            plan = _plan(people, dict(owners), now)
            standing = owners.keys() | await _claim(tx, plan, now)
            found |= {n: customer for n, customer in plan.ids.items() if plan.decided_by[n] in standing}
    if len(found) < len(named):
        raise Busy
    return [found.get(n) for n in range(len(wanted))]


async def _find(tx: Session, people: Iterable[Who]) -> dict[Identity, str] | None:
    """Whom these identities find; None if one of those found was merged while we waited for its lock: look again."""
    asked = sorted({identity for who in people for identity in identities_of(who)})
    rows = (await tx.execute(_FIND, {"kinds": [i.kind for i in asked], "values": [i.value for i in asked]})).all()
    if any(merged_into for _, _, _, merged_into in rows):
        return None
    return {Identity(kind, value): customer for kind, value, customer, _ in rows}


def _plan(people: Mapping[int, Who], owners: dict[Identity, str], now: datetime) -> _Plan:
    """Take one person after the other, as if they had come alone, so that a new identity is one customer's only."""
    plan = _Plan({}, {}, [], [])
    for n, who in people.items():
        identities = identities_of(who)
        asserted = identities[0].kind in ASSERTED
        finding = identities[:1] if asserted else identities
        decisive = next((identity for identity in finding if identity in owners), None)
        free = [identity for identity in identities if identity not in owners]
        if decisive is None:
            decisive = free[0]
            customer = new_id("cus", now)
            plan.made.append(_Made(customer, decisive, who))
        else:
            customer = owners[decisive]
            free = free if asserted else []
        plan.ids[n], plan.decided_by[n] = customer, decisive
        plan.claimed.extend((identity, customer) for identity in free)
        owners.update(dict.fromkeys(free, customer))
    return plan


async def _claim(tx: Session, plan: _Plan, now: datetime) -> set[Identity]:
    """Write what the plan says, and tell which identities are now as planned: where somebody else was quicker, none.

    A new customer whose first identity was lost is unmade, and has none of the others either.
    """
    if not plan.made and not plan.claimed:
        return set()
    facts = {
        "made": [made.id for made in plan.made],
        "emails": [made.who.email for made in plan.made],
        "phones": [made.who.phone for made in plan.made],
        "countries": [made.who.country for made in plan.made],
        "kinds": [identity.kind for identity, _ in plan.claimed],
        "values": [identity.value for identity, _ in plan.claimed],
        "owners": [customer for _, customer in plan.claimed],
        "now": now,
    }
    claimed = {Identity(*row) for row in await tx.execute(_CLAIM, facts)}
    lost = {made.id for made in plan.made if made.first not in claimed}
    if lost:
        await tx.execute(_UNMAKE, {"lost": sorted(lost)})
    return {identity for identity, customer in plan.claimed if identity in claimed and customer not in lost}
