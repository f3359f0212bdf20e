"""Into the book: the one place where a price change becomes part of what web and stores evaluate."""

from datetime import datetime

from commerce.kernel.db import Session
from pricing.books.publish import publish_book


async def into_book(tx: Session, market: str, now: datetime) -> None:
    """Publish the market's book with what this transaction has written. The last thing that a transaction does."""
    await publish_book(tx, market, now)
