"""A series of prices, laid over and taken back, against a plain list with one value for each day."""

import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.rules.layers import Plan, Remembered, TakenBack, Undone, beneath, in_the_way, layers_of, without
from pricing.rules.series import Laid, Priced, cleared, lay, priced_at

DAY = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 45


def day(number: int) -> datetime:
    return DAY + timedelta(number)


def as_days(series: list[Priced]) -> list[tuple[int, str | None] | None]:
    """What is charged on each day, and by which change; that there are not two is seen on the way."""
    found = []
    for number in range(DAYS):
        holding = [(one.amount, one.change_id) for one in series if one.covers(day(number))]
        assert len(holding) <= 1
        found.append(holding[0] if holding else None)
    return found


class Diary:
    """One series with all that was ever believed of it, as the database keeps it."""

    def __init__(self) -> None:
        self.rows: list[Remembered] = []
        self.undone = Undone()
        self.ids = count(1)
        self.instants = count(1)

    def now(self) -> list[Priced]:
        """What is believed now."""
        return [row.priced for row in self.rows if row.superseded_at is None]

    def believe(self, after: list[Priced], change: str | None) -> None:
        """Supersede what is not believed any more, and add what was not believed before."""
        at = DAY - timedelta(days=1) + timedelta(microseconds=next(self.instants))
        kept = {one.id for one in after}
        self.rows = [
            row._replace(superseded_at=at, superseded_by=change)
            if row.superseded_at is None and row.priced.id not in kept
            else row
            for row in self.rows
        ]
        fresh = [one._replace(id=next(self.ids)) for one in after if one.id is None]
        self.rows += [Remembered(one, at, None, change, None) for one in fresh]

    def rows_since(self, since: datetime) -> list[Remembered]:
        """What can still matter from an instant on, as it is read from the database."""
        return [row for row in self.rows if row.priced.valid_to is None or row.priced.valid_to >= since]

    def plan_in(self, begins: int, ends: int | None) -> Plan | None:
        """What would be overwritten from one day to another."""
        layers = layers_of(self.rows_since(day(begins)), self.undone)
        return in_the_way(layers, self.undone, day(begins), None if ends is None else day(ends))

    def lay(self, begins: int, ends: int | None, amount: int | None, change: str | None) -> None:
        """Lay a price or a gap from one day to another over what is believed."""
        self.believe(lay(self.now(), Laid(day(begins), None if ends is None else day(ends), amount, change)), change)

    def undo(self, more: Undone, by: str, since: int) -> TakenBack | None:
        """Let something count no more from a day on; what was over before is neither read nor touched."""
        rows = self.rows_since(day(since))
        left = without(rows, self.undone, more, day(since))
        if left is not None:
            over = {row.priced.id for row in rows}
            self.believe([*(one for one in self.now() if one.id not in over), *left.prices], by)
        self.undone = more
        return left

    def withdraw(self, change: str, now: int = 0) -> TakenBack | None:
        """Withdraw a change that has not begun."""
        return self.undo(self.undone.and_withdrawn(change), change, now)

    def roll_back(self, change: str, by: str, since: int) -> TakenBack | None:
        """Take a change back from a day on."""
        return self.undo(self.undone.and_countered(change, by, day(since)), by, since)


class Move(NamedTuple):
    """Something that somebody does, so many days after the last one."""

    verb: Literal["lay", "withdraw", "roll back"]
    waits: int
    which: int
    """Of the changes that there are."""
    begins: int
    """So many days later."""
    lasts: int | None
    amount: int | None


moves = st.builds(
    Move,
    st.sampled_from(["lay", "lay", "withdraw", "roll back"]),
    st.integers(0, 3),
    st.integers(0, 20),
    st.integers(1, 8),
    st.none() | st.integers(1, 10),
    st.none() | st.integers(0, 999),
)


class Layer(NamedTuple):
    """What a change lays; None is what was there before there were any."""

    change: str | None
    days: range
    amount: int | None


class Told:
    """The same story told day by day: which layer has the say on each, and on which days each change counts."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.counting: dict[str | None, set[int]] = {}
        self.counters: dict[str, tuple[str, bool, set[int]]] = {}
        """The change that it is about in the end, whether that counts again, and on which days it counted before."""
        self.begins: dict[str | None, int] = {}
        self.rolled_back: dict[str, str] = {}
        """By which change."""
        self.withdrawn: set[str] = set()

    def open(self) -> list[str]:
        """The changes that may still be withdrawn or rolled back."""
        return [one for one in self.begins if one and one not in self.rolled_back and one not in self.withdrawn]

    def top(self, number: int, apart_from: str | None = "nobody's") -> Layer | None:
        """What was laid last of what counts on a day."""
        others = (one for one in reversed(self.layers) if one.change != apart_from)
        return next((one for one in others if number in one.days and number in self.counting[one.change]), None)

    def days(self) -> list[tuple[int, str | None] | None]:
        """What is charged on each day."""
        tops = [self.top(number) for number in range(DAYS)]
        return [None if top is None or top.amount is None else (top.amount, top.change) for top in tops]

    def is_planned(self, begins: int, ends: int) -> bool:
        """Whether something would be overwritten."""
        for number in range(begins, ends):
            was, is_ = self.top(number - 1), self.top(number)
            ended = was is not None and was.days.stop == number and (is_ is None or is_.days.start != number)
            if was is not is_ and not (number == begins and ended):
                return True
        return False

    def lay(self, layer: Layer) -> None:
        """Lay a price or a gap."""
        self.layers.append(layer)
        self.counting[layer.change] = set(range(DAYS))
        self.begins[layer.change] = layer.days.start

    def withdraw(self, change: str) -> None:
        """A counter-change that is withdrawn lets things be as they were."""
        self.withdrawn.add(change)
        if change in self.counters:
            of, _, before = self.counters[change]
            self.counting[of] = before
            self.rolled_back = {one: by for one, by in self.rolled_back.items() if by != change}
        else:
            self.counting[change] = set()

    def roll_back(self, change: str, by: str, since: int) -> None:
        """From that day on a change counts no more, or again if it was rolled back by this one."""
        of, counts_again, _ = self.counters.get(change, (change, True, set()))
        before, rest = self.counting[of], set(range(since, DAYS))
        self.counting[of] = before - rest if counts_again else before | rest
        self.counters[by] = (of, not counts_again, before)
        self.begins[by] = since
        self.rolled_back[change] = by


def take(move: Move, change: str, diary: Diary, told: Told, now: int) -> None:
    """Do in both what the move says, if it may be done."""
    begins = now + move.begins
    ends = DAYS if move.lasts is None else min(DAYS, begins + move.lasts)
    if move.verb == "lay":
        planned = diary.plan_in(begins, None if move.lasts is None else ends)
        assert (planned is not None) == told.is_planned(begins, ends)
        if planned is None and begins < ends and (move.amount is not None or None not in told.days()[begins:ends]):
            diary.lay(begins, None if move.lasts is None else ends, move.amount, change)
            told.lay(Layer(change, range(begins, ends), move.amount))
        return
    known = told.open()
    one = known[move.which % len(known)] if known else None
    if one is None or (told.begins[one] <= now) == (move.verb == "withdraw"):
        return
    if move.verb == "withdraw":
        diary.withdraw(one, now)
        told.withdraw(one)
    else:
        diary.roll_back(one, change, begins)
        told.roll_back(one, change, begins)


@given(st.lists(moves, max_size=16))
def test_what_is_charged_is_what_the_changes_say_that_count(steps: list[Move]) -> None:
    """Prices and gaps are laid, withdrawn and rolled back, roll backs as well, in any order.

    Nothing is overwritten that somebody plans, and what is over stays as it was. (A gap where there was no price is not
    laid here: it leaves no trace.)
    """
    diary, told = Diary(), Told()
    diary.lay(0, None, 500, None)
    told.lay(Layer(None, range(DAYS), 500))
    now = 0
    for number, move in enumerate(steps):
        now = min(now + move.waits, DAYS - 20)  # Whatever ends, ends before the last day that is told of.
        before = as_days(diary.now())
        take(move, f"change {number}", diary, told, now)
        assert as_days(diary.now()) == told.days()
        assert as_days(diary.now())[: now + 1] == before[: now + 1]
    layers = layers_of(diary.rows, diary.undone)
    for change in (one for one in told.begins if one is not None):
        under = [beneath(layers, diary.undone, change, day(number)) for number in range(DAYS)]
        tops = [told.top(number, change) for number in range(DAYS)]
        assert under == [None if top is None else top.amount for top in tops]


def test_a_price_that_was_split_is_one_price_again() -> None:
    diary = Diary()
    diary.lay(0, None, 100, "first")
    diary.lay(5, 7, 90, "weekend")
    assert [(one.amount, one.valid_from) for one in diary.now()] == [(100, day(0)), (90, day(5)), (100, day(7))]

    left = diary.withdraw("weekend")

    assert left is not None
    assert left.since == day(5)
    assert left.prices == [Priced(day(0), None, 100, "first")]
    assert diary.withdraw("nobody's") is None
    assert priced_at(left.prices, day(-1)) is None


def test_a_planned_end_is_a_plan_and_a_price_that_merely_goes_on_is_none() -> None:
    diary = Diary()
    diary.lay(0, None, 1000, None)
    diary.lay(10, 20, 800, "temporary")
    diary.lay(30, None, None, "end of sale")

    assert diary.plan_in(12, None) == Plan(day(20), 1000), "the end of what is temporary"
    assert diary.plan_in(20, None) == Plan(day(30), None), "the end of sale"
    assert diary.plan_in(25, 31) == Plan(day(30), None)
    assert diary.plan_in(30, 31) == Plan(day(30), None)
    assert [diary.plan_in(*free) for free in ((5, 10), (12, 20), (20, 30), (31, None))] == [None] * 4
    diary.lay(20, 30, 900, "follows")
    assert diary.plan_in(20, 25) == Plan(day(20), 900), "now somebody begins something there"


def weekly(weeks: int) -> tuple[Diary, datetime]:
    """A price that was cut for two days of every week, each time by another change; and the week after."""
    diary = Diary()
    diary.lay(0, None, 500, None)
    for week in range(weeks):
        diary.lay(7 * week + 1, 7 * week + 3, 400, f"change {week}")
    return diary, day(7 * weeks)


def steps_of(weeks: int) -> int:
    """How many calls it takes to find plans in a diary so long, and to take its last change back, all of it read."""
    diary, after = weekly(weeks)
    more = diary.undone.and_countered(f"change {weeks - 1}", "counter", after - timedelta(days=6))
    calls = 0

    def counted(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(counted)
    try:
        in_the_way(layers_of(diary.rows, diary.undone), diary.undone, after, None)
        without(diary.rows, diary.undone, more, DAY)
    finally:
        sys.setprofile(None)
    return calls


def test_a_diary_eight_times_as_long_takes_little_more_than_eight_times_as_long() -> None:
    assert steps_of(160) < 10 * steps_of(20)


def test_below_a_change_that_is_rolled_back_lies_what_the_earlier_ones_say_that_count() -> None:
    diary = Diary()
    diary.lay(0, None, 1000, None)
    diary.lay(5, None, 900, "a")
    diary.lay(8, None, 800, "b")
    diary.roll_back("b", "not b", 10)
    assert as_days(diary.now())[9:11] == [(800, "b"), (900, "a")]
    diary.roll_back("a", "not a", 12)
    assert as_days(diary.now())[11:13] == [(900, "a"), (1000, None)]
    diary.roll_back("not b", "b after all", 14)
    assert as_days(diary.now())[13:15] == [(1000, None), (800, "b")]


@pytest.mark.parametrize(
    ("begins", "ends", "left"),
    [
        (0, 5, [(5, 10)]),
        (2, 5, [(0, 2), (5, 10)]),
        (2, None, [(0, 2)]),
        (0, 10, []),
        (10, 12, [(0, 10)]),
    ],
)
def test_what_is_cleared_is_cut_at_both_ends(begins: int, ends: int | None, left: list[tuple[int, int]]) -> None:
    series = [Priced(day(0), day(10), 100, "a", None, 7)]

    found = cleared(series, day(begins), None if ends is None else day(ends))

    assert [one[:2] for one in found] == [(day(first), day(last)) for first, last in left]
    assert [one.id for one in found] == ([7] if (begins, ends) == (10, 12) else [None] * len(left))
