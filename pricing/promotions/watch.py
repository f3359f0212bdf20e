"""Watch: what whoever runs this sees of promotions from a terminal."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from commerce.kernel.db import Database, ReadSession
from pricing.promotions import queries
from pricing.promotions.schemas import CodeView, PromotionDetailView, PromotionView

PAGE = 1_000
"""Codes in one statement: others wait while they are unpacked."""


async def newest_promotions(
    tx: ReadSession, market: str | None, state: str | None, most: int, now: datetime
) -> Sequence[PromotionView]:
    """The newest promotions of a kind; one more than `most` if there is more."""
    return await queries.promotions(tx, queries.Wanted(market, state), None, most, now)


async def one_promotion(tx: ReadSession, promotion_id: str, now: datetime) -> PromotionDetailView:
    """A promotion with its shared codes and its diary. Raises NotFound."""
    return await queries.promotion_detail(tx, promotion_id, now)


async def all_codes(db: Database, promotion_id: str, batch: int | None) -> AsyncIterator[Sequence[CodeView]]:
    """Its codes, or those of one batch, some at a time: however many, they are never in memory together.

    No connection is held meanwhile, so the reader may be as slow as it likes. Raises NotFound.
    """
    after: str | None = ""
    while after is not None:
        async with db.read() as tx:
            found = await queries.codes(tx, promotion_id, batch, after, PAGE)
        yield found[:PAGE]
        after = found[PAGE - 1].code if len(found) > PAGE else None
