"""Store recommended prices: what the folder says otherwise is believed from now on; what was believed stays written."""

from datetime import datetime, timedelta

from commerce.exchange.progress import FileImported
from commerce.exchange.wire import Wire, rows_of
from commerce.kernel.db import Session
from pricing.locking import lock_market

_MARKETS = "SELECT DISTINCT market FROM given_recommended_prices ORDER BY market"
_LAST = """
    SELECT greatest(max(p.recorded_at), max(p.superseded_at)) FROM recommended_prices p
     WHERE (p.sku, p.market) IN (SELECT sku, market FROM given_recommended_prices)
"""
_GIVEN = """
    SELECT g.sku, g.market, g.valid_from, g.valid_to, CAST(g.amount * m.per_major AS bigint) AS amount
      FROM given_recommended_prices g JOIN known_markets m ON m.code = g.market
"""
_SAME = "p.sku = s.sku AND p.market = s.market AND p.valid_from = s.valid_from AND p.superseded_at IS NULL"
# What ends earlier makes room first. All names are this module's own, and the instant is a clock's.
_SUPERSEDE = f"""
    UPDATE recommended_prices p SET superseded_at = CAST('{{at}}' AS timestamptz) FROM ({_GIVEN}) AS s
     WHERE {_SAME} AND (p.valid_to, p.amount) IS DISTINCT FROM (s.valid_to, s.amount)
"""  # noqa: S608 - see above
_STORE = f"""
    INSERT INTO recommended_prices (sku, market, valid_from, valid_to, amount, recorded_at)
    SELECT s.sku, s.market, s.valid_from, s.valid_to, s.amount, CAST('{{at}}' AS timestamptz) FROM ({_GIVEN}) AS s
     WHERE NOT EXISTS (SELECT FROM recommended_prices p WHERE {_SAME})
"""  # noqa: S608 - as above


async def store_prices(tx: Session, wire: Wire, rows: int, now: datetime) -> FileImported:
    """Bring recommended prices up to date with `rows` rows, each of which begins at an instant of its own.

    Nothing that was believed is changed: a price that the folder gives another end or amount is superseded, and said
    anew as of now. A folder may speak of the past, as the shop itself may not.
    """
    for (market,) in await wire.fetch(_MARKETS):
        await lock_market(tx, market)
    last: datetime | None = await wire.fetchval(_LAST)
    at = (now if last is None else max(now, last + timedelta(microseconds=1))).isoformat()
    changed = rows_of(await wire.execute(_SUPERSEDE.format(at=at)))
    stored = rows_of(await wire.execute(_STORE.format(at=at)))
    return FileImported(rows=rows, new=stored - changed, changed=changed, unchanged=rows - stored)
