"""Tops: the topmost category above each, as the tree was at an instant."""

from datetime import datetime

from sqlalchemy import text

from catalog.past import CATEGORIES, said_then
from commerce.kernel.db import ReadSession

_PARENTS = text(f"""
    SELECT c.code, CASE WHEN p.code IS NULL THEN c.parent ELSE p.parent END AS parent
      FROM categories c
      LEFT JOIN ({said_then(CATEGORIES)}) AS p ON p.code = c.code
""")  # noqa: S608 - made of constants; what a caller gave is bound


async def tops(tx: ReadSession, at: datetime) -> dict[str, str]:
    """Each category with the one above it that hung below none; that is its own."""
    parents: dict[str, str | None] = {row.code: row.parent for row in await tx.execute(_PARENTS, {"at": at})}
    found: dict[str, str] = {}
    for code in parents:
        top = code
        while (parent := parents[top]) is not None:
            top = parent
        found[code] = top
    return found
