"""Unpair: say no more that something goes with something."""

from sqlalchemy import delete

from catalog.models import Pairing
from commerce.kernel.db import Session, rows_changed
from commerce.kernel.refusals import NotFound


async def unpair(tx: Session, code: str) -> None:
    """Forget a pairing; what was made from it stays. Raises NotFound."""
    if not rows_changed(await tx.execute(delete(Pairing).where(Pairing.code == code))):
        raise NotFound("pairing", code)
