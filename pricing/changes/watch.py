"""Watch: price changes as whoever sits at a terminal sees them."""

from collections.abc import Sequence
from datetime import datetime

from commerce.kernel.db import ReadSession
from pricing.changes import queries
from pricing.changes.queries import Wanted
from pricing.changes.schemas import PriceChangeDetailView, PriceChangeView

__all__ = ["Wanted", "change_now", "newest_changes", "one_change"]


async def newest_changes(tx: ReadSession, wanted: Wanted, most: int, now: datetime) -> Sequence[PriceChangeView]:
    """The newest changes of a kind; one more than `most` if there is more."""
    return await queries.change_page(tx, wanted, None, most, now)


async def one_change(tx: ReadSession, change_id: str, now: datetime) -> PriceChangeDetailView:
    """A change with all of its prices and its diary. Raises NotFound."""
    return await queries.change_detail(tx, change_id, now)


async def change_now(tx: ReadSession, change_id: str, now: datetime) -> PriceChangeView:
    """A change as it is now. Raises NotFound."""
    return await queries.change_view(tx, change_id, now)
