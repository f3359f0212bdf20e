"""Schedules live in PostgreSQL: what is due is done once, whichever process comes first."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import Text, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Database, Table

AGAIN = timedelta(seconds=15)
"""How soon a job that failed is done again: what is done once a night must not wait for the next one."""
_log = structlog.get_logger()


class Job(msgspec.Struct, frozen=True):
    """Something to do again and again: how often, and what. The work opens its own transactions."""

    every: timedelta
    work: Callable[[Database, datetime], Awaitable[None]]


class Schedule(Table):
    """When a job runs next, and how its last run went."""

    __tablename__ = "schedules"

    name: Mapped[Code] = mapped_column(primary_key=True)
    next_at: Mapped[datetime]
    last_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text())


_KNOWN = text("""
    INSERT INTO schedules (name, next_at) SELECT name, :now FROM unnest(CAST(:names AS text[])) AS s (name)
    ON CONFLICT DO NOTHING
""")
_TAKE = text("""
    UPDATE schedules SET next_at = :next_at, last_at = :now
     WHERE name = (SELECT name FROM schedules WHERE name = :name AND next_at <= :now FOR UPDATE SKIP LOCKED)
 RETURNING name
""")
_OUTCOME = text("""
    UPDATE schedules SET last_error = :error,
           next_at = CASE WHEN CAST(:error AS text) IS NULL THEN next_at ELSE least(next_at, :again_at) END
     WHERE name = :name
""")


async def run_due(db: Database, jobs: Mapping[str, Job], now: datetime) -> list[str]:
    """Do every job that is due, and tell which were done.

    A job that fails is noted and soon done again, and does not stop the others.
    """
    async with db.transaction() as tx:
        await tx.execute(_KNOWN, {"names": list(jobs), "now": now})
    done = []
    for name, job in jobs.items():
        async with db.transaction() as tx:
            taken = (await tx.execute(_TAKE, {"name": name, "now": now, "next_at": now + job.every})).first()
        if taken is None:
            continue
        error = await _run(db, name, job, now)
        async with db.transaction() as tx:
            await tx.execute(_OUTCOME, {"name": name, "error": error, "again_at": now + AGAIN})
        done.append(name)
    return done


async def _run(db: Database, name: str, job: Job, now: datetime) -> str | None:
    try:
        await job.work(db, now)
    except Exception as error:  # noqa: BLE001 - one failing job must not stop the others; it is noted in its row
        _log.exception("job_failed", job=name)
        return repr(error)[:2000]
    return None
