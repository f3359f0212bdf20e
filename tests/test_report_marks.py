"""Marks: an answer is given again only while nobody wrote what it could have found, and old marks are forgotten."""

from datetime import timedelta

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from commerce.kernel.schedules import run_due
from commerce.worker import JOBS
from orders.reports.facts import leave_mark
from orders.reports.kept import KeptAnswers, marks_seen, prune_marks
from orders.reports.tasks import prune_report_marks
from tests.conftest import NOON
from tests.shop import rows

MARKS = "SELECT id FROM report_marks ORDER BY id"


class Reader:
    """Whoever keeps one answer."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: KeptAnswers[str] = KeptAnswers()

    async def read(self) -> None:
        """Work out the answer, and keep it."""
        async with self._db.snapshot() as tx:
            self._kept.keep("question", await marks_seen(tx), "answer", self._db.clock.now())

    async def has_it(self) -> bool:
        """Whether the answer would be given again."""
        async with self._db.snapshot() as tx:
            return await self._kept.find(tx, "question", self._db.clock.now()) is not None


async def leave(db: Database, marks: int = 1) -> None:
    """Write something that reports find, so often."""
    for _ in range(marks):
        async with db.transaction() as tx:
            await leave_mark(tx, db.clock.now())


async def test_an_answer_is_given_again_until_somebody_writes(db: Database, clock: SetClock) -> None:
    reader, seen = Reader(db), []
    for marks in (0, 0, 1, 0, 3):
        await leave(db, marks)
        seen.append(await reader.has_it())
        await reader.read()
    clock.advance(timedelta(minutes=14))
    seen.append(await reader.has_it())
    clock.advance(timedelta(minutes=1))
    seen.append(await reader.has_it())

    assert seen == [False, True, False, True, False, True, False]


async def test_who_was_slow_is_heard_behind_whoever_was_quicker(db: Database) -> None:
    """The slow one's mark is lower than any that the answer has seen, where everything before was forgotten."""
    reader = Reader(db)
    async with db.transaction() as slow:
        await leave_mark(slow, NOON)
        await leave(db)
        await reader.read()
        before = await reader.has_it()

    assert (before, await reader.has_it()) == (True, False)


async def test_old_marks_are_forgotten_but_for_the_newest(db: Database, clock: SetClock) -> None:
    await leave(db, 3)
    await prune_report_marks(db, clock.advance(timedelta(hours=1)))
    young = await rows(db, MARKS)
    await prune_report_marks(db, clock.advance(timedelta(seconds=1)))
    old = await rows(db, MARKS)
    await leave(db)
    await prune_report_marks(db, clock.now())

    assert (young, old, await rows(db, MARKS)) == ([(1,), (2,), (3,)], [(3,)], [(4,)])


async def test_marks_are_forgotten_some_at_a_time(db: Database, clock: SetClock) -> None:
    await leave(db, 6)
    clock.advance(timedelta(hours=2))

    pruned = []
    for _ in range(4):
        async with db.transaction() as tx:
            pruned.append(await prune_marks(tx, clock.now(), 2))

    assert pruned == [2, 2, 1, 0]
    assert await rows(db, MARKS) == [(6,)]


async def test_no_answer_outlives_a_mark_that_came_and_was_forgotten(db: Database, clock: SetClock) -> None:
    """An import notes when it began: its mark may be older than an hour when it is left."""
    await leave(db, 2)
    clock.advance(timedelta(hours=2))
    reader = Reader(db)
    await reader.read()

    async with db.transaction() as tx:
        await leave_mark(tx, NOON)
    await prune_report_marks(db, clock.now())

    assert await rows(db, MARKS) == [(3,)]
    assert not await reader.has_it()


async def test_the_scheduler_forgets_marks(db: Database, clock: SetClock) -> None:
    await leave(db, 2)

    jobs = {"prune_report_marks": JOBS["prune_report_marks"]}
    assert await run_due(db, jobs, clock.advance(timedelta(hours=2))) == ["prune_report_marks"]

    assert await rows(db, MARKS) == [(2,)]
