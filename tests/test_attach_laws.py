"""Attach rates over random small histories: always what the plain recomputation says, and the same when asked again.

The worlds are in `attach_histories` and `attach_questions`. That they would notice a rule that is wrong is shown with
attach rates that have one each (`wrong_attach`).
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.attach_asking import answer_of, ask, count_of, rows_of
from tests.attach_folders import files_of, read_history
from tests.attach_histories import CATEGORIES, VARIANTS, again_and_again, all_imported, histories, seeds
from tests.attach_loading import load, tell
from tests.attach_questions import WORLDS, end_of, known_by, may_be_asked, narrowed_to, question_of, world
from tests.attach_world import Asked, Channel, History, Line, Market, Sale, Variant, is_day
from tests.conftest import NOON, Api, Callers, Json
from tests.exchange_folders import write_folder
from tests.naive_attach import answer
from tests.wrong_attach import RATES, caught
from tests.wrong_engines import Patch, Spoil


@pytest.fixture
async def analyst(callers: Callers) -> Api:
    """Somebody who may look at figures."""
    return await callers(Role.ANALYST)


def must_equal(found: Json, history: History, asked: Asked) -> None:
    """An answer has the rows and the total of the plain recomputation."""
    assert rows_of(found, asked) == answer(history, asked), (history, asked)
    assert count_of(found["total"]) == answer(history, replace(asked, group_by=()))[()], (history, asked)


async def test_every_figure_is_that_of_the_plain_recomputation(db: Database) -> None:
    for number in WORLDS:
        history, questions = world(number)
        await load(db, history)
        async with db.snapshot() as tx:
            for asked in questions:
                must_equal(await answer_of(tx, asked, end_of(history)), history, asked)


async def test_a_day_that_begins_twice_is_over_the_first_time(db: Database) -> None:
    """In Havana it was midnight at 4:00 and at 5:00 UTC: what was sold in between was not sold the day before."""
    late = [datetime(2025, 11, 2, 3, 59, tzinfo=UTC), datetime(2025, 11, 2, 4, 30, tzinfo=UTC)]
    sales = tuple(
        Sale(at=at, recorded_at=at, number=f"{n}", channel="web", store=None, customer=None, lines=(Line("P1", 1),))
        for n, at in enumerate(late)
    )
    havana = History(
        (Market("cu", "America/Havana"),), (Channel("web", "online", "cu"),), (), CATEGORIES, VARIANTS, sales
    )
    await load(db, havana)
    asked = Asked(anchor=("sku:P1",), attach=("sku:C1",), basis="orders", as_of=date(2025, 11, 1))

    async with db.snapshot() as tx:
        known = [
            count_of((await answer_of(tx, replace(asked, as_of=as_of), NOON))["total"]).denominator
            for as_of in (date(2025, 11, 1), date(2025, 11, 2))
        ]

    assert known == [1, 2]


async def test_what_the_catalog_says_from_midnight_on_it_did_not_say_the_day_before(db: Database) -> None:
    """P1 was a case until it was midnight in New York, and with that everywhere."""
    midnight = datetime(2025, 4, 5, 4, tzinfo=UTC)
    sold = Sale(
        at=midnight - timedelta(days=1),
        recorded_at=midnight - timedelta(days=1),
        number="1",
        channel="web",
        store=None,
        customer=None,
        lines=(Line("P1", 1),),
    )
    was = Variant("P1", "phone", "cases", until=midnight)
    market, channel = Market("us", "America/New_York"), Channel("web", "online", "us")
    await load(db, History((market,), (channel,), (), CATEGORIES, (was, *VARIANTS), (sold,)))

    counted = []
    for as_of in (date(2025, 4, 4), date(2025, 4, 5), midnight - timedelta.resolution, midnight):
        asked = Asked(anchor=("category:phones",), attach=("sku:W1",), basis="orders", as_of=as_of)
        async with db.snapshot() as tx:
            counted.append(count_of((await answer_of(tx, asked, NOON))["total"]).denominator)

    assert counted == [0, 1, 0, 1]


@again_and_again
@given(histories, st.lists(seeds, min_size=2, max_size=2))
async def test_a_row_is_the_answer_to_the_question_narrowed_to_it(
    db: Database, history: History, dice: list[int]
) -> None:
    """The API against itself: whatever a row is grouped by can be asked for, but for cohorts and what has no store."""
    await load(db, history)
    async with db.snapshot() as tx:
        for asked in (question_of(seed, history) for seed in dice):
            whole = replace(asked, group_by=asked.group_by or ("month", "anchor_product"))
            answered = await answer_of(tx, whole, end_of(history))
            for group, row in rows_of(answered, whole).items():
                narrowed = narrowed_to(history, whole, group)
                if narrowed is not None:
                    found = await answer_of(tx, narrowed, end_of(history))
                    assert count_of(found["total"]) == row, (history, whole, group)
                    assert rows_of(found, narrowed) == {(): row}


@pytest.mark.parametrize("thought", RATES)
def test_a_rule_that_is_wrong_would_be_noticed(monkeypatch: Patch, thought: str) -> None:
    spoil: Spoil = RATES[thought]

    assert caught(monkeypatch, spoil, WORLDS) is not None


@again_and_again
@given(histories, st.lists(seeds, min_size=3, max_size=3))
async def test_over_http_too(db: Database, clock: SetClock, analyst: Api, history: History, dice: list[int]) -> None:
    clock.set(end_of(history))
    await load(db, history)
    for seed in dice:
        asked = question_of(seed, history)
        must_equal(await ask(analyst, asked), history, asked)


async def test_after_an_import_too(db: Database, clock: SetClock, analyst: Api, tmp_path: Path) -> None:
    """Of many small histories in one folder, told as the exchange format can tell them."""
    written = all_imported(30)
    clock.set(end_of(written))
    await import_folder(db, write_folder(tmp_path / "shop", files_of(written)))
    history = read_history(tmp_path / "shop")

    for number in range(60):
        asked = question_of(number, history)
        must_equal(await ask(analyst, replace(asked, believed_at=None)), history, replace(asked, believed_at=None))


@again_and_again
@given(histories, st.lists(seeds, min_size=3, max_size=3), st.integers(0, 2**32))
async def test_what_becomes_known_later_changes_no_answer_that_was_given(
    db: Database, clock: SetClock, analyst: Api, history: History, dice: list[int], seed: int
) -> None:
    """Late sales, returns, merges, imports and another catalog restate figures, but not those of a past as-of.

    An import tells what happened before it: that the answer leaves out as long as it is asked what was believed then.
    """
    then = Random(seed).choice([sale.recorded_at for sale in history.sales])  # noqa: S311 - nothing here is secret
    clock.set(then)
    known = known_by(history, then)
    await load(db, history, then)
    questions = [asked_by(question_of(one, known), then) for one in dice]
    answers: list[tuple[Asked, Json]] = []
    for asked in (one for one in questions if may_be_asked(history, one)):
        answers.append((asked, await ask(analyst, asked)))
        must_equal(answers[-1][1], known, asked)
    clock.set(end_of(history))
    async with db.transaction() as tx:
        await tell(tx, history, then)

    for asked, told in answers:
        again = replace(asked, as_of=moment(told["as_of"]), believed_at=datetime.fromisoformat(told["believed_at"]))
        assert {**await ask(analyst, again), "settled": told["settled"]} == told
        must_equal(await ask(analyst, asked), history, asked)


def asked_by(asked: Asked, then: datetime) -> Asked:
    """A question that could be asked then already."""
    believed_at = None if asked.believed_at is None else min(asked.believed_at, then)
    if is_day(asked.as_of):
        return replace(asked, as_of=min(asked.as_of, (then - timedelta(days=2)).date()), believed_at=believed_at)
    assert isinstance(asked.as_of, datetime)
    return replace(asked, as_of=min(asked.as_of, then), believed_at=believed_at)


def moment(said: str) -> date | datetime:
    """A day or an instant, as an answer says it."""
    return date.fromisoformat(said) if len(said) == len("2026-01-31") else datetime.fromisoformat(said)
