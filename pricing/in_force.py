"""In force: the prices and tax rates that a group of baskets needs, in one statement."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession


class InForce(NamedTuple):
    """Prices by (market, sku) and rates in basis points by (market, tax class); what is not in force is left out."""

    prices: dict[tuple[str, str], int]
    rates: dict[tuple[str, str], int]


_IN_FORCE = text("""
    SELECT true, p.market, p.sku, p.amount
      FROM unnest(CAST(:markets AS text[]), CAST(:skus AS text[])) AS w (market, sku)
      JOIN recommended_prices p ON p.sku = w.sku AND p.market = w.market
       AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND p.superseded_at IS NULL
     UNION ALL
    SELECT false, t.market, t.tax_class, t.rate_bp FROM tax_rates t
     WHERE t.market = ANY (CAST(:markets AS text[]))
       AND t.valid_from <= :at AND (t.valid_to IS NULL OR t.valid_to > :at)
""")


async def in_force(tx: ReadSession, pairs: Collection[tuple[str, str]], at: datetime) -> InForce:
    """What is in force at that instant for these (market, sku): a round trip saved for every group on a launch day."""
    facts = {"markets": [market for market, _ in pairs], "skus": [sku for _, sku in pairs], "at": at}
    found = InForce({}, {})
    for is_price, market, what, value in await tx.execute(_IN_FORCE, facts):
        (found.prices if is_price else found.rates)[market, what] = value
    return found
