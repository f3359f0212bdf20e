"""Two sessions share the customers of a question: they see one instant, and find together what one finds alone."""

import pytest
from sqlalchemy import text

from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database, ReadSession
from orders.reports import rates_sql
from orders.reports.rates_sql import Half
from tests.attach_asking import answer_of, shared_answer_of
from tests.attach_loading import load
from tests.attach_questions import WORLDS, end_of, world
from tests.conftest import Json
from tests.stories import plant

SOME = WORLDS[:20]


@pytest.fixture
async def words(db: Database) -> Database:
    """A database with a table of words, and one in it."""
    await plant(db, "CREATE TABLE words (word text)", "INSERT INTO words VALUES ('before')")
    return db


async def words_in(tx: ReadSession) -> list[str]:
    """The words that a session sees."""
    return list((await tx.execute(text("SELECT word FROM words ORDER BY word"))).scalars())


async def both_answers(db: Database, clock: SetClock, number: int) -> list[tuple[Json, Json]]:
    """What two sessions answer, and what one does, to each question of a world."""
    history, questions = world(number)
    await load(db, history)
    clock.set(end_of(history))
    async with db.snapshot() as tx:
        return [(await shared_answer_of(db, one), await answer_of(tx, one, end_of(history))) for one in questions]


async def test_two_find_what_one_finds(db: Database, clock: SetClock) -> None:
    for number in SOME:
        for shared, alone in await both_answers(db, clock, number):
            assert shared == alone, number


async def test_a_half_that_is_counted_twice_is_noticed(
    db: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = rates_sql._HALVES  # noqa: SLF001 - that is what is spoilt
    monkeypatch.setattr(rates_sql, "_HALVES", dict.fromkeys(Half, halves[Half.ODD]))

    wrong = [
        number for number in SOME if any(shared != alone for shared, alone in await both_answers(db, clock, number))
    ]
    assert len(wrong) > len(SOME) // 4


async def test_who_stands_beside_a_snapshot_sees_what_it_sees(words: Database) -> None:
    async with words.snapshot() as tx:
        assert await words_in(tx) == ["before"]
        await plant(words, "INSERT INTO words VALUES ('since')")
        async with words.beside(tx) as other:
            assert other is not None
            assert await words_in(other) == ["before"]
        assert await words_in(tx) == ["before"]
    async with words.snapshot() as tx:
        assert await words_in(tx) == ["before", "since"]


async def test_the_last_connection_is_left_to_others(words: Database, url: str) -> None:
    small = Database(url, clock=words.clock, pool_size=3)
    async with small.snapshot() as tx:
        assert await words_in(tx) == ["before"]
        async with small.beside(tx) as other:
            assert other is not None
            async with small.beside(tx) as third:
                assert third is None
            async with small.read() as anybody:
                assert await words_in(anybody) == ["before"]
                async with small.beside(tx) as third:
                    assert third is None
    await small.close()
