"""The group committer: who shares a commit, who fails alone, and what everybody hears when something breaks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from commerce.kernel import committer
from commerce.kernel.committer import GROUP_MAX, GroupCommitter, NotTogetherError
from commerce.kernel.db import LIMITS, Database, Session
from commerce.kernel.refusals import AlreadyExists, Busy, Refusal
from tests.shop import rows

Verdicts = Sequence[str | Refusal]
Story = Callable[[Session, Sequence[str], datetime], Awaitable[Verdicts]]
T = TypeVar("T")

_INSERT = text("INSERT INTO categories (code, name) VALUES (:code, :code)")


class Counter:
    """A use-case written for many: makes categories, and notes every group it is handed.

    `doors` are what the coming groups wait for, one after the other; with none left, nobody waits.
    """

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.doors: list[asyncio.Event] = []
        self.inside = asyncio.Event()

    async def make(self, tx: Session, codes: Sequence[str], _: datetime) -> Verdicts:
        """Make each category; "taken" is refused, and "poison" is more than the database takes."""
        self.groups.append(list(codes))
        self.inside.set()
        if self.doors:
            await self.doors.pop(0).wait()
        for code in codes:
            if code != "taken":
                await tx.execute(_INSERT, {"code": None if code == "poison" else code})
        return [AlreadyExists("code", code) if code == "taken" else f"made {code}" for code in codes]

    def close_a_door(self) -> asyncio.Event:
        """Let the next group wait inside its transaction until the event is set."""
        door = asyncio.Event()
        self.doors.append(door)
        self.inside.clear()
        return door


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
async def group(db: Database, counter: Counter) -> AsyncIterator[GroupCommitter[str, str]]:
    async with serving(db, counter.make) as committing:
        yield committing


@asynccontextmanager
async def serving(db: Database, work: Story) -> AsyncIterator[GroupCommitter[str, str]]:
    """A committer that serves while the block runs."""
    committing = GroupCommitter[str, str]("stories", db, work)
    committing.start()
    try:
        yield committing
    finally:
        await committing.stop()


async def submitted(group: GroupCommitter[str, str], *codes: str) -> list["asyncio.Task[str]"]:
    """Tasks that have handed in their request and wait."""
    tasks = [asyncio.create_task(group.submit(code)) for code in codes]
    await asyncio.sleep(0)  # One turn of the loop: each has run up to where it waits.
    return tasks


async def ends(tasks: Sequence["asyncio.Task[T]"]) -> list[T | BaseException]:
    """How each of them ended."""
    async with asyncio.timeout(30):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def made(db: Database) -> list[str]:
    """The categories that are there."""
    return [code for (code,) in await rows(db, "SELECT code FROM categories ORDER BY code")]


async def test_a_group_is_never_waited_for(group: GroupCommitter[str, str], counter: Counter) -> None:
    assert [await group.submit(code) for code in ("a", "b", "c")] == ["made a", "made b", "made c"]

    assert counter.groups == [["a"], ["b"], ["c"]]


async def test_what_arrives_during_a_commit_shares_the_next_one_in_order(
    group: GroupCommitter[str, str], counter: Counter, db: Database
) -> None:
    door = counter.close_a_door()
    tasks = await submitted(group, "first")
    await counter.inside.wait()
    codes = [f"c{n:03}" for n in range(GROUP_MAX + 1)]
    tasks += await submitted(group, *codes)
    door.set()

    assert await ends(tasks) == ["made first", *(f"made {code}" for code in codes)]
    assert counter.groups == [["first"], codes[:GROUP_MAX], codes[GROUP_MAX:]]
    assert await made(db) == [*codes, "first"]


async def test_a_poisoned_request_fails_alone(group: GroupCommitter[str, str], counter: Counter, db: Database) -> None:
    tasks = await in_one_group(group, counter, "a", "poison", "taken", "b")

    a, poison, taken, b = await ends(tasks)

    assert (a, b) == ("made a", "made b")
    assert "null value" in str(poison)
    assert isinstance(taken, AlreadyExists)
    assert await made(db) == ["a", "b", "first"]
    assert await group.submit("c") == "made c"


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ("a b a c a b", ["a b a c a b", "a b c", "a a b"]),
        ("a a", ["a a", "a", "a"]),
        ("late a b", ["late a b", "a b", "late"]),
        ("late late late", ["late late late", "late", "late late", "late", "late"]),
    ],
)
async def test_who_is_behind_is_decided_after_the_others_and_alone_is_refused(
    db: Database, codes: str, wanted: list[str]
) -> None:
    groups = []

    async def make_once(tx: Session, codes: Sequence[str], _: datetime) -> Verdicts:
        """Make those that nobody made; who wants one that is made in this group, or comes late, is behind."""
        groups.append(" ".join(codes))
        there = {code for (code,) in await tx.execute(text("SELECT code FROM categories"))}
        new = [code for code in codes if code not in there]
        behind = [n for n, code in enumerate(codes) if (code in new and code in codes[:n]) or code == "late"]
        if behind and len(codes) > 1:
            raise NotTogetherError(behind)
        for code in new:
            await tx.execute(_INSERT, {"code": code})
        return [f"made {code}" if code in new else AlreadyExists("code", code) for code in codes]

    async with serving(db, make_once) as group:
        told = await ends(await submitted(group, *codes.split()))

    assert groups == wanted
    assert [isinstance(one, str) for one in told] == [
        code not in codes.split()[:n] for n, code in enumerate(codes.split())
    ]
    assert await made(db) == sorted(set(codes.split()))


async def in_one_group(group: GroupCommitter[str, str], counter: Counter, *codes: str) -> list["asyncio.Task[str]"]:
    """Requests that came while another one was being decided, and are decided together."""
    door = counter.close_a_door()
    first = await submitted(group, "first")
    await counter.inside.wait()
    tasks = await submitted(group, *codes)
    door.set()
    assert await ends(first) == ["made first"]
    return tasks


async def test_who_left_before_it_was_their_turn_is_not_decided(
    group: GroupCommitter[str, str], counter: Counter, db: Database
) -> None:
    door = counter.close_a_door()
    tasks = await submitted(group, "first")
    await counter.inside.wait()
    tasks += await submitted(group, "left", "stayed")
    tasks[1].cancel()
    door.set()

    first, left, stayed = await ends(tasks)

    assert (first, stayed) == ("made first", "made stayed")
    assert isinstance(left, asyncio.CancelledError)
    assert await made(db) == ["first", "stayed"]


async def test_who_leaves_while_being_decided_does_not_disturb_the_others(
    group: GroupCommitter[str, str], counter: Counter, db: Database
) -> None:
    door = counter.close_a_door()
    [leaving] = await submitted(group, "leaving")
    await counter.inside.wait()
    leaving.cancel()
    door.set()

    assert isinstance((await ends([leaving]))[0], asyncio.CancelledError)
    assert await group.submit("next") == "made next"
    assert await made(db) == ["leaving", "next"], "what was under way is kept; the key tells who asks again"


async def test_a_full_queue_turns_away_and_serves_again(
    group: GroupCommitter[str, str], counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "QUEUE_MAX", 3)
    door = counter.close_a_door()
    tasks = await submitted(group, "first")
    await counter.inside.wait()
    tasks += await submitted(group, "a", "b", "c", "one too many")
    door.set()

    *served, turned_away = await ends(tasks)

    assert served == ["made first", "made a", "made b", "made c"]
    assert isinstance(turned_away, Busy)
    assert await group.submit("one too many") == "made one too many"


async def test_stopping_tells_everybody_to_ask_again(db: Database, counter: Counter) -> None:
    async with serving(db, counter.make) as group:
        counter.close_a_door()
        tasks = await submitted(group, "under way")
        await counter.inside.wait()
        tasks += await submitted(group, "waiting", "waiting too")

    assert [type(end) for end in await ends(tasks)] == [Busy, Busy, Busy]
    with pytest.raises(Busy):
        await group.submit("late")
    assert await made(db) == []


async def test_who_loses_a_race_is_decided_once_more_on_what_is_there_now(db: Database) -> None:
    looks = 0

    async def make_if_free(tx: Session, codes: Sequence[str], _: datetime) -> Verdicts:
        nonlocal looks
        looks += 1
        [code] = codes
        if (await tx.execute(text("SELECT 1 FROM categories WHERE code = :code"), {"code": code})).first():
            return [AlreadyExists("code", code)]
        async with db.transaction() as somebody_else:
            await somebody_else.execute(_INSERT, {"code": code})
        await tx.execute(_INSERT, {"code": code})
        return ["never"]

    async with serving(db, make_if_free) as group:
        with pytest.raises(AlreadyExists):
            await group.submit("wanted by two")

    assert looks == 2
    assert await made(db) == ["wanted by two"]


async def test_a_database_that_goes_away_lets_everybody_ask_again_at_once(db: Database) -> None:
    groups: list[int] = []

    async def cut_off(tx: Session, codes: Sequence[str], _: datetime) -> Verdicts:
        groups.append(len(codes))
        await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return ["never"] * len(codes)

    async with serving(db, cut_off) as group:
        tasks = await submitted(group, "a", "b", "c")
        assert [type(end) for end in await ends(tasks)] == [Busy, Busy, Busy]

    assert groups == [3], "nobody is tried alone against a database that is not there"


async def test_a_verdict_too_few_leaves_nothing_behind(db: Database) -> None:
    async def forget_one(tx: Session, codes: Sequence[str], _: datetime) -> Verdicts:
        for code in codes:
            await tx.execute(_INSERT, {"code": code})
        return []

    async with serving(db, forget_one) as group:
        [end] = await ends(await submitted(group, "a"))

    assert isinstance(end, ValueError)
    assert await made(db) == []


async def test_a_file_that_is_missing_fails_only_who_looks_for_it(db: Database) -> None:
    async def make_or_look(tx: Session, codes: Sequence[str], _: datetime) -> Verdicts:
        for code in codes:
            if code == "look":
                raise FileNotFoundError(2, "No such file", "/x")
            await tx.execute(_INSERT, {"code": code})
        return [f"made {code}" for code in codes]

    async with serving(db, make_or_look) as group:
        told = await ends(await submitted(group, "a", "look", "b"))

    assert [type(answer) for answer in told] == [str, FileNotFoundError, str]
    assert await made(db) == ["a", "b"]


async def test_what_is_behind_a_busy_is_in_the_log(db: Database) -> None:
    async def time_out(tx: Session, _: Sequence[str], __: datetime) -> Verdicts:
        await tx.execute(text("SET LOCAL statement_timeout = '1ms'"))
        await tx.execute(text("SELECT pg_sleep(10)"))
        return []

    with capture_logs() as logs:
        async with serving(db, time_out) as group:
            [told] = await ends(await submitted(group, "a"))

    assert isinstance(told, Busy)
    assert [(line["event"], line["committer"]) for line in logs] == [("not_now", "stories")]
    assert "statement timeout" in logs[0]["error"]


async def test_once_a_lock_was_waited_for_in_vain_nobody_waits_for_it_again(db: Database, counter: Counter) -> None:
    """With the real limits: the first waits its three seconds, and whoever comes after it goes past."""
    async with serving(db, counter.make) as group, db.transaction() as other:
        await other.execute(_INSERT, {"code": "locked"})
        [first] = await ends(await submitted(group, "locked"))
        async with asyncio.timeout(2.5):
            told = await ends(await submitted(group, "a", "locked", "b"))
            again = await ends(await submitted(group, "c", "locked"))

    assert isinstance(first, Busy)
    assert [type(answer) for answer in told + again] == [str, Busy, str, str, Busy]
    assert await made(db) == ["a", "b", "c", "locked"]


async def test_somebody_elses_lock_stops_only_whom_it_concerns(url: str, db: Database, counter: Counter) -> None:
    impatient = Database(url, limits={**LIMITS, "lock_timeout": "200ms"}, pool_size=2)
    async with serving(impatient, counter.make) as group, db.transaction() as other:
        await other.execute(_INSERT, {"code": "locked"})

        told = await ends(await in_one_group(group, counter, "a", "locked", "b"))

        assert [type(answer) for answer in told] == [str, Busy, str]
        await other.rollback()
    await impatient.close()
    assert await made(db) == ["a", "b", "first"]
