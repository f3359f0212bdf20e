"""CSV: RFC 4180 in UTF-8 with a header row, safe to open in a spreadsheet."""

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import TextIOWrapper
from typing import Any, BinaryIO

from commerce.kernel.cells import disarmed
from orders.reports.files.tables import Kind, Row, Table


def _rate(cell: Decimal) -> str:
    return format(cell, "f")


def _instant(cell: datetime) -> str:
    return f"{cell.astimezone(UTC).isoformat().removesuffix('+00:00')}Z"


def _boolean(cell: object) -> str:
    return "true" if cell else "false"


_WORDS: dict[Kind, Callable[[Any], str] | None] = {
    Kind.TEXT: disarmed,
    Kind.COUNT: None,
    Kind.RATE: _rate,
    Kind.MONEY: None,
    Kind.DATE: None,
    Kind.INSTANT: _instant,
    Kind.BOOLEAN: _boolean,
}
"""How a cell is said; None where Python's own word for it is the right one."""
assert _WORDS.keys() == set(Kind), "every kind of cell can be written"


class CsvWriter:
    """Writes a table to a file that is open. What a spreadsheet would run gets a quote before it."""

    def __init__(self, table: Table, sink: BinaryIO) -> None:
        """Write the header."""
        self._words = [_WORDS[column.kind] for column in table.columns]
        self._text = TextIOWrapper(sink, encoding="utf-8", newline="")
        self._csv = csv.writer(self._text)
        self._csv.writerow([disarmed(column.name) for column in table.columns])

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        if rows:
            columns = zip(self._words, zip(*rows, strict=True), strict=True)
            self._csv.writerows(zip(*[_said(words, cells) for words, cells in columns], strict=True))

    def close(self) -> None:
        """Write what is still in memory. The file stays open."""
        self._text.detach()


def _said(words: Callable[[Any], str] | None, cells: Iterable[object]) -> Iterable[object]:
    return cells if words is None else [None if cell is None else words(cell) for cell in cells]
