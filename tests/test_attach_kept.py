"""Kept answers while many ask at once: each gets one that nothing written before they came is missing from."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, ReadSession
from orders.reports import attach_rate, rates
from orders.reports.facts import leave_mark
from orders.reports.kept import Errand, KeptAnswers, Marks
from orders.reports.rules import Question
from tests.attach_shop import IDA, PHONES_TO_CASES, RATE, buy
from tests.conftest import NOON, Api, Callers, Json
from tests.shop import put_stock
from tests.stories import open_lawful_shop

ASKED: Json = {**PHONES_TO_CASES, "basis": "orders", "group_by": "channel"}
MARKS = Marks(0, 0, 0)


@pytest.fixture
async def analyst(db: Database, callers: Callers) -> Api:
    """An analyst of a lawful shop with plenty of phones."""
    await open_lawful_shop(db)
    await put_stock(db, "PHONE-BLK", "wh-de", 50)
    return await callers(Role.ANALYST)


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was counted, time after time."""
    seen: list[object] = []
    count_rates = rates.count_rates

    async def noted(
        hands: rates.Hands, question: Question, known: rates.Known
    ) -> tuple[list[rates.Tally], rates.Tally]:
        seen.append(question)
        return await count_rates(hands, question, known)

    monkeypatch.setattr(attach_rate, "count_rates", noted)
    return seen


async def all_at_once(analyst: Api, callers: int = 6) -> list[tuple[int, int]]:
    """What so many are answered who ask the same: each status, and the denominator."""
    answers = await asyncio.gather(*(analyst.get(RATE, **ASKED) for _ in range(callers)))
    return [(answer.status_code, answer.json()["total"]["denominator"]) for answer in answers]


async def test_all_who_ask_at_once_after_a_sale_are_answered_with_it(
    analyst: Api, web: Api, worked_out: list[object]
) -> None:
    """They find the same answer, and that it holds no more: it is thrown away once, and worked out once."""
    found = []
    for sold in range(1, 4):
        await buy(web, ("PHONE-BLK", 1))
        found.append((await all_at_once(analyst), len(worked_out), sold))

    assert found == [([(200, sold)] * 6, sold, sold) for sold in (1, 2, 3)]


class Slow:
    """A question whose answer says which one it is, and takes until it is let go."""

    def __init__(self, db: Database, kept: KeptAnswers[int]) -> None:
        self._db, self._kept = db, kept
        self.worked = 0
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.before: Callable[[], Awaitable[None]] | None = None

    async def ask(self) -> int:
        """Be answered."""
        return await self._kept.answer(self._db, self._understand)

    async def _understand(self, _: ReadSession, __: object) -> Errand[int]:
        return Errand("question", self._work)

    async def _work(self) -> int:
        self.worked += 1
        mine = self.worked
        self.begun.set()
        if self.before is not None:
            await self.before()
        await self.go_on.wait()
        return mine


async def test_who_came_before_a_snapshot_takes_its_answer_whatever_was_written_since(db: Database) -> None:
    """Under steady writes the second answer is everybody's, and nobody waits for a third."""
    slow = Slow(db, KeptAnswers())

    async def somebody_writes() -> None:
        async with db.transaction() as tx:
            await leave_mark(tx, NOON)

    slow.before = somebody_writes
    first = asyncio.create_task(slow.ask())
    await slow.begun.wait()
    others = [asyncio.create_task(slow.ask()) for _ in range(5)]
    slow.go_on.set()
    answers = await asyncio.gather(first, *others)

    assert answers == [1, 2, 2, 2, 2, 2]
    assert await slow.ask() == 3


async def test_whoever_waits_goes_on_when_the_first_is_gone_or_fails(db: Database) -> None:
    slow = Slow(db, KeptAnswers())

    async def fail_once() -> None:
        if slow.worked == 2:
            raise RuntimeError

    slow.before = fail_once
    first = asyncio.create_task(slow.ask())
    await slow.begun.wait()
    others = [asyncio.create_task(slow.ask()) for _ in range(3)]
    first.cancel()
    slow.go_on.set()
    gone, *answers = await asyncio.gather(first, *others, return_exceptions=True)

    assert isinstance(gone, asyncio.CancelledError)
    assert sorted(map(repr, answers)) == ["3", "3", "RuntimeError()"]


class Words(KeptAnswers[str]):
    """Answers that are as large as they are long."""

    def rows_in(self, answer: str) -> int:
        """A row for each letter."""
        return len(answer)


async def test_no_more_is_kept_than_there_is_room_for(db: Database, clock: SetClock) -> None:
    kept = Words(most=3, rows_most=10)

    async def known() -> list[str | None]:
        async with db.snapshot() as tx:
            return [await kept.find(tx, question, clock.now()) for question in "abcde"]

    seen = []
    for question, answer in (("a", "four"), ("b", "four"), ("c", "four"), ("d", "1"), ("e", "1"), ("a", "eleven-rows")):
        kept.keep(question, MARKS, answer, clock.now())
        seen.append(await known())
    for question in "ab":
        kept.keep(question, MARKS, "1", clock.now())
    clock.advance(timedelta(minutes=15))
    kept.keep("c", MARKS, "12345678", clock.now())
    kept.keep("d", MARKS, "12", clock.now())

    assert seen == [
        ["four", None, None, None, None],
        ["four", "four", None, None, None],
        [None, "four", "four", None, None],
        [None, "four", "four", "1", None],
        [None, None, "four", "1", "1"],
        [None, None, None, None, None],
    ]
    assert await known() == [None, None, "12345678", "12", None]


async def test_an_answer_of_too_many_rows_is_refused_by_its_groups(
    analyst: Api, web: Api, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "ROWS_MAX", 1)
    by_day = {**ASKED, "group_by": "day"}
    asked: list[Json] = [by_day, {**by_day, "basis": "events", "window_days": 1}]
    seen = []
    for _ in range(2):
        await buy(web, ("PHONE-BLK", 1), buyer=IDA)
        clock.advance(timedelta(days=1))
        seen.append([await analyst.get(RATE, **one) for one in asked])

    assert [[answer.status_code for answer in answers] for answers in seen] == [[200, 200], [400, 400]]
    for answer in seen[1]:
        assert answer.json()["errors"][0]["field"] == "group_by"
        assert "More than 1 rows: group by fewer or larger things" in answer.text


async def test_a_period_that_is_named_by_nothing_is_no_period(analyst: Api) -> None:
    for field in ("compare_from", "compare_to"):
        answer = await analyst.get(RATE, **{**ASKED, field: ""})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
