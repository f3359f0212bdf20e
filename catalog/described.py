"""Described: what every variant was at an instant, for reports that add up what is alike."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from catalog.past import STATUS_THEN, VARIANTS, said_then
from commerce.kernel.db import ReadSession


class Described(NamedTuple):
    """A variant as it was. `sku_no` is what reports call it."""

    sku_no: int
    sku: str
    product: str
    category: str
    options: dict[str, Any]
    status: str


_DESCRIBED = text(f"""
    SELECT v.no, v.sku, coalesce(p.product, v.product), coalesce(p.category, v.category),
           coalesce(CASE WHEN p.sku IS NULL THEN v.options ELSE p.options END, '{{}}'),
           {STATUS_THEN}
      FROM variants v
      LEFT JOIN ({said_then(VARIANTS)}) AS p ON p.sku = v.sku
     ORDER BY v.sku
""")  # noqa: S608 - made of constants; what a caller gave is bound


async def described(tx: ReadSession, at: datetime) -> list[Described]:
    """Every variant there is, by sku, as the catalog said at that instant. What it said first holds before, too."""
    return [Described(*row) for row in await tx.execute(_DESCRIBED, {"at": at})]


_UNHEARD_OF = text("""
    SELECT o.name FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS o (name, n)
     WHERE NOT EXISTS (SELECT FROM variants v WHERE v.options ? o.name)
       AND NOT EXISTS (SELECT FROM variant_pasts p WHERE p.options ? o.name)
     ORDER BY o.n LIMIT 1
""")


async def option_unheard_of(tx: ReadSession, names: Sequence[str]) -> str | None:
    """The first of these options that no variant ever had."""
    found: str | None = (await tx.execute(_UNHEARD_OF, {"names": list(names)})).scalar_one_or_none()
    return found
