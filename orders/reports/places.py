"""Places: every channel with its market, and what was known there at the as-of."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from orders.reports.rules import AsOf


class Place(NamedTuple):
    """A channel; facts before `known_before` were known, and `as_of_day` is the first day that was not over."""

    channel: str
    kind: str
    market: str
    currency: str
    time_zone: str
    known_before: datetime
    as_of_day: date


# A day is over when the next one begins; of an instant, what happened in its microsecond is still known. Where a clock
# goes back over midnight a day begins twice: then PostgreSQL means the second time, and we the first.
_PLACES = text("""
    SELECT c.code, c.kind, c.market, m.currency, m.time_zone, k.known_before,
           CAST(k.known_before AT TIME ZONE m.time_zone AS date) AS as_of_day
      FROM channels c
      JOIN markets m ON m.code = c.market
     CROSS JOIN LATERAL (
        SELECT min(b.begins) AS known_before
          FROM (SELECT CAST(CAST(:day AS date) + 1 AS timestamp) AT TIME ZONE m.time_zone - n * interval '1 hour'
                  FROM generate_series(0, 1) AS n) AS b (begins)
         WHERE CAST(b.begins AT TIME ZONE m.time_zone AS date) > CAST(:day AS date)
         UNION ALL
        SELECT CAST(:instant AS timestamptz) + interval '1 microsecond') AS k
     WHERE k.known_before IS NOT NULL
     ORDER BY c.code
""")


async def places(tx: ReadSession, day: date | None, instant: datetime | None) -> list[Place]:
    """Every channel by code, as of the end of a day in each market's calendar, or of an instant."""
    return [Place(*row) for row in await tx.execute(_PLACES, {"day": day, "instant": instant})]


def as_columns_of(found: Sequence[Place], as_of: AsOf) -> Mapping[str, object]:
    """What a statement needs to know of them (`rates_sql.CHANNELS`)."""
    return {
        "channels": [place.channel for place in found],
        "kinds": [place.kind for place in found],
        "markets": [place.market for place in found],
        "zones": [place.time_zone for place in found],
        "known_before": [place.known_before for place in found],
        "as_of_days": [place.as_of_day for place in found],
        "currencies": [place.currency for place in found],
        "believed_at": as_of.believed_at,
    }
