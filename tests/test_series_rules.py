"""A series of prices, laid over and taken back, against a plain list with one value for each day."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from pricing.rules.series import Laid, Priced, in_the_way, lay, priced_at
from pricing.rules.taking_back import Remembered, without

DAY = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 45
Wish = tuple[int, int | None, int | None]
"""The day on which it begins, how many days it lasts, and the amount."""
lengths = st.none() | st.integers(1, 10)
laid = st.tuples(st.integers(0, 30), lengths, st.none() | st.integers(0, 999))


def day(number: int) -> datetime:
    return DAY + timedelta(number)


def as_days(series: list[Priced]) -> list[int | None]:
    """The amount of each day; that there are not two is seen on the way."""
    found = []
    for number in range(DAYS):
        holding = [one.amount for one in series if one.covers(day(number))]
        assert len(holding) <= 1
        found.append(holding[0] if holding else None)
    return found


@given(st.lists(laid, max_size=20))
def test_whatever_is_laid_holds_where_it_was_laid_and_nowhere_else(wishes: list[Wish]) -> None:
    series: list[Priced] = []
    layers: list[Wish] = []
    for start, length, amount in wishes:
        new = Laid(day(start), None if length is None else day(start + length), amount)
        if in_the_way(series, new.begins, new.ends):
            continue
        series = lay(series, new)
        layers.append((start, length, amount))

    assert as_days(series) == painted(layers)
    assert series == sorted(series)


class Diary:
    """One series with all that was ever believed of it, as the database keeps it."""

    def __init__(self) -> None:
        self.rows: list[Remembered] = []
        self.ids = count(1)
        self.instants = count(1)

    def now(self) -> list[Priced]:
        """What is believed now."""
        return [row.priced for row in self.rows if row.superseded_at is None]

    def believe(self, after: list[Priced], change: str) -> None:
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
        self.rows += [Remembered(one, at, None, None) for one in fresh]


def painted(layers: Iterable[Wish]) -> list[int | None]:
    """The amount of each day, when layers are laid one over the other."""
    days: list[int | None] = [None] * DAYS
    for start, length, amount in layers:
        for covered in range(start, DAYS if length is None else start + length):
            days[covered] = amount
    return days


@given(st.lists(laid | st.integers(0, 10), max_size=14))
def test_what_is_taken_back_was_never_there(steps: list[Wish | int]) -> None:
    """Prices and gaps are laid over each other and taken back in any order; nothing is laid into a gap."""
    diary = Diary()
    layers: dict[str, Wish] = {}
    gaps: set[int] = set()
    for number, step in enumerate(steps):
        if isinstance(step, int):
            if not layers:
                continue
            change = list(layers)[step % len(layers)]
            left = without(diary.rows, change)
            if left is not None:
                diary.believe(left.prices, change)
            del layers[change]
        else:
            start, length, amount = step
            new = Laid(day(start), None if length is None else day(start + length), amount, f"change {number}")
            reach = set(range(start, DAYS if length is None else start + length))
            if in_the_way(diary.now(), new.begins, new.ends) or reach & gaps:
                continue
            if amount is None:
                gaps |= reach
            diary.believe(lay(diary.now(), new), f"change {number}")
            layers[f"change {number}"] = step
        assert as_days(diary.now()) == painted(layers.values())


def test_a_price_that_was_split_is_one_price_again() -> None:
    diary = Diary()
    diary.believe(lay([], Laid(day(0), None, 100, "first")), "first")
    diary.believe(lay(diary.now(), Laid(day(5), day(7), 90, "weekend")), "weekend")
    assert [(one.amount, one.valid_from) for one in diary.now()] == [(100, day(0)), (90, day(5)), (100, day(7))]

    left = without(diary.rows, "weekend")

    assert left is not None
    assert left.since == day(5)
    assert left.prices == [Priced(day(0), None, 100, "first")]
    assert without(diary.rows, "nobody's") is None
    assert priced_at(left.prices, day(-1)) is None
