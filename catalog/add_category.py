"""Add a category: a new leaf of the tree, or a new root."""

from catalog.errors import CategoryCycle
from catalog.models import Category
from catalog.queries import category_by_code
from catalog.schemas import CategoryBody, CategoryView
from catalog.writes import fields_of, insert_new, must_know
from commerce.kernel.db import Session


async def add_category(tx: Session, wanted: CategoryBody) -> CategoryView:
    """Hang a new category below one that exists, or plant a root.

    Nothing hangs below a new category, so it cannot close a circle but with itself. Raises CategoryCycle,
    UnknownReference, AlreadyExists.
    """
    if wanted.parent == wanted.code:
        raise CategoryCycle("parent", wanted.code, wanted.parent)
    if wanted.parent is not None:
        await must_know(tx, Category.code, {"parent": wanted.parent})
    await insert_new(tx, Category.code, {"code": fields_of(wanted)})
    return await category_by_code(tx, wanted.code)
