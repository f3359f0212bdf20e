"""Sheet: a lesson as a table, which is then written as a file."""

from collections.abc import Iterator

import msgspec

from orders.reports.cite import period_named, set_named
from orders.reports.files.flatten import Flat
from orders.reports.files.tables import Column, Kind
from orders.reports.lessons.schemas import Lesson, LessonDefinition, Row
from orders.reports.tabulate import Sheet, Stamped, about, stamped


def lesson_sheet(name: str, shape: type[msgspec.Struct], lesson: Lesson[Row]) -> Sheet:
    """All rows, each with what it takes to ask for it again. `shape` is what they are."""
    flat = Flat(shape, [Column(group, Kind.TEXT) for group in lesson.definition.group_by])
    asked = "; ".join([name.replace("-", " "), *_parts(lesson.definition)])
    return stamped(name, flat, lesson.rows, Stamped(lesson, about(lesson), asked))  # type: ignore[arg-type]  # rows are of the shape


def _parts(definition: LessonDefinition) -> Iterator[str]:
    yield from (f"{field} {set_named(chosen)}" for field, chosen in definition.sets.items())
    yield from (f"{field} {number}" for field, number in definition.numbers.items())
    if "days" not in definition.numbers:  # Else the period is those last days.
        yield period_named(definition.period)
    yield from (f"{field} {word}" for field, word in definition.filters.items())
    if definition.stock_as_of is not None:
        yield f"stock as of {definition.stock_as_of}"
