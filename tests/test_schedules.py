"""Schedules: what is done again and again is done once in its time, and no end of it is lost for long."""

import asyncio
from datetime import datetime, time, timedelta
from itertools import pairwise

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.exc import DBAPIError

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.schedules import Job, run_due
from tests.conftest import NOON, Callers
from tests.shop import rows
from tests.stories import plant


async def test_a_job_is_done_once_in_its_time_by_whoever_comes_first(db: Database, clock: SetClock) -> None:
    begun: list[datetime] = []

    async def work(_: Database, now: datetime) -> None:
        begun.append(now)

    jobs = {"sweep": Job(timedelta(minutes=10), work)}

    assert sorted(await asyncio.gather(*(run_due(db, jobs, clock.now()) for _ in range(4)))) == [[], [], [], ["sweep"]]
    assert await run_due(db, jobs, clock.advance(timedelta(minutes=9, seconds=59))) == []
    assert await run_due(db, jobs, clock.advance(timedelta(seconds=1))) == ["sweep"]
    assert begun == [NOON, NOON + timedelta(minutes=10)]


async def test_a_job_that_fails_is_noted_and_soon_done_again_and_stops_no_other(db: Database, clock: SetClock) -> None:
    trouble: list[Exception] = [RuntimeError("the broom is broken")]

    async def break_down(_: Database, __: datetime) -> None:
        if trouble:
            raise trouble.pop()

    async def work(_: Database, __: datetime) -> None:
        return

    jobs = {"a": Job(timedelta(days=1), break_down), "b": Job(timedelta(days=1), work)}
    noted = "SELECT name, last_error FROM schedules ORDER BY name"

    assert await run_due(db, jobs, clock.now()) == ["a", "b"]
    assert await rows(db, noted) == [("a", "RuntimeError('the broom is broken')"), ("b", None)]
    assert await run_due(db, jobs, clock.advance(timedelta(seconds=14))) == []
    assert await run_due(db, jobs, clock.advance(timedelta(seconds=1))) == ["a"]
    assert await rows(db, noted) == [("a", None), ("b", None)]
    assert await run_due(db, jobs, clock.advance(timedelta(days=1))) == ["a", "b"]


async def test_what_fails_on_and_on_is_tried_less_and_less_often(db: Database, clock: SetClock) -> None:
    """Four times in a minute, since most trouble passes; a night that takes long is not begun anew for ever."""
    begun: list[datetime] = []

    async def break_down(_: Database, now: datetime) -> None:
        begun.append(now)
        raise RuntimeError("the broom is broken")

    jobs = {"night": Job(timedelta(days=1), break_down, time(2))}
    while clock.now() < NOON + timedelta(hours=6):
        await run_due(db, jobs, clock.now())
        clock.advance(timedelta(seconds=15))

    pauses = [(later - sooner).total_seconds() for sooner, later in pairwise(begun)]
    assert pauses == [15, 15, 15, 15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]


async def test_what_is_done_once_a_day_is_done_at_its_hour(db: Database, clock: SetClock) -> None:
    """At once when it is new, and then at two in the morning, however long after that somebody comes to do it."""
    begun: list[datetime] = []

    async def work(_: Database, now: datetime) -> None:
        begun.append(now)

    jobs = {"night": Job(timedelta(days=1), work, time(2))}
    for _ in range(60):
        await run_due(db, jobs, clock.now())
        clock.advance(timedelta(minutes=57))

    assert [at.isoformat() for at in begun] == [
        "2026-11-02T12:00:00+00:00", "2026-11-03T02:15:00+00:00", "2026-11-04T02:00:00+00:00",
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["killed", "not noted"])
async def test_what_is_done_once_a_day_is_done_an_hour_later_where_nobody_heard_its_end(
    db: Database, clock: SetClock, end: str
) -> None:
    done: list[datetime] = []

    async def work(_: Database, now: datetime) -> None:
        done.append(now)
        if len(done) == 1 and end == "killed":
            raise asyncio.CancelledError
        if len(done) == 1:
            await plant(db, "ALTER TABLE schedules RENAME TO not_there")

    jobs = {"night": Job(timedelta(days=1), work)}

    with pytest.raises((asyncio.CancelledError, DBAPIError)):
        await run_due(db, jobs, clock.now())
    if end == "not noted":
        await plant(db, "ALTER TABLE not_there RENAME TO schedules")
    assert await run_due(db, jobs, clock.advance(timedelta(minutes=59))) == []
    assert await run_due(db, jobs, clock.advance(timedelta(minutes=1))) == ["night"]
    assert await run_due(db, jobs, clock.advance(timedelta(hours=23))) == []
    assert done == [NOON, NOON + timedelta(hours=1)]


async def test_whoever_runs_this_sees_which_jobs_fail_and_that_nobody_works(
    db: Database, clock: SetClock, callers: Callers
) -> None:
    async def break_down(_: Database, __: datetime) -> None:
        raise RuntimeError("the broom is broken")

    async def watched() -> tuple[float | None, ...]:
        clock.advance(timedelta(seconds=5))
        assert (await callers.nobody().get("/metrics")).status_code == 200
        return tuple(REGISTRY.get_sample_value(f"commerce_jobs_{name}") for name in ("failing", "overdue_seconds"))

    new = await watched()
    await run_due(db, {"sweep": Job(timedelta(minutes=10), break_down)}, clock.now())
    failing = await watched()
    clock.advance(timedelta(hours=1))

    assert (new, failing) == ((0, 0), (1, 0))
    assert await watched() == (1, 3600 + 5 + 5 - 15), "fifteen seconds after it failed it was due again"


async def test_a_job_whose_process_dies_is_done_when_it_is_due_again(db: Database, clock: SetClock) -> None:
    done: list[datetime] = []

    async def work(_: Database, now: datetime) -> None:
        if now == NOON:
            raise asyncio.CancelledError
        done.append(now)

    jobs = {"sweep": Job(timedelta(minutes=10), work)}

    with pytest.raises(asyncio.CancelledError):
        await run_due(db, jobs, clock.now())
    assert await run_due(db, jobs, clock.advance(timedelta(minutes=10))) == ["sweep"]
    assert done == [NOON + timedelta(minutes=10)]
