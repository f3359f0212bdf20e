"""Edit a variant: all but its sku, its product and its status."""

from msgspec import UNSET

from catalog.models import Category, Variant
from catalog.queries import variant_by_sku
from catalog.rules import check_gtin
from catalog.schemas import VariantPatch, VariantView
from catalog.writes import change, fields_of, must_know
from commerce.kernel.db import Session


async def edit_variant(tx: Session, sku: str, wanted: VariantPatch) -> VariantView:
    """Change what may change; orders keep what they were told. Raises InvalidGtin, UnknownReference, NotFound."""
    if wanted.gtin is not UNSET:
        check_gtin("gtin", wanted.gtin)
    if wanted.category is not UNSET:
        await must_know(tx, Category.code, {"category": wanted.category})
    await change(tx, Variant.sku, sku, fields_of(wanted))
    return await variant_by_sku(tx, sku)
