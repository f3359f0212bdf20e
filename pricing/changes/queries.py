"""The price changes' reads."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row, text

from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import NotFound
from pricing.changes.move import WHAT
from pricing.changes.rules import Origin, PriceChangeState
from pricing.changes.schemas import (
    ExceptionView,
    ItemView,
    PriceChangeDetailView,
    PriceChangeView,
    RuleBody,
    StepView,
)


class Wanted(NamedTuple):
    """Which changes a list should show; None is any."""

    market: str | None = None
    state: str | None = None


# What has begun is live, whether or not somebody has moved it yet; the same for what is over, or was put back.
_CHANGES = """
    WITH shown AS (
        SELECT c.*, k.id AS countered_by, m.currency,
               (SELECT count(*) FROM price_change_items i WHERE i.change_id = c.id) AS items,
               CASE WHEN c.state IN ('scheduled', 'live') AND c.starts_at <= :now
                    THEN CASE WHEN k.state IN ('scheduled', 'live', 'rolled_back') AND k.starts_at <= :now
                              THEN 'rolled_back'
                              WHEN c.ends_at <= :now THEN 'ended'
                              ELSE 'live' END
                    ELSE c.state END AS state_now
          FROM price_changes c
          JOIN markets m ON m.code = c.market
          LEFT JOIN price_changes k ON k.counter_of = c.id AND k.state NOT IN ('rejected', 'withdrawn'))
    SELECT id, market, name, reason, origin, counter_of, countered_by, state_now, starts_at, ends_at, items,
           created_by, created_at, submitted_by, approved_by, currency, rule
      FROM shown
"""
# The text is this module's own; no value is in it.
_ONE = text(f"{_CHANGES} WHERE id = :id")
_PAGE = text(f"""{_CHANGES}
     WHERE (CAST(:market AS text) IS NULL OR market = :market)
       AND (CAST(:state AS text) IS NULL OR state_now = :state)
       AND (CAST(:before AS text) IS NULL OR id < :before)
     ORDER BY id DESC LIMIT :most
""")
_ITEMS = text("""
    SELECT i.sku, i.channel, i.amount, i.old_amount, i.starts_at, i.ends_at,
           coalesce(i.exception_id, e.id) AS exception_id, coalesce(i.exception_reason, e.reason) AS reason,
           coalesce(i.exception_expires_at, e.expires_at) AS expires_at
      FROM price_change_items i LEFT JOIN parity_exceptions e ON e.id = i.exception_id
     WHERE i.change_id = :id ORDER BY i.place
""")
_STEPS = text("SELECT state, actor, moved_at, note FROM price_change_steps WHERE change_id = :id ORDER BY place")


async def change_page(
    tx: ReadSession, wanted: Wanted, before: str | None, limit: int, now: datetime
) -> list[PriceChangeView]:
    """The newest changes of a kind before that one; one more than `limit` if there is more."""
    facts = {**wanted._asdict(), "before": before, "most": limit + 1, "now": now}
    return [_view(row) for row in await tx.execute(_PAGE, facts)]


async def change_view(tx: ReadSession, change_id: str, now: datetime) -> PriceChangeView:
    """A change as it is now. Raises NotFound."""
    return _view(await _row(tx, change_id, now))


async def change_detail(tx: ReadSession, change_id: str, now: datetime) -> PriceChangeDetailView:
    """A change with all of its prices and its diary. Raises NotFound."""
    row = await _row(tx, change_id, now)
    items = [_item(one, row.currency) for one in await tx.execute(_ITEMS, {"id": change_id})]
    steps = [
        StepView(PriceChangeState(one.state), one.actor, one.moved_at, one.note)
        for one in await tx.execute(_STEPS, {"id": change_id})
    ]
    rule = None if row.rule is None else msgspec.convert(row.rule, RuleBody)
    return PriceChangeDetailView(change=_view(row), rule=rule, items=items, steps=steps)


async def _row(tx: ReadSession, change_id: str, now: datetime) -> Row[Any]:
    row = (await tx.execute(_ONE, {"id": change_id, "now": now})).one_or_none()
    if row is None:
        raise NotFound(WHAT, change_id)
    return row


def _view(row: Row[Any]) -> PriceChangeView:
    return PriceChangeView(
        id=row.id,
        market=row.market,
        name=row.name,
        reason=row.reason,
        origin=Origin(row.origin),
        counter_of=row.counter_of,
        countered_by=row.countered_by,
        state=PriceChangeState(row.state_now),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        items=row.items,
        created_by=row.created_by,
        created_at=row.created_at,
        submitted_by=row.submitted_by,
        approved_by=row.approved_by,
    )


def _item(row: Row[Any], currency: str) -> ItemView:
    exception = None if row.reason is None else ExceptionView(row.exception_id, row.reason, row.expires_at)
    return ItemView(
        sku=row.sku,
        channel=row.channel,
        price=None if row.amount is None else Amount(row.amount, currency),
        old=None if row.old_amount is None else Amount(row.old_amount, currency),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        exception=exception,
    )
