"""The one place where variants' statuses move."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select, update

from catalog.errors import NothingToMove, NotInProduct
from catalog.models import Product, Variant
from catalog.past import VARIANTS, keep_past
from catalog.rules import MOVES, VariantStatus
from commerce.kernel.db import Session
from commerce.kernel.refusals import NotFound, move

_MOVED = """
    SELECT sku, product, category, brand, options, CAST(:status AS text) AS status
      FROM variants WHERE sku = ANY (CAST(:skus AS text[]))
"""


async def move_variants(
    tx: Session,
    product: str,
    skus: Sequence[str] | None,
    to: VariantStatus,
    now: datetime,
    *,
    unasked: frozenset[VariantStatus],
) -> list[str]:
    """Move the named variants of a product, or those in one of the `unasked` statuses; which ones moved, by sku.

    What they were is kept for reports. The rows are locked first, so of two people who move one variant at once the
    second is told that it has moved.
    """
    rows = select(Variant.sku, Variant.status).where(Variant.product == product).order_by(Variant.sku)
    rows = rows.with_for_update(key_share=True)  # Orders refer to these rows, and do not wait for it.
    statuses = {sku: VariantStatus(status) for sku, status in await tx.execute(rows)}
    if not statuses and await tx.get(Product, product) is None:
        raise NotFound("product", product)
    moved = _named(product, skus, statuses) if skus else [sku for sku, status in statuses.items() if status in unasked]
    if not moved:
        raise NothingToMove(product, to)
    for sku in moved:
        move(f"variant {sku}", MOVES, statuses[sku], to)
    await keep_past(tx, VARIANTS, _MOVED, now, {"skus": moved, "status": str(to)})
    await tx.execute(update(Variant).where(Variant.sku.in_(moved)).values(status=to))
    return moved


def _named(product: str, skus: Sequence[str], statuses: Mapping[str, VariantStatus]) -> list[str]:
    for place, sku in enumerate(skus):
        if sku not in statuses:
            raise NotInProduct(f"skus[{place}]", product, sku)
    return sorted(set(skus))
