"""The two series of prices in the database, and what is believed of them now."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.rules.series import Priced, priced_at


class Series(NamedTuple):
    """A table of dated amounts by sku and by what they hold for."""

    table: str
    scope: str
    """The column that names the market or the channel."""
    exception: str
    """The column that names the exception a price stands on, or what stands for it where there is none."""


RECOMMENDED = Series("recommended_prices", "market", "CAST(NULL AS text)")
CHANNEL = Series("channel_prices", "channel", "exception_id")

SERIES_AT_ONCE = 500
"""Of thousands of series so many are read at a time: unpacking their rows keeps others waiting."""

Key = tuple[str, str]
"""Of one series: a sku, and a market or a channel."""


@dataclass(slots=True)
class Histories:
    """What is believed of a sku's prices in a market, by beginning, from an instant on."""

    recommended: list[Priced] = field(default_factory=list)
    channels: dict[str, list[Priced]] = field(default_factory=dict)
    """By channel; one that has no price of its own is left out."""

    def charged(self, channel: str | None, at: datetime) -> int | None:
        """What a channel charges at an instant, before promotions: its own price, else the recommended one.

        None where nothing is recommended: there it is not sold. Without a channel, what is recommended.
        """
        base = priced_at(self.recommended, at)
        if base is None:
            return None
        own = None if channel is None else priced_at(self.channels.get(channel, ()), at)
        return (own or base).amount


# The names in these statements are this module's own.
_SINCE = {
    series: text(f"""
        SELECT p.sku, p.{series.scope}, p.valid_from, p.valid_to, p.amount, p.change_id, {series.exception}, p.id
          FROM {series.table} p
         WHERE p.sku = ANY (CAST(:skus AS text[])) AND p.{series.scope} = ANY (CAST(:scopes AS text[]))
           AND p.superseded_at IS NULL AND (p.valid_to IS NULL OR p.valid_to > :since)
         ORDER BY p.sku, p.{series.scope}, p.valid_from
    """)  # noqa: S608 - see above
    for series in (RECOMMENDED, CHANNEL)
}
_CHANNELS = text("SELECT code FROM channels WHERE market = :market ORDER BY code")


def some_at_a_time(keys: Collection[Key]) -> Iterator[list[Key]]:
    """Keys in order, in as many lists as it takes to keep nobody waiting for one."""
    ordered = sorted(keys)
    return (ordered[place : place + SERIES_AT_ONCE] for place in range(0, len(ordered), SERIES_AT_ONCE))


async def believed_since(
    tx: ReadSession, series: Series, keys: Collection[Key], since: datetime
) -> dict[Key, list[Priced]]:
    """What is believed now of these series, in force at an instant or later. Every key is there."""
    found: dict[Key, list[Priced]] = {key: [] for key in keys}
    for some in some_at_a_time(found):
        facts = {"skus": sorted({sku for sku, _ in some}), "scopes": sorted({scope for _, scope in some})}
        for sku, scope, *priced in await tx.execute(_SINCE[series], {**facts, "since": since}):
            if (sku, scope) in found:
                found[sku, scope].append(Priced._make(priced))
    return found


async def histories(tx: ReadSession, market: str, skus: Collection[str], since: datetime) -> dict[str, Histories]:
    """What is believed now of the recommended and all channel prices of these skus, in force at an instant or later.

    Every one of them is in the answer.
    """
    channels = await channels_of(tx, market)
    found = {sku: Histories() for sku in skus}
    recommended = await believed_since(tx, RECOMMENDED, [(sku, market) for sku in found], since)
    of_channels = await believed_since(tx, CHANNEL, [(sku, channel) for sku in found for channel in channels], since)
    for sku, history in found.items():
        history.recommended = recommended[sku, market]
        history.channels = dict(_priced(of_channels, sku, channels))
    return found


def _priced(found: dict[Key, list[Priced]], sku: str, channels: list[str]) -> Iterator[tuple[str, list[Priced]]]:
    return ((channel, found[sku, channel]) for channel in channels if found[sku, channel])


async def channels_of(tx: ReadSession, market: str) -> list[str]:
    """The codes of a market's channels, in order."""
    return list((await tx.execute(_CHANNELS, {"market": market})).scalars())
