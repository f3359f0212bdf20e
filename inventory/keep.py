"""Keep holds: what is held for somebody stays held for longer, or until it leaves."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import Session, rows_changed

_KEEP = text("""
    UPDATE holds SET expires_at = :until
     WHERE id IN (SELECT id FROM holds WHERE reference = :reference AND ended_at IS NULL ORDER BY id FOR UPDATE)
""")


async def keep_hold(tx: Session, reference: str, until: datetime | None) -> bool:
    """Keep everything that is held for a reference until then (None: until it leaves); False if nothing is held.

    Holds are rows before pools in the law of locking; pools are not touched.
    """
    return rows_changed(await tx.execute(_KEEP, {"reference": reference, "until": until})) > 0
