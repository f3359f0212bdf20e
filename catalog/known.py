"""Known: whoever filters by a channel or a category that does not exist should hear so, not that it is empty."""

from sqlalchemy import select

from catalog.models import Category, Channel
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference


async def channel_must_be_known(tx: ReadSession, channel: str) -> None:
    """Go on only if there is such a channel. Raises UnknownReference for the field `channel`."""
    if (await tx.execute(select(Channel.code).where(Channel.code == channel))).scalar_one_or_none() is None:
        raise UnknownReference("channel", channel)


async def category_must_be_known(tx: ReadSession, category: str) -> None:
    """Go on only if there is such a category. Raises UnknownReference for the field `category`."""
    if (await tx.execute(select(Category.code).where(Category.code == category))).scalar_one_or_none() is None:
        raise UnknownReference("category", category)
