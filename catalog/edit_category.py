"""Edit a category: its name, and where in the tree it hangs."""

from datetime import datetime

from msgspec import UNSET
from sqlalchemy import text

from catalog.errors import CategoryCycle
from catalog.models import Category
from catalog.past import CATEGORIES, past_kept
from catalog.queries import category_by_code, parents
from catalog.rules import would_cycle
from catalog.schemas import CategoryPatch, CategoryView
from catalog.writes import change, fields_of, must_know
from commerce.kernel.db import Session

_ONE_AT_A_TIME = text("LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE")


async def edit_category(tx: Session, code: str, wanted: CategoryPatch, now: datetime) -> CategoryView:
    """Rename a category or move it with all below. Raises CategoryCycle, UnknownReference, NotFound.

    Reports go on knowing where it hung until now.
    """
    if wanted.parent is UNSET:
        await change(tx, Category.code, code, fields_of(wanted))
    else:
        await _must_stay_a_tree(tx, code, wanted.parent)
        async with past_kept(tx, CATEGORIES, code, now):
            await change(tx, Category.code, code, fields_of(wanted))
    return await category_by_code(tx, code)


async def _must_stay_a_tree(tx: Session, code: str, parent: str | None) -> None:
    """Two moves that are harmless alone can close a circle together, so moves go one at a time. Readers do not wait."""
    await tx.execute(_ONE_AT_A_TIME)
    if parent is not None:
        await must_know(tx, Category.code, {"parent": parent})
        if would_cycle(await parents(tx), code, parent):
            raise CategoryCycle("parent", code, parent)
