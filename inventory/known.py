"""Known codes: a request may only speak of skus and locations that exist."""

from collections.abc import Mapping

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference

_UNKNOWN = text("""
    SELECT 'location', w.code FROM unnest(CAST(:locations AS text[])) AS w (code)
     WHERE NOT EXISTS (SELECT 1 FROM locations l WHERE l.code = w.code)
     UNION ALL
    SELECT 'sku', w.code FROM unnest(CAST(:skus AS text[])) AS w (code)
     WHERE NOT EXISTS (SELECT 1 FROM variants v WHERE v.sku = w.code)
""")


async def must_be_known(tx: ReadSession, locations: Mapping[str, str], skus: Mapping[str, str]) -> None:
    """Go on only if every location and sku exists; both are by the field that names them. Raises UnknownReference."""
    wanted = {"locations": list(locations.values()), "skus": list(skus.values())}
    unknown = {(kind, code) for kind, code in await tx.execute(_UNKNOWN, wanted)}
    for kind, named in (("location", locations), ("sku", skus)):
        for field, code in named.items():
            if (kind, code) in unknown:
                raise UnknownReference(field, code)
