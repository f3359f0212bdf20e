"""Withdraw: a change is not going to be, and what was planned without it holds."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.outbox import tell
from pricing.changes.check import DEVIATIONS_TOLD, deviation_told, skus_of
from pricing.changes.come_due import catch_up
from pricing.changes.errors import ParityBroken, ReliedOn
from pricing.changes.events import PriceChangeWithdrawn
from pricing.changes.in_time import done_in_time, lead_for
from pricing.changes.into_book import into_book
from pricing.changes.move import WHAT, Change, lock_change, market_of, may_become, move_change
from pricing.changes.parity import exceptions_of, newly_broken
from pricing.changes.relied_on import WouldBe, relying_on
from pricing.changes.rules import PriceChangeState
from pricing.diaries import undone_in
from pricing.errors import TooLateToWithdraw
from pricing.locking import lock_market
from pricing.policies import parity_of
from pricing.series import histories
from pricing.take_back import take_back


async def withdraw_change(tx: Session, change_id: str, actor: str, note: str | None, now: datetime) -> None:
    """Withdraw a change that has not begun. One that was scheduled is taken out of the prices and of the book.

    What it would have charged stays in the history as something that was believed once. One that begins too soon for
    everybody to hear of it is not withdrawn any more, but rolled back.
    Raises NotFound, MoveNotAllowed, TooLateToWithdraw; ReliedOn and ParityBroken where other changes rely on it.
    """
    await lock_market(tx, await market_of(tx, change_id))
    change = await catch_up(tx, await lock_change(tx, change_id), now)
    may_become(change, PriceChangeState.WITHDRAWN)
    if change.state is PriceChangeState.SCHEDULED:
        await _take_out(tx, change, now)
    await move_change(tx, change, PriceChangeState.WITHDRAWN, actor, now, note)


async def _take_out(tx: Session, change: Change, now: datetime) -> None:
    assert change.starts_at is not None, "what is scheduled has its beginning"
    if change.starts_at < now + lead_for(change.items):
        raise TooLateToWithdraw(WHAT, change.id, change.starts_at, "Roll it back once it is live.")
    await done_in_time(tx, change.starts_at, now)
    skus = await skus_of(tx, change.id)
    without_it = WouldBe((await undone_in(tx, change.market)).and_withdrawn(change.id))
    others = await relying_on(tx, change.market, change.id, skus, without_it, now)
    policy = await parity_of(tx, change.market)
    before = await histories(tx, change.market, skus, now)
    await take_back(tx, change.market, change.id, now)
    after = await histories(tx, change.market, skus, now)
    broken = newly_broken(before, after, policy, await exceptions_of(tx, skus), now)
    if broken:
        told = [deviation_told(change, None, sku, one, after[sku]) for sku, one in broken[:DEVIATIONS_TOLD]]
        raise ParityBroken("change_id", policy.parity, told, len(broken) - len(told))
    if others:
        raise ReliedOn("change_id", change.id, others)
    await tell(tx, PriceChangeWithdrawn(change.id, change.market), now)
    await into_book(tx, change.market, now)
