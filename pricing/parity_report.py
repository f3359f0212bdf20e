"""The parity report: wherever a channel charges something else than what is recommended, and by whose leave."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, text

from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.pages import Page, decode_cursor, page_of
from commerce.kernel.refusals import InvalidInput
from pricing.policies import parity_of
from pricing.queries import currency_of
from pricing.rules.parity import Excepted, ParityPolicy, standing_of
from pricing.schemas import DeviationView, ExceptionView

_KEY = ("sku", "channel", "begins")
# A stretch lasts as long as both prices do; what is over by then is no news.
_DEVIATIONS = text("""
    SELECT * FROM (
        SELECT p.sku, p.channel, greatest(p.valid_from, r.valid_from) AS begins,
               least(p.valid_to, r.valid_to) AS ends, r.amount AS recommended, p.amount AS own, p.change_id,
               e.id, e.reason, e.approved_by, e.expires_at
          FROM channels c
          JOIN channel_prices p ON p.channel = c.code AND p.superseded_at IS NULL
          JOIN recommended_prices r ON r.sku = p.sku AND r.market = c.market AND r.superseded_at IS NULL
           AND r.amount <> p.amount AND tstzrange(r.valid_from, r.valid_to) && tstzrange(p.valid_from, p.valid_to)
          LEFT JOIN parity_exceptions e ON e.id = p.exception_id
         WHERE c.market = :market AND (p.valid_to IS NULL OR p.valid_to > :at)
           AND (r.valid_to IS NULL OR r.valid_to > :at)) AS d
     WHERE CAST(:sku AS text) IS NULL
        OR (d.sku, d.channel, d.begins) > (:sku, :channel, CAST(:begins AS timestamptz))
     ORDER BY d.sku, d.channel, d.begins LIMIT :limit
""")


async def parity_report(
    tx: ReadSession, market: str, at: datetime, limit: int, cursor: str | None
) -> Page[DeviationView]:
    """A page of the deviations, in force at an instant or to come, as they are believed now. Raises UnknownReference.

    Those that the policy or an exception allows are in it as well: `standing` says which. Those that nothing allows
    come from a policy that was narrowed, or from prices that were imported.
    """
    after = _after(cursor)
    currency = await currency_of(tx, market)
    policy = await parity_of(tx, market)
    asked = {"market": market, "at": at, "limit": limit + 1, **after}
    rows = (await tx.execute(_DEVIATIONS, asked)).all()

    def shown(row: Row[Any]) -> DeviationView:
        return _view(row, policy, currency)

    return page_of(rows, limit, shown, lambda row: (row.sku, row.channel, row.begins.isoformat()))


def _after(cursor: str | None) -> dict[str, object]:
    """The deviation with which the last page ended. Raises InvalidInput."""
    key = decode_cursor(cursor, len(_KEY))
    if key is None:
        return dict.fromkeys(_KEY)
    try:
        begins = datetime.fromisoformat(key[2])
    except (ValueError, OverflowError):
        raise InvalidInput("cursor", "This is not a cursor of ours.") from None
    return dict(zip(_KEY, (key[0], key[1], begins.astimezone(UTC)), strict=True))


def _view(row: Row[Any], policy: ParityPolicy, currency: str) -> DeviationView:
    exception = None if row.id is None else Excepted(row.id, row.reason, row.approved_by, row.expires_at)
    return DeviationView(
        sku=row.sku,
        channel=row.channel,
        valid_from=row.begins,
        valid_to=row.ends,
        recommended=Amount(row.recommended, currency),
        channel_price=Amount(row.own, currency),
        standing=standing_of(policy, row.recommended, row.own, row.ends, exception),
        exception=ExceptionView(*exception) if exception else None,
        change_id=row.change_id,
    )
