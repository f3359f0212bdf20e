"""Put back: what lay beneath a change's prices, wherever they are still in force or to come."""

from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.changes.overlay import Planned, differences
from pricing.rules.series import Priced
from pricing.rules.taking_back import Remembered, without
from pricing.series import CHANNEL, RECOMMENDED, Key

# The names in this statement are this module's own.
_TOUCHED = {
    series: text(f"""
        SELECT p.sku, p.{series.scope}, p.valid_from, p.valid_to, p.amount, p.change_id, {series.exception}, p.id,
               p.recorded_at, p.superseded_at, p.superseded_by
          FROM {series.table} p
         WHERE (p.sku, p.{series.scope}) IN (
                   SELECT c.sku, c.{series.scope} FROM {series.table} c WHERE c.change_id = :change
                    UNION
                   SELECT c.sku, c.{series.scope} FROM {series.table} c WHERE c.superseded_by = :change)
         ORDER BY p.sku, p.{series.scope}, p.id
    """)  # noqa: S608 - see above
    for series in (RECOMMENDED, CHANNEL)
}
_ROLLED_BACK = text("""
    SELECT id FROM price_changes WHERE market = :market AND state = 'rolled_back'
        OR id IN (SELECT counter_of FROM price_changes WHERE market = :market AND state IN ('scheduled', 'live'))
""")


async def put_back(tx: ReadSession, market: str, change_id: str, begins: datetime) -> list[Planned]:
    """The prices that put back, from an instant on, what a change has taken away, by sku and channel.

    Only where the change is still in force: what came after it stays. Where what it took away was rolled back as well,
    what lay beneath that comes up.
    """
    others = set((await tx.execute(_ROLLED_BACK, {"market": market})).scalars()) - {change_id}
    found: list[Planned] = []
    for series in (RECOMMENDED, CHANNEL):
        touched: dict[Key, list[Remembered]] = {}
        for row in await tx.execute(_TOUCHED[series], {"change": change_id}):
            touched.setdefault((row[0], row[1]), []).append(Remembered(Priced._make(row[2:8]), *row[8:]))
        for (sku, scope), rows in touched.items():
            left = without([*rows, *_as_gone(rows, others)], change_id)
            if left is None:
                continue
            now = [row.priced for row in rows if row.superseded_at is None]
            channel = None if series is RECOMMENDED else scope
            found += [
                Planned(len(found) + n, sku, channel, one.amount, one.begins, one.ends, one.exception_id)
                for n, one in enumerate(differences(now, left.prices, begins))
            ]
    ordered = sorted(found, key=lambda one: (one.sku, one.channel or "", one.begins))
    return [one._replace(place=place) for place, one in enumerate(ordered)]


def _as_gone(rows: list[Remembered], others: set[str]) -> list[Remembered]:
    """Rows which say that other changes were taken back: those that were rolled back count as gone, too."""
    named = {row.priced.change_id: row for row in rows if row.priced.change_id in others}
    return [
        Remembered(row.priced, row.recorded_at, datetime.max.replace(tzinfo=row.priced.valid_from.tzinfo), name)
        for name, row in named.items()
    ]
