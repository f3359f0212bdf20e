"""On offer: in which channels variants could be bought during some days, and since when, as their listings said."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from catalog.said import SAID
from commerce.kernel.db import ReadSession


class Days(NamedTuple):
    """Some days of a channel: the instant at which they begin, and the one before which they end."""

    channel: str
    begin: datetime
    before: datetime


class Offer(NamedTuple):
    """A variant that could be bought in a channel at some time of those days."""

    sku: str
    channel: str
    older: bool
    """It could be bought there before those days began, or with the first of them."""


# What is active is active since its last other status; where a past does not say, it was as it is after.
_OFFERED = text(f"""
    WITH days AS (
        SELECT w.channel, w.begin,
               least(w.before, CAST(:believed_at AS timestamptz) + interval '1 microsecond') AS before
          FROM unnest(CAST(:channels AS text[]), CAST(:begins AS timestamptz[]), CAST(:befores AS timestamptz[]))
               AS w (channel, begin, before)),
    offers AS (
        SELECT l.sku, l.channel, d.begin, greatest(l.said_from, l.visible_from, l.certified_from, a.since) AS since,
               least(l.said_to, l.visible_to, d.before) AS before
          FROM ({SAID}) AS l
          JOIN days d ON d.channel = l.channel
          LEFT JOIN (SELECT sku, max(until) AS since FROM variant_pasts
                      WHERE status <> 'active' AND until <= :at GROUP BY sku) AS a ON a.sku = l.sku
         WHERE l.certified_from IS NOT NULL)
    SELECT sku, channel, bool_or(since <= begin) FROM offers WHERE since < before
     GROUP BY sku, channel HAVING bool_or(before > begin)
""")  # noqa: S608 - made of constants; what a caller gave is bound


async def on_offer(tx: ReadSession, days: Sequence[Days], at: datetime, believed_at: datetime) -> list[Offer]:
    """Every active variant that was visible and certified in a channel at some time of its days.

    `at` is the instant at which it is known to be active. What was recorded after `believed_at` is left out.
    """
    facts = {
        "channels": [one.channel for one in days],
        "begins": [one.begin for one in days],
        "befores": [one.before for one in days],
        "at": at,
        "believed_at": believed_at,
    }
    return [Offer(*row) for row in await tx.execute(_OFFERED, facts)]
