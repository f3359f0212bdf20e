"""Members: the variants that selectors mean, as the catalog said at an instant, in two statements."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text

from catalog.errors import SetsOverlap
from catalog.past import CATEGORIES, said_then
from catalog.selectors import Selector, SelectorKind, as_stored
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference


class Member(NamedTuple):
    """A variant of a set, and the product that it belonged to then. `sku_no` is what reports call it."""

    sku_no: int
    sku: str
    product: str


# What is not there any more was there once: only what was never in the catalog is not known.
_UNKNOWN = text("""
    SELECT w.n
      FROM unnest(CAST(:kinds AS text[]), CAST(:codes AS text[]), CAST(CAST(:texts AS text[]) AS jsonb[]),
                  CAST(CAST(:plains AS text[]) AS jsonb[])) WITH ORDINALITY AS w (kind, code, a_text, plain, n)
     WHERE NOT CASE w.kind
           WHEN 'sku' THEN EXISTS (SELECT FROM variants v WHERE v.sku = w.code)
           WHEN 'product' THEN EXISTS (SELECT FROM products p WHERE p.code = w.code)
           WHEN 'category' THEN EXISTS (SELECT FROM categories c WHERE c.code = w.code)
           WHEN 'brand' THEN EXISTS (SELECT FROM variants v WHERE v.brand = w.code)
                          OR EXISTS (SELECT FROM variant_pasts p WHERE p.brand = w.code)
           ELSE EXISTS (SELECT FROM variants v WHERE v.options @> w.a_text OR v.options @> w.plain)
             OR EXISTS (SELECT FROM variant_pasts p WHERE p.options @> w.a_text OR p.options @> w.plain)
           END
     ORDER BY w.n LIMIT 1
""")

_HOLDS = {
    SelectorKind.SKU: "{v}.sku = ANY (CAST(:sku AS text[]))",
    SelectorKind.PRODUCT: "{v}.product = ANY (CAST(:product AS text[]))",
    SelectorKind.CATEGORY: "{v}.category = ANY (ARRAY(SELECT code FROM below))",
    SelectorKind.BRAND: "{v}.brand = ANY (CAST(:brand AS text[]))",
    SelectorKind.ATTRIBUTE: "{v}.options @> ANY (CAST(CAST(:attribute AS text[]) AS jsonb[]))",
}
"""By what a variant, as it is or as it was, belongs to the set."""
_BELOW = f"""
    hung AS ({said_then(CATEGORIES)}),
    tree AS (
        SELECT code, parent FROM hung
         UNION ALL
        SELECT code, parent FROM categories c WHERE NOT EXISTS (SELECT FROM hung h WHERE h.code = c.code)),
    below AS (
        SELECT CAST(unnest(CAST(:category AS text[])) AS text) COLLATE "C" AS code
         UNION
        SELECT t.code FROM tree t JOIN below b ON t.parent = b.code)
"""  # noqa: S608 - made of constants; what a caller gave is bound
"""Categories with all that hung below them then."""


async def members(tx: ReadSession, wanted: Sequence[Selector], at: datetime) -> list[Member]:
    """The variants that any of the selectors means, by sku. At the instant of a change, the new counts already.

    Raises UnknownReference for the field of the first selector of something that the catalog never knew.
    """
    await _must_be_known(tx, wanted)
    by_kind: dict[SelectorKind, list[str]] = {}
    for one in wanted:
        texts = as_stored(one.name, one.value) if one.kind is SelectorKind.ATTRIBUTE else [one.value]
        by_kind.setdefault(one.kind, []).extend(texts)
    if not by_kind:
        return []
    facts: dict[str, Any] = {"at": at, **{str(kind): texts for kind, texts in by_kind.items()}}
    return [Member(*row) for row in await tx.execute(_statement(sorted(by_kind)), facts)]


def must_be_apart(field: str, anchor: Iterable[Member], attach: Iterable[Member]) -> None:
    """A variant cannot go with itself. Raises SetsOverlap for the field of the set that is to attach."""
    shared = {member.sku for member in anchor} & {member.sku for member in attach}
    if shared:
        raise SetsOverlap(field, min(shared), len(shared))


async def _must_be_known(tx: ReadSession, wanted: Sequence[Selector]) -> None:
    stored = [as_stored(one.name, one.value) if one.kind is SelectorKind.ATTRIBUTE else ["null"] for one in wanted]
    facts = {
        "kinds": [str(one.kind) for one in wanted],
        "codes": [one.value for one in wanted],
        "texts": [forms[0] for forms in stored],
        "plains": [forms[-1] for forms in stored],
    }
    unknown = (await tx.execute(_UNKNOWN, facts)).scalar_one_or_none()
    if unknown is not None:
        one = wanted[unknown - 1]
        raise UnknownReference(one.field, str(one))


def _statement(kinds: Sequence[SelectorKind]) -> TextClause:
    """Those that did not change since, and those that did, by the first that was said no more after the instant."""
    holds = " OR ".join(_HOLDS[kind] for kind in kinds)
    return text(f"""
        {f"WITH RECURSIVE {_BELOW}" if SelectorKind.CATEGORY in kinds else ""}
        SELECT v.no, v.sku, v.product FROM variants v
         WHERE ({holds.format(v="v")})
           AND NOT EXISTS (SELECT FROM variant_pasts p WHERE p.sku = v.sku AND p.until > :at)
         UNION ALL
        SELECT v.no, p.sku, p.product FROM variant_pasts p JOIN variants v ON v.sku = p.sku
         WHERE ({holds.format(v="p")}) AND p.until > :at
           AND NOT EXISTS (SELECT FROM variant_pasts e WHERE e.sku = p.sku AND e.until > :at AND e.until < p.until)
         ORDER BY sku
    """)  # noqa: S608 - made of this module's constants; what a caller gave is bound
