"""Reads of customers; only their own room imports them."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import text

from commerce.kernel.db import ReadSession
from commerce.kernel.pages import Page, page_of
from commerce.kernel.refusals import NotFound
from orders.customers.identities import Identity
from orders.customers.schemas import CustomerView, MergeView

_COLUMNS = """
    SELECT c.id, c.code, c.email, c.phone, c.country, c.created_at, c.merged_into,
           coalesce((SELECT jsonb_agg(jsonb_build_object('kind', i.kind, 'value', i.value) ORDER BY i.kind, i.value)
                       FROM customer_identities i WHERE i.customer_id = c.id), '[]'::jsonb) AS identities
      FROM customers c
"""
_ONE = text(f"{_COLUMNS} WHERE c.id = :id")
_BEHIND = text(f"""
    {_COLUMNS} JOIN (
        SELECT i.customer_id, min(w.strength) AS strength
          FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) WITH ORDINALITY AS w (kind, value, strength)
          JOIN customer_identities i ON i.kind = w.kind AND i.value = w.value
         GROUP BY i.customer_id
    ) AS f ON f.customer_id = c.id
    ORDER BY f.strength
""")  # noqa: S608 - the columns are the constant above
_SURVIVOR = text("""
    WITH RECURSIVE walk (id, merged_into) AS (
        SELECT id, merged_into FROM customers WHERE id = :id
        UNION
        SELECT c.id, c.merged_into FROM walk JOIN customers c ON c.id = walk.merged_into
    )
    SELECT id FROM walk WHERE merged_into IS NULL
""")
_OWNERS = text("""
    SELECT i.kind, i.value, i.customer_id
      FROM unnest(CAST(:kinds AS text[]), CAST(:values AS text[])) AS w (kind, value)
      JOIN customer_identities i ON i.kind = w.kind AND i.value = w.value
""")
_MERGES = text("""
    SELECT id, merged, survivor, actor, reason, merged_at, moved FROM customer_merges
     WHERE (merged = :customer OR survivor = :customer) AND id < :before
     ORDER BY id DESC LIMIT :most
""")
_LAST_ID = "~"
"""Sorts after every id."""


async def read_customer(tx: ReadSession, customer_id: str) -> CustomerView:
    """A customer, merged or not. Raises NotFound."""
    row = (await tx.execute(_ONE, {"id": customer_id})).mappings().one_or_none()
    if row is None:
        raise NotFound("customer", customer_id)
    return msgspec.convert(dict(row), CustomerView)


async def customers_behind(tx: ReadSession, identities: Sequence[Identity]) -> list[CustomerView]:
    """The customers whom these identities find, each once, the one behind the strongest identity first."""
    rows = (await tx.execute(_BEHIND, _columns(identities))).mappings()
    return [msgspec.convert(dict(row), CustomerView) for row in rows]


async def owners_of(tx: ReadSession, identities: Sequence[Identity]) -> dict[Identity, str]:
    """Whom each of these identities finds; a free one is absent."""
    rows = await tx.execute(_OWNERS, _columns(identities))
    return {Identity(kind, value): customer for kind, value, customer in rows}


async def survivor_of(tx: ReadSession, customer_id: str) -> str:
    """Who this customer is now, after every merge. Raises NotFound."""
    survivor = (await tx.execute(_SURVIVOR, {"id": customer_id})).scalar_one_or_none()
    if survivor is None:
        raise NotFound("customer", customer_id)
    return str(survivor)


async def list_merges(tx: ReadSession, customer_id: str, before: str | None, limit: int) -> Page[MergeView]:
    """The merges a customer took part in, the latest first."""
    facts = {"customer": customer_id, "before": before or _LAST_ID, "most": limit + 1}
    rows = (await tx.execute(_MERGES, facts)).mappings()
    merges = [msgspec.convert(dict(row), MergeView) for row in rows]
    return page_of(merges, limit, lambda merge: merge, lambda merge: (merge.id,))


def _columns(identities: Sequence[Identity]) -> dict[str, list[str]]:
    return {"kinds": [i.kind for i in identities], "values": [i.value for i in identities]}
