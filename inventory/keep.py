"""Keep holds: what is held for somebody stays held for longer, or until it leaves."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session
from commerce.kernel.rows import arrays

_WANTED = {"reference": "text", "until": "timestamptz"}
# The columns are this module's own; no value is in the text.
_KEEP = text(f"""
    WITH held AS (
        SELECT h.id, r.until FROM holds h JOIN {arrays(_WANTED)} ON r.reference = h.reference
         WHERE h.ended_at IS NULL ORDER BY h.id FOR UPDATE OF h
    )
    UPDATE holds h SET expires_at = held.until FROM held WHERE h.id = held.id
 RETURNING h.reference
""")  # noqa: S608 - see above


async def keep_holds(tx: Session, wanted: Mapping[str, datetime | None]) -> set[str]:
    """Keep what is held for each reference until then (None: until it leaves); the references for which anything is.

    Holds are rows before pools in the law of locking; pools are not touched.
    """
    if not wanted:
        return set()
    facts = {"reference": list(wanted), "until": list(wanted.values())}
    return set((await tx.execute(_KEEP, facts)).scalars())


async def keep_hold(tx: Session, reference: str, until: datetime | None) -> bool:
    """Keep everything that is held for a reference, as above; False if nothing is held."""
    return bool(await keep_holds(tx, {reference: until}))
