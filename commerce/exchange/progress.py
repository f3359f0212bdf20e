"""Progress and reports: what whoever waits is told on the way, and at the end."""

from typing import Protocol

import msgspec


class Progress(Protocol):
    """Whoever wants to know how far the work is. Called often; must be quick and must not raise."""

    def reading(self, file: str, done: int, of: int) -> None:
        """So many bytes of a file are read, of so many."""
        ...

    def working(self, what: str) -> None:
        """A stage begins that cannot tell how long it will take."""
        ...


class Silence:
    """Nobody wants to know."""

    def reading(self, file: str, done: int, of: int) -> None:
        """Say nothing."""

    def working(self, what: str) -> None:
        """Say nothing."""


class FileImported(msgspec.Struct, frozen=True):
    """What became of a file's rows."""

    rows: int
    new: int
    changed: int
    unchanged: int


class ImportReport(msgspec.Struct, frozen=True):
    """What became of the rows of each file that was in the folder, in the format's order."""

    files: dict[str, FileImported]


class ExportReport(msgspec.Struct, frozen=True):
    """How many rows each file got, in the format's order; and what the format has no words for."""

    files: dict[str, int]
    open_orders_left_out: int
    """Orders that are neither completed nor cancelled yet: only what is over is history."""
