"""Edit a product: its title, its story and its warranty."""

from catalog.models import Product
from catalog.queries import product_by_code
from catalog.schemas import ProductPatch, ProductView
from catalog.writes import change, fields_of
from commerce.kernel.db import Session


async def edit_product(tx: Session, code: str, wanted: ProductPatch) -> ProductView:
    """Change what all variants have in common. Raises NotFound."""
    await change(tx, Product.code, code, fields_of(wanted))
    return await product_by_code(tx, code)
