"""Answer: rows with what they mean and as of when, a page at a time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, TypeVar

import msgspec

from commerce.kernel.bodies import Amount
from orders.reports.cite import filters_shown, said
from orders.reports.definitions import STORE
from orders.reports.lessons.schemas import Lesson, LessonDefinition
from orders.reports.pages import Ended, cursor_after, digest_of, ended, foreign, going_on
from orders.reports.rules import Period
from orders.reports.schemas import PeriodView, SetView
from orders.reports.scope import ScopeAsked, Seen

Row = TypeVar("Row")
Order = tuple[int, int, str]
"""Where a row stands: by two numbers first, and by words where those are equal."""
_PLACE = 3


class Meaning(NamedTuple):
    """What a lesson's figures are, and what was asked."""

    figures: Mapping[str, str]
    rules: Sequence[str]
    sets: Mapping[str, SetView | None]
    numbers: Mapping[str, int]
    group_by: Sequence[str]
    stock_as_of: date | datetime | None = None


class Paged(NamedTuple):
    """A question whose answer has pages: what was asked of what within what, and where the page before ended."""

    name: str
    asked: tuple[object, ...]
    within: ScopeAsked
    cursor: str | None

    @property
    def digest(self) -> str:
        """The same for every page of an answer, and for no other question."""
        return digest_of(self.within, self.name, self.asked)


def lesson_of(seen: Seen, meaning: Meaning, rows: Sequence[Row], period: Period | None = None) -> Lesson[Row]:
    """All rows, with what they mean. `period` is what was filled in for the one that was asked for."""
    as_of = seen.scope.as_of
    return Lesson(
        definition=LessonDefinition(
            figures=dict(meaning.figures),
            rules=[*meaning.rules, *([STORE] if seen.scope.store else [])],
            sets={name: named for name, named in meaning.sets.items() if named is not None},
            numbers=dict(meaning.numbers),
            period=PeriodView(*(None if bound is None else said(bound) for bound in period or seen.scope.period)),
            filters=filters_shown(seen.scope),
            group_by=list(meaning.group_by),
            stock_as_of=None if meaning.stock_as_of is None else said(meaning.stock_as_of),
        ),
        as_of=said(as_of_said(seen)),
        believed_at=as_of.believed_at,
        settled=seen.settled,
        rows=list(rows),
    )


def as_of_said(seen: Seen) -> date | datetime:
    """The as-of as it was asked for."""
    return seen.scope.as_of.day or seen.scope.as_of.instant


def page_of(lesson: Lesson[Row], paged: Paged, place: Callable[[Row], Order], limit: int) -> Lesson[Row]:
    """A page of rows that are in order, as of what was asked. Raises InvalidInput for a cursor of something else."""
    end = _end_of(paged)
    rows = lesson.rows if end is None else [row for row in lesson.rows if place(row) > _place(end)]
    if len(rows) <= limit:
        return msgspec.structs.replace(lesson, rows=rows)
    rows = rows[:limit]
    within = paged.within
    moment = {
        "as_of": within.as_of or str(lesson.as_of),
        "believed_at": within.believed_at or said(lesson.believed_at),
    }
    after = cursor_after(paged.digest, msgspec.structs.replace(within, **moment), *place(rows[-1]))
    return msgspec.structs.replace(lesson, rows=rows, next_cursor=after)


def as_before(paged: Paged) -> Paged:
    """With the as-of of the first page, if this is another one: all pages are of one moment.

    Raises InvalidInput for a cursor of something else.
    """
    return paged._replace(within=going_on(paged.within, _end_of(paged)))


def words_of(group: Mapping[str, str | None]) -> str:
    """A row's group as text: equal for no two of them, and in the order of the words."""
    return msgspec.json.encode(list(group.values())).decode()


def amount(by_currency: Mapping[str, int]) -> Amount | None:
    """What was added up for each currency, if there is one only."""
    return next((Amount(minor, currency) for currency, minor in by_currency.items() if len(by_currency) == 1), None)


def _end_of(paged: Paged) -> Ended | None:
    return ended(paged.cursor, paged.digest, paged.within, _PLACE)


def _place(end: Ended) -> Order:
    first, second, words = end.place
    try:
        return int(first), int(second), words
    except ValueError:
        raise foreign() from None
