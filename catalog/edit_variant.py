"""Edit a variant: all but its sku, its product and its status."""

from datetime import datetime

from msgspec import UNSET
from sqlalchemy.exc import IntegrityError

from catalog.gtins import UNIQUE
from catalog.models import Category, Variant
from catalog.past import VARIANTS, past_kept
from catalog.queries import variant_by_sku
from catalog.rules import check_gtin
from catalog.schemas import VariantPatch, VariantView
from catalog.writes import change, fields_of, must_know
from commerce.kernel.db import Session
from commerce.kernel.refusals import AlreadyExists


async def edit_variant(tx: Session, sku: str, wanted: VariantPatch, now: datetime) -> VariantView:
    """Change what may change; orders keep what they were told, and reports what it was until now.

    Raises InvalidGtin, UnknownReference, NotFound, and AlreadyExists for a GTIN that another variant has.
    """
    if wanted.gtin is not UNSET:
        check_gtin("gtin", wanted.gtin)
    if wanted.category is not UNSET:
        await must_know(tx, Category.code, {"category": wanted.category})
    try:
        async with past_kept(tx, VARIANTS, sku, now):
            await change(tx, Variant.sku, sku, fields_of(wanted))
    except IntegrityError as error:
        if UNIQUE not in str(error.orig):
            raise
        raise AlreadyExists("gtin", str(wanted.gtin)) from error
    return await variant_by_sku(tx, sku)
