"""Prices in force: what things cost in a market at an instant, for many skus in one statement."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession

_IN_FORCE = text("""
    SELECT p.market, p.sku, p.amount
      FROM unnest(CAST(:markets AS text[]), CAST(:skus AS text[])) AS w (market, sku)
      JOIN recommended_prices p ON p.sku = w.sku AND p.market = w.market
       AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND p.superseded_at IS NULL
""")


async def prices_in_force(tx: ReadSession, market: str, skus: Collection[str], at: datetime) -> dict[str, int]:
    """The recommended price of each sku that is sold in this market at that instant; the others are left out."""
    found = await prices_in_force_many(tx, [(market, sku) for sku in skus], at)
    return {sku: amount for (_, sku), amount in found.items()}


async def prices_in_force_many(
    tx: ReadSession, pairs: Collection[tuple[str, str]], at: datetime
) -> dict[tuple[str, str], int]:
    """The recommended price of each (market, sku) at that instant, in one statement; gaps mean "not sold"."""
    facts = {"markets": [market for market, _ in pairs], "skus": [sku for _, sku in pairs], "at": at}
    return {(row[0], row[1]): row[2] for row in await tx.execute(_IN_FORCE, facts)}


class ChannelPrice(NamedTuple):
    """What a channel charges: its own price, or else the recommended one."""

    amount: int
    currency: str


_IN_CHANNEL = text("""
    SELECT p.sku, coalesce(o.amount, p.amount), m.currency FROM channels c JOIN markets m ON m.code = c.market
      JOIN recommended_prices p ON p.market = m.code
      LEFT JOIN channel_prices o ON o.sku = p.sku AND o.channel = c.code AND o.superseded_at IS NULL
       AND o.valid_from <= :at AND (o.valid_to IS NULL OR o.valid_to > :at)
     WHERE c.code = :channel AND p.sku = ANY (CAST(:skus AS text[]))
       AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND p.superseded_at IS NULL
""")


async def prices_in_channel(
    tx: ReadSession, channel: str, skus: Collection[str], at: datetime
) -> dict[str, ChannelPrice]:
    """What each sku costs in a channel at that instant, in one statement; what is not sold is left out."""
    rows = await tx.execute(_IN_CHANNEL, {"channel": channel, "skus": sorted(set(skus)), "at": at})
    return {sku: ChannelPrice(amount, currency) for sku, amount, currency in rows}
