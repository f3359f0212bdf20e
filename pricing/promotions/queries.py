"""The promotions' reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, text

from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import NotFound
from pricing.promotions.schemas import CodeView, LimitsView, PromotionDetailView, PromotionView, StepView
from pricing.promotions.stored import COLUMNS, Stored

_USES = """
    CASE WHEN p.limited THEN (SELECT count(*) FROM promotion_uses u
                               WHERE u.promotion_id = p.id AND u.given_back_at IS NULL) ELSE 0 END AS uses
"""
# The columns are a module's own; no value is in the text.
_LIST = text(f"""
    SELECT {COLUMNS}, {_USES} FROM promotions p
     WHERE (CAST(:market AS text) IS NULL OR p.market = :market)
       AND (CAST(:state AS text) IS NULL OR :state =
            CASE WHEN p.state NOT IN ('scheduled', 'live') OR p.starts_at > :now THEN p.state
                 WHEN p.ends_at <= :now THEN 'ended' ELSE 'live' END)
       AND (CAST(:before AS text) IS NULL OR p.id < :before)
     ORDER BY p.id DESC LIMIT :most
""")  # noqa: S608 - see above
_ONE = text(f"""
    SELECT {COLUMNS}, {_USES},
           ARRAY(SELECT c.code FROM promotion_codes c WHERE c.promotion_id = p.id AND c.shared ORDER BY 1) AS codes,
           (SELECT count(*) FROM promotion_codes c WHERE c.promotion_id = p.id AND NOT c.shared) AS unique_codes
      FROM promotions p WHERE p.id = :id
""")  # noqa: S608 - as above
_STEPS = text("SELECT step, actor, note, at FROM promotion_steps WHERE promotion_id = :id ORDER BY id")
_CODES = text("""
    SELECT code, batch, uses, most FROM promotion_codes
     WHERE promotion_id = :id AND code > :after AND (CAST(:batch AS int) IS NULL OR batch = :batch)
     ORDER BY code LIMIT :most
""")
_COUNT_USES = text("SELECT count(*) FROM promotion_uses WHERE promotion_id = :id AND given_back_at IS NULL")
_EXISTS = text("SELECT EXISTS (SELECT 1 FROM promotions WHERE id = :id)")


class Wanted(NamedTuple):
    """Which promotions a list should show; None is any."""

    market: str | None
    state: str | None


async def promotion_view(tx: ReadSession, stored: Stored, now: datetime) -> PromotionView:
    """A promotion as it stands at an instant, with its uses."""
    counted = (await tx.execute(_COUNT_USES, {"id": stored.id})).scalar_one() if stored.limited else 0
    return view_of(stored, counted, now)


def view_of(stored: Stored, uses: int, now: datetime) -> PromotionView:
    """A promotion as it stands at an instant."""
    definition = stored.definition
    return PromotionView(
        id=stored.id,
        market=stored.market,
        name=stored.name,
        state=stored.at(now),
        starts_at=stored.starts_at,
        ends_at=stored.ends_at,
        version=stored.version,
        lane=definition.lane,
        priority=definition.priority,
        exclusive=definition.exclusive,
        conditions=definition.conditions,
        benefit=definition.benefit,
        cap=definition.cap,
        floor=definition.floor,
        limits=LimitsView(*stored.limits),
        limited=stored.limited,
        uses=uses,
        copy_of=stored.copy_of,
        created_by=stored.created_by,
        created_at=stored.created_at,
        submitted_by=stored.submitted_by,
        approved_by=stored.approved_by,
    )


async def promotions(
    tx: ReadSession, wanted: Wanted, before: str | None, limit: int, now: datetime
) -> list[PromotionView]:
    """The newest first; one more than the limit if there is more."""
    facts = {**wanted._asdict(), "before": before, "most": limit + 1, "now": now}
    return [_view(row, now) for row in await tx.execute(_LIST, facts)]


async def promotion_detail(tx: ReadSession, promotion_id: str, now: datetime) -> PromotionDetailView:
    """A promotion with its shared codes and its diary. Raises NotFound."""
    row = (await tx.execute(_ONE, {"id": promotion_id})).one_or_none()
    if row is None:
        raise NotFound("promotion", promotion_id)
    steps = [StepView(*step) for step in await tx.execute(_STEPS, {"id": promotion_id})]
    return PromotionDetailView(_view(row, now), list(row.codes), row.unique_codes, steps)


async def codes(tx: ReadSession, promotion_id: str, batch: int | None, after: str, limit: int) -> Sequence[CodeView]:
    """Codes in their own order, of one batch or all; one more than the limit if there is more. Raises NotFound."""
    facts = {"id": promotion_id, "batch": batch, "after": after, "most": limit + 1}
    found = [CodeView(*row) for row in await tx.execute(_CODES, facts)]
    if not found and not (await tx.execute(_EXISTS, {"id": promotion_id})).scalar_one():
        raise NotFound("promotion", promotion_id)
    return found


def _view(row: Row[Any], now: datetime) -> PromotionView:
    return view_of(Stored.of(row), row.uses, now)
