"""Add variants to a product, as drafts."""

from collections.abc import Mapping

from catalog.models import Category, Product, Variant
from catalog.rules import VariantStatus, check_gtin
from catalog.schemas import VariantBody
from catalog.writes import fields_of, insert_new, must_know
from commerce.kernel.db import Session
from commerce.kernel.refusals import AlreadyExists, NotFound


async def add_variants(tx: Session, product: str, wanted: Mapping[str, VariantBody]) -> None:
    """Add variants to a product that exists; each comes with what precedes its fields' names in the request.

    Raises NotFound for the product, InvalidGtin, UnknownReference and AlreadyExists with the field to blame.
    """
    if await tx.get(Product, product) is None:
        raise NotFound("product", product)
    _no_sku_twice(wanted)
    for place, variant in wanted.items():
        check_gtin(f"{place}gtin", variant.gtin)
    await must_know(tx, Category.code, {f"{place}category": variant.category for place, variant in wanted.items()})
    drafts = {"product": product, "status": VariantStatus.DRAFT}
    await insert_new(tx, Variant.sku, {f"{place}sku": {**fields_of(one), **drafts} for place, one in wanted.items()})


def _no_sku_twice(wanted: Mapping[str, VariantBody]) -> None:
    seen: set[str] = set()
    for place, variant in wanted.items():
        if variant.sku in seen:
            raise AlreadyExists(f"{place}sku", variant.sku)
        seen.add(variant.sku)
