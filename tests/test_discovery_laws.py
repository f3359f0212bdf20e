"""Discoveries over random small histories: always what the plain recomputation says, to the last pair and chance."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest

from commerce.kernel.access import Role
from commerce.kernel.clock import SetClock
from commerce.kernel.db import Database
from tests.attach_asking import parameters
from tests.attach_loading import load
from tests.attach_questions import end_of
from tests.attach_world import Asked
from tests.conftest import Api, Callers, Json
from tests.discovery_worlds import LEVELS, crowd, pairs_question, scope_of
from tests.naive_discovery import Numbers, Wanted, Which, at_least, either_way, gaps, guarded, pairs
from tests.wrong_discovery import PAIRS, caught
from tests.wrong_engines import Patch

SCOPE = ("from", "to", "as_of", "believed_at", "channel_kind", "channel", "market", "store")
OF_GAPS = ("from", "to", "as_of", "believed_at", "market")
DIGITS = Fraction(6, 1000)
"""Chances are answered with three digits."""
WORLDS = range(25)
QUESTIONS = 4


@pytest.fixture
async def analyst(callers: Callers) -> Api:
    """Somebody who may look at figures."""
    return await callers(Role.ANALYST)


async def test_every_pair_is_that_of_the_plain_recomputation(db: Database, clock: SetClock, analyst: Api) -> None:
    seen = 0
    for number in WORLDS:
        history, dice = crowd(number), Random(number)  # noqa: S311 - nothing here is secret
        clock.set(end_of(history))
        await load(db, history)
        for _ in range(QUESTIONS):
            asked, wanted = pairs_question(dice, history)
            support = dice.choice((1, 1, 2))
            found = await analyst.get("/v1/reports/attach-pairs", **pairs_parameters(asked, wanted, support))
            assert found.status_code == 200, found.text
            must_be_pairs(found.json(), pairs(history, asked, wanted), wanted, support)
            seen += len(found.json()["rows"])

    assert seen > len(WORLDS) * QUESTIONS * 5


async def test_every_gap_is_that_of_the_plain_recomputation(db: Database, clock: SetClock, analyst: Api) -> None:
    for number in WORLDS:
        history, dice = crowd(number), Random(number)  # noqa: S311 - nothing here is secret
        clock.set(end_of(history))
        await load(db, history)
        for level in LEVELS:
            asked = replace(scope_of(dice, history), channel=None, channel_kind="all", store=None)
            named = scope_parameters(asked, OF_GAPS)
            found = await analyst.get("/v1/reports/channel-gaps", **named, level=level, min_support=1)
            assert found.status_code == 200, found.text
            must_be_gaps(found.json(), gaps(history, asked, level))


def scope_parameters(asked: Asked, names: Sequence[str]) -> Json:
    """A scope as the parameters of an address."""
    return {name: value for name, value in parameters(asked).items() if name in names}


def pairs_parameters(asked: Asked, wanted: Wanted, support: int) -> Json:
    """A question about pairs as the parameters of an address."""
    window: Json = {} if asked.window_days is None else {"window_days": asked.window_days}
    window |= {"later_only": "true"} if wanted.later_only else {}
    per: Json = {} if wanted.per is None else {"per": wanted.per}
    named: Json = {"basis": wanted.basis, "level": wanted.level, "min_support": support, "min_lift": "0", "limit": 200}
    return {**scope_parameters(asked, SCOPE), **named, **window, **per}


def must_be_pairs(answer: Json, counted: dict[Which, Numbers], wanted: Wanted, support: int) -> None:
    """An answer has the pairs, and what they are worth, of the plain recomputation."""
    tested = {
        which: at_least(one.both, one.anchors, one.attaches, one.whole)
        for which, one in counted.items()
        if one.anchors >= support and one.attaches >= support
    }
    rows = {(row["group"].get(wanted.per, ""), row["anchor"], row["attach"]): row for row in answer["rows"]}
    assert len(rows) == len(answer["rows"]) == answer["found"], "no pair comes twice"
    assert rows.keys() == {which for which in tested if counted[which].both >= support}
    assert answer["tests"] == (len(tested) if wanted.basis == "customers" else len(tested) // 2)
    for which, row in rows.items():
        numbers = Numbers(row["whole"], row["anchors"], row["attaches"], row["both"], row["open"])
        assert numbers == counted[which], which
        assert is_near(row["p"], tested[which]), which
        assert is_near(row["q"], guarded(tested[which], list(tested.values()))), which
        assert Fraction(row["lift"]) == rounded(
            Fraction(numbers.both * numbers.whole, numbers.anchors * numbers.attaches)
        )
    lifts = [Fraction(row["lift"]) for row in answer["rows"]]
    assert lifts == sorted(lifts, reverse=True)


def must_be_gaps(answer: Json, counted: dict[str, dict[str, tuple[int, int]]]) -> None:
    """An answer has the things, and how they sell, of the plain recomputation."""
    whole = counted.pop("")
    assert {kind: (answer[kind]["units"], answer[kind]["orders"]) for kind in whole} == whole
    sold = {thing: one for thing, one in counted.items() if one["online"][1] + one["retail"][1]}
    rows = {row["thing"]: row for row in answer["rows"]}
    all_online, everything = whole["online"][1], whole["online"][1] + whole["retail"][1]
    chances = {
        thing: either_way(one["online"][1], one["online"][1] + one["retail"][1], all_online, everything)
        for thing, one in sold.items()
    }
    assert {
        thing: {kind: (row[kind]["units"], row[kind]["orders"]) for kind in whole} for thing, row in rows.items()
    } == sold
    for thing, row in rows.items():
        assert is_near(row["p"], chances[thing]), thing
        assert is_near(row["q"], guarded(chances[thing], list(chances.values()))), thing


def is_near(said: str, exact: Fraction) -> bool:
    """Whether a chance is the one that was said, as far as its digits go."""
    return abs(Fraction(said) - exact) <= exact * DIGITS


def rounded(exact: Fraction) -> Fraction:
    """Six digits, half to even."""
    return Fraction(round(exact * 1_000_000), 1_000_000)


@pytest.mark.parametrize("thought", PAIRS)
def test_a_rule_that_is_wrong_would_be_noticed(monkeypatch: Patch, thought: str) -> None:
    assert caught(monkeypatch, PAIRS[thought], WORLDS) is not None
