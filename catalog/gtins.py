"""GTINs: a number on a box means one variant, so that a scanner is never in two minds (GS1 General Specifications)."""

from collections.abc import Mapping

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import AlreadyExists

UNIQUE = "uq_variants_gtin"
"""The index that has the last word."""
_TAKEN = text("""
    SELECT w.field, w.gtin
      FROM unnest(CAST(:fields AS text[]), CAST(:gtins AS text[]), CAST(:skus AS text[])) AS w (field, gtin, sku)
     WHERE EXISTS (SELECT 1 FROM variants v WHERE v.gtin = w.gtin AND v.sku <> w.sku)
     ORDER BY w.field LIMIT 1
""")


async def gtins_must_be_free(tx: Session, wanted: Mapping[str, tuple[str, str]]) -> None:
    """Each field's (gtin, sku) may only be that sku's own. Raises AlreadyExists for the first that is another's."""
    facts = {
        "fields": list(wanted),
        "gtins": [gtin for gtin, _ in wanted.values()],
        "skus": [sku for _, sku in wanted.values()],
    }
    taken = (await tx.execute(_TAKEN, facts)).one_or_none()
    if taken is not None:
        raise AlreadyExists(*taken)
