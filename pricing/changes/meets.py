"""Meets: what a change runs into that is not a price, namely promotions and tills that are behind.

Both are read from tables that other rooms of pricing own, and nothing but their columns is known here.
"""

from datetime import datetime

from commerce.kernel.db import ReadSession
from pricing.changes.schemas import PromotionMetView, TerminalBehindView


async def promotions_met(
    tx: ReadSession, market: str, begins: datetime, ends: datetime | None
) -> list[PromotionMetView]:
    """The promotions of a market that run, or are to run, while a change holds."""
    del tx, market, begins, ends
    return []


async def terminals_behind(tx: ReadSession, market: str) -> list[TerminalBehindView]:
    """The tills of a market that do not hold its current book."""
    del tx, market
    return []
