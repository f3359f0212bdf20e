"""Retire a product: its variants are shown and sold no more, and stay readable for ever."""

from datetime import datetime

from catalog.events import ProductRetired
from catalog.queries import product_by_code
from catalog.rules import VariantStatus
from catalog.schemas import ProductView, SkusBody
from catalog.statuses import move_variants
from commerce.kernel.db import Session
from commerce.kernel.outbox import tell


async def retire_product(tx: Session, code: str, wanted: SkusBody, now: datetime) -> ProductView:
    """Retire the named variants, or all that are not retired yet, and tell.

    Raises NotFound, NotInProduct, MoveNotAllowed for a named variant that is retired already, NothingToMove.
    """
    either = frozenset({VariantStatus.DRAFT, VariantStatus.ACTIVE})
    moved = await move_variants(tx, code, wanted.skus, VariantStatus.RETIRED, now, unasked=either)
    await tell(tx, ProductRetired(code, moved), now)
    return await product_by_code(tx, code)
