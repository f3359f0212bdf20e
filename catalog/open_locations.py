"""Which locations are open on a day, for whoever must find goods in them."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession


class OpenLocation(NamedTuple):
    """A warehouse or store that is open today, by its market's calendar."""

    code: str
    kind: str
    market: str


_OPEN = text("""
    SELECT l.code, l.kind, l.market FROM locations l JOIN markets m ON m.code = l.market
     WHERE l.market = ANY(CAST(:markets AS text[]))
       AND (l.opened_on IS NULL OR l.opened_on <= (CAST(:now AS timestamptz) AT TIME ZONE m.time_zone)::date)
       AND (l.closed_on IS NULL OR l.closed_on >= (CAST(:now AS timestamptz) AT TIME ZONE m.time_zone)::date)
     ORDER BY l.code
""")


async def open_locations(
    tx: ReadSession, markets: Collection[str], now: datetime
) -> dict[str, dict[str, OpenLocation]]:
    """The locations of these markets that are open now, by market and code. The last day open counts as open."""
    found: dict[str, dict[str, OpenLocation]] = {market: {} for market in markets}
    for row in await tx.execute(_OPEN, {"markets": sorted(markets), "now": now}):
        location = OpenLocation(*row)
        found[location.market][location.code] = location
    return found
