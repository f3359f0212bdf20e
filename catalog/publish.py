"""Publish a product: its drafts become active, and are shown wherever and whenever they are listed."""

from datetime import datetime

from catalog.events import ProductPublished
from catalog.queries import product_by_code
from catalog.rules import VariantStatus
from catalog.schemas import ProductView, SkusBody
from catalog.statuses import move_variants
from commerce.kernel.db import Session
from commerce.kernel.outbox import tell


async def publish_product(tx: Session, code: str, wanted: SkusBody, now: datetime) -> ProductView:
    """Make the named variants active, or every draft, and tell. What was retired comes back only if it is named.

    Raises NotFound, NotInProduct, MoveNotAllowed for a named variant that is active already, NothingToMove.
    """
    moved = await move_variants(
        tx, code, wanted.skus, VariantStatus.ACTIVE, now, unasked=frozenset({VariantStatus.DRAFT})
    )
    await tell(tx, ProductPublished(code, moved), now)
    return await product_by_code(tx, code)
