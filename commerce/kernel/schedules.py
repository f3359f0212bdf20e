"""Schedules live in PostgreSQL: what is due is done once, whichever process comes first."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

import msgspec
import structlog
from sqlalchemy import Text, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Database, ReadSession, Table

AGAIN = timedelta(seconds=15)
"""How soon a job that failed is done again: what is done once a night must not wait for the next one."""
SOON_MAX = 4
"""So often in a row it is done again so soon; what fails on is done again after twice the time each time."""
UNHEARD = timedelta(hours=1)
"""How soon a job is done again of which nobody heard the end: whoever had it was killed, or could not note it."""
_log = structlog.get_logger()


class Job(msgspec.Struct, frozen=True):
    """Something to do again and again: how often, and what. The work opens its own transactions.

    `at` is the hour for what is done once a day (UTC). The first time it is done at once.
    """

    every: timedelta
    work: Callable[[Database, datetime], Awaitable[None]]
    at: time | None = None

    def after(self, now: datetime) -> datetime:
        """When it is due again."""
        if self.at is None:
            return now + self.every
        today = datetime.combine(now.astimezone(UTC).date(), self.at, UTC)
        return today if today > now else today + timedelta(days=1)


class Schedule(Table):
    """When a job runs next, and how its last run went."""

    __tablename__ = "schedules"

    name: Mapped[Code] = mapped_column(primary_key=True)
    next_at: Mapped[datetime]
    last_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text())
    failures: Mapped[int] = mapped_column(server_default="0")
    """How often in a row it failed."""


_KNOWN = text("""
    INSERT INTO schedules (name, next_at) SELECT name, :now FROM unnest(CAST(:names AS text[])) AS s (name)
    ON CONFLICT DO NOTHING
""")
_TAKE = text("""
    UPDATE schedules SET next_at = :next_at, last_at = :now
     WHERE name = (SELECT name FROM schedules WHERE name = :name AND next_at <= :now FOR UPDATE SKIP LOCKED)
 RETURNING failures
""")
_WATCH = text("SELECT count(*) FILTER (WHERE last_error IS NOT NULL), min(next_at) FROM schedules")
_OUTCOME = text("""
    UPDATE schedules SET last_error = :error, failures = :failures, next_at = :next_at
     WHERE name = :name AND last_at = :now
""")


class SchedulesWatch(NamedTuple):
    """How the schedule is kept."""

    failing: int
    """Jobs whose last run failed."""
    overdue_s: float
    """Since when the job is due that waits longest; where it grows no worker works, or one is stuck."""


async def schedules_watch(tx: ReadSession, now: datetime) -> SchedulesWatch:
    """How many jobs fail, and how late the latest is."""
    failing, first = (await tx.execute(_WATCH)).one()
    return SchedulesWatch(failing, max(0.0, (now - (first or now)).total_seconds()))


async def run_due(db: Database, jobs: Mapping[str, Job], now: datetime) -> list[str]:
    """Do every job that is due, and tell which were done.

    A job that fails is noted and soon done again, and does not stop the others.
    """
    async with db.transaction() as tx:
        await tx.execute(_KNOWN, {"names": list(jobs), "now": now})
    done = []
    for name, job in jobs.items():
        async with db.transaction() as tx:
            facts = {"name": name, "now": now, "next_at": min(job.after(now), now + UNHEARD)}
            failures = (await tx.execute(_TAKE, facts)).scalar_one_or_none()
        if failures is None:
            continue
        error = await _run(db, name, job, now)
        failures = 0 if error is None else failures + 1
        facts = {"name": name, "now": now, "error": error, "failures": failures}
        async with db.transaction() as tx:
            await tx.execute(_OUTCOME, {**facts, "next_at": _next_at(job, failures, now)})
        done.append(name)
    return done


def _next_at(job: Job, failures: int, now: datetime) -> datetime:
    if not failures:
        return job.after(now)
    again: timedelta = min(AGAIN * 2 ** min(max(0, failures - SOON_MAX), 10), UNHEARD)
    return min(job.after(now), now + again)


async def _run(db: Database, name: str, job: Job, now: datetime) -> str | None:
    try:
        await job.work(db, now)
    except Exception as error:  # noqa: BLE001 - one failing job must not stop the others; it is noted in its row
        _log.exception("job_failed", job=name)
        return repr(error)[:2000]
    return None
