"""Edit a category: its name, and where in the tree it hangs."""

from msgspec import UNSET
from sqlalchemy import text

from catalog.errors import CategoryCycle
from catalog.models import Category
from catalog.queries import category_by_code, parents
from catalog.rules import would_cycle
from catalog.schemas import CategoryPatch, CategoryView
from catalog.writes import change, fields_of, must_know
from commerce.kernel.db import Session

_ONE_AT_A_TIME = text("LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE")


async def edit_category(tx: Session, code: str, wanted: CategoryPatch) -> CategoryView:
    """Rename a category or move it with all below. Raises CategoryCycle, UnknownReference, NotFound.

    Two moves that are harmless alone can close a circle together, so moves go one at a time. Readers do not wait.
    """
    if wanted.parent is not UNSET and wanted.parent is not None:
        await tx.execute(_ONE_AT_A_TIME)
        await must_know(tx, Category.code, {"parent": wanted.parent})
        if would_cycle(await parents(tx), code, wanted.parent):
            raise CategoryCycle("parent", code, wanted.parent)
    await change(tx, Category.code, code, fields_of(wanted))
    return await category_by_code(tx, code)
