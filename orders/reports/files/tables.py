"""Tables: what stands in a file, whichever format it has."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

Cell = str | int | bool | Decimal | date | datetime | None
Row = Sequence[Cell]
"""A cell for each column, in their order; None is an empty cell, whatever the kind."""


class Kind(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    COUNT = "count"
    RATE = "rate"
    """A decimal of at most six digits after the point."""
    MONEY = "money"
    """An amount in minor units; its currency is a column of its own."""
    DATE = "date"
    INSTANT = "instant"
    """An instant with a zone; written in UTC."""
    BOOLEAN = "boolean"


class Column(NamedTuple):
    """A column: its name in the header, and what its cells are."""

    name: str
    kind: Kind


class Table(NamedTuple):
    """What a file is about: everything of it but its rows."""

    name: str
    """Of the report, in plain ASCII, for the file's name: `attach-rate`."""
    as_of: date | datetime
    columns: tuple[Column, ...]
    about: bytes = b"{}"
    """What the figures mean and as of when, as JSON. A Parquet file carries it."""

    def file_name(self, suffix: str) -> str:
        """The file's name."""
        return file_name(self.name, self.as_of, suffix)


def file_name(name: str, as_of: date | datetime, suffix: str) -> str:
    """What a file of a report is called: `attach-rate-2026-05-31.csv`; of an instant, `…-2026-05-31T220000Z.csv`.

    To the second, in UTC, and without colons, which not every file system takes.
    """
    if isinstance(as_of, datetime):
        return f"{name}-{as_of.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.{suffix}"
    return f"{name}-{as_of}.{suffix}"
