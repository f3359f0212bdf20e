"""GTINs: a number on a box means one variant, so that a scanner is never in two minds (GS1 General Specifications).

Every GTIN is a number of 14 digits of which leading noughts may be left out: 4006381333931 and 04006381333931 are one.
"""

from collections.abc import Mapping

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.refusals import AlreadyExists

UNIQUE = "uq_variants_gtin"
"""How the names of the indexes begin that have the last word."""
_TAKEN = text("""
    SELECT w.field, w.gtin
      FROM unnest(CAST(:fields AS text[]), CAST(:gtins AS text[]), CAST(:skus AS text[])) AS w (field, gtin, sku)
     WHERE EXISTS (SELECT 1 FROM variants v WHERE lpad(v.gtin, 14, '0') = lpad(w.gtin, 14, '0') AND v.sku <> w.sku)
     ORDER BY w.field LIMIT 1
""")


def padded(gtin: str) -> str:
    """The GTIN in full, by which two spellings of one number are the same."""
    return gtin.zfill(14)


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
