"""Rehearse: what the first question of a process would wait for is done before anybody asks it."""

from datetime import timedelta

from catalog.came_later import came_later
from catalog.members import members
from commerce.kernel.db import Database
from orders.reports.kept import marks_seen
from orders.reports.rates import Known, count_rates, shared
from orders.reports.rules import Basis, GroupBy, Period, Question
from orders.reports.scope import ScopeAsked, see


async def rehearse(db: Database) -> None:
    """Ask for an attach rate of nothing: connections are open then, and both ends of them know the way.

    It takes some milliseconds, however much was ever sold.
    """
    now = db.clock.now()
    async with db.snapshot() as tx:
        scope, found, _ = await see(tx, ScopeAsked(), now)
        nothing = await members(tx, [], now)
        await came_later(tx, now, now)
        await marks_seen(tx)
        question = Question(
            period=Period(now - timedelta.resolution, now), as_of=scope.as_of, anchor=(), attach=(),
            basis=Basis.CUSTOMERS, window_days=0, group_by=(GroupBy.MONTH, GroupBy.CHANNEL),
        )  # fmt: skip
        async with shared(db, tx, question) as hands:
            await count_rates(hands, question, Known(found, nothing, nothing))
