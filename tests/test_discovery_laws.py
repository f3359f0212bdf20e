"""Discoveries over random small histories: always what the plain recomputation says, to the last pair and chance."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import NamedTuple

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
from tests.naive_discovery import (
    Numbers,
    Sides,
    Wanted,
    Which,
    at_least,
    gaps,
    guarded,
    of_kind,
    pairs,
    within_markets,
)
from tests.wrong_discovery import GAPS, PAIRS, answers_of_gaps, caught
from tests.wrong_engines import Patch

SCOPE = ("from", "to", "as_of", "believed_at", "channel_kind", "channel", "market", "store")
OF_GAPS = ("from", "to", "as_of", "believed_at", "market")
DIGITS = Fraction(6, 1000)
"""Chances are answered with three digits."""
KINDS = ("online", "retail")
SHARE_OF_CHANCE = Fraction(5, 100)
LIFT, RATIO = "1.2137", "1.7137"
"""So odd that nothing in these worlds has just so much."""
WORLDS = range(25)
QUESTIONS = 4


class Least(NamedTuple):
    """What a pair has at least that is listed."""

    support: int
    lift: float

    def has(self, one: Numbers) -> bool:
        """Whether a pair is listed, if its things come often enough."""
        return one.both >= self.support and one.both >= self.lift * one.expected


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
            counted = pairs(history, asked, wanted)
            for lift in ("0", LIFT):
                named = pairs_parameters(asked, wanted, support)
                found = await analyst.get("/v1/reports/attach-pairs", **{**named, "min_lift": lift})
                assert found.status_code == 200, found.text
                must_be_pairs(found.json(), counted, wanted, Least(support, float(lift)))
                seen += len(found.json()["rows"])

    assert seen > len(WORLDS) * QUESTIONS * 10


async def test_every_gap_is_that_of_the_plain_recomputation(db: Database, clock: SetClock, analyst: Api) -> None:
    for number in WORLDS:
        history, dice = crowd(number), Random(number)  # noqa: S311 - nothing here is secret
        clock.set(end_of(history))
        await load(db, history)
        for level in LEVELS:
            asked = replace(scope_of(dice, history), channel=None, channel_kind="all", store=None)
            named = scope_parameters(asked, OF_GAPS)
            for ratio in ("1", RATIO):
                found = await analyst.get(
                    "/v1/reports/channel-gaps", **named, level=level, min_support=1, min_ratio=ratio
                )
                assert found.status_code == 200, found.text
                must_be_gaps(found.json(), gaps(history, asked, level), Fraction(ratio))


def scope_parameters(asked: Asked, names: Sequence[str]) -> Json:
    """A scope as the parameters of an address."""
    return {name: value for name, value in parameters(asked).items() if name in names}


def pairs_parameters(asked: Asked, wanted: Wanted, support: int) -> Json:
    """A question about pairs as the parameters of an address."""
    window: Json = {} if asked.window_days is None else {"window_days": asked.window_days}
    window |= {"later_only": "true"} if wanted.later_only else {}
    window |= {"complete_only": "true"} if wanted.complete_only else {}
    per: Json = {} if wanted.per is None else {"per": wanted.per}
    named: Json = {"basis": wanted.basis, "level": wanted.level, "min_support": support, "limit": 200}
    return {**scope_parameters(asked, SCOPE), **named, **window, **per}


def must_be_pairs(answer: Json, counted: dict[Which, Numbers], wanted: Wanted, least: Least) -> None:
    """An answer has the pairs, and what they are worth, of the plain recomputation."""
    tested = {
        which: at_least(one.both, one.expected) if least.has(one) else Fraction(1)
        for which, one in counted.items()
        if one.anchors >= least.support and one.attaches >= least.support
    }
    rows = {(row["group"].get(wanted.per, ""), row["anchor"], row["attach"]): row for row in answer["rows"]}
    assert len(rows) == len(answer["rows"]) == answer["found"], "no pair comes twice"
    assert rows.keys() == {which for which in tested if least.has(counted[which])}
    assert answer["tests"] == (len(tested) if wanted.basis == "customers" else len(tested) // 2)
    for which, row in rows.items():
        numbers = Numbers(row["whole"], row["anchors"], row["attaches"], row["both"], row["open"])
        numbers_of = counted[which]
        assert numbers == numbers_of, which
        assert is_near(row["p"], tested[which]), which
        assert is_near(row["q"], guarded(tested[which], list(tested.values()))), which
        assert Fraction(row["lift"]) == rounded(
            Fraction(numbers.both * numbers.whole, numbers.anchors * numbers.attaches)
        )
        assert is_close(row["expected"], numbers_of.expected), which
        assert is_close(row["adjusted_lift"], numbers.both / numbers_of.expected), which
    lifts = [Fraction(row["adjusted_lift"]) for row in answer["rows"]]
    assert lifts == sorted(lifts, reverse=True)


def must_be_gaps(answer: Json, counted: dict[str, Sides], least: Fraction) -> None:
    """An answer has the things, and how they sell, of the plain recomputation."""
    whole = counted.pop("")
    sold = {thing: one for thing, one in counted.items() if any(of_kind(one, kind)[1] for kind in KINDS)}
    rows = {row["thing"]: row for row in answer["rows"]}
    within = {thing: within_markets(one, whole) for thing, one in sold.items()}
    assert of_kinds(answer) == {kind: of_kind(whole, kind) for kind in KINDS}
    assert {thing: of_kinds(row) for thing, row in rows.items()} == {
        thing: {kind: of_kind(one, kind) for kind in KINDS} for thing, one in sold.items()
    }
    tested = {thing: chance if is_uneven(ratio, least) else Fraction(1) for thing, (ratio, chance) in within.items()}
    for thing, row in rows.items():
        ratio, chance = within[thing]
        assert (row["adjusted_ratio"] is None) == (ratio is None), thing
        assert ratio is None or Fraction(row["adjusted_ratio"]) == rounded(ratio), thing
        assert is_near(row["p"], chance), thing
        assert is_near(row["q"], guarded(tested[thing], list(tested.values()))), thing
        assert row["gap"] == (is_uneven(ratio, least) and Fraction(row["q"]) <= SHARE_OF_CHANCE), thing


def is_uneven(ratio: Fraction | None, least: Fraction) -> bool:
    """Whether one share is so many times the other; of nothing, it is."""
    return not ratio or max(ratio, 1 / ratio) >= least


def of_kinds(said: Json) -> dict[str, tuple[int, int]]:
    """Units and orders of what was said of online and of stores."""
    return {kind: (said[kind]["units"], said[kind]["orders"]) for kind in KINDS}


def is_near(said: str, exact: Fraction) -> bool:
    """Whether a chance is the one that was said, as far as its digits go."""
    return abs(Fraction(said) - exact) <= exact * DIGITS


def is_close(said: str, exact: float) -> bool:
    """Whether a number is the one that was said, to nearly five digits."""
    return abs(float(said) - exact) <= 1e-6 + 2e-5 * exact


def rounded(exact: Fraction) -> Fraction:
    """Six digits, half to even."""
    return Fraction(round(exact * 1_000_000), 1_000_000)


@pytest.mark.parametrize("thought", PAIRS)
def test_a_rule_that_is_wrong_would_be_noticed(monkeypatch: Patch, thought: str) -> None:
    assert caught(monkeypatch, PAIRS[thought], WORLDS) is not None


@pytest.mark.parametrize("thought", GAPS)
def test_a_rule_of_gaps_that_is_wrong_would_be_noticed(monkeypatch: Patch, thought: str) -> None:
    assert caught(monkeypatch, GAPS[thought], WORLDS, answers_of_gaps) is not None
