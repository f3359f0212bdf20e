"""Faults: what is wrong with a folder, each with its place, and the refusal that carries the first of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from commerce.exchange.files import FORMAT
from commerce.kernel.refusals import Refusal

SHOWN_MAX = 100

_FILE_PLACE = {file.name: place for place, file in enumerate(FORMAT)}
_COLUMN_PLACE = {
    (file.name, column): place for file in FORMAT for place, column in enumerate(file.column_names, start=1)
}


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong. `line` is the line of the file, from 1, on which the row begins.

    A fault of a whole file has no line, and a fault of a whole row has no column.
    """

    file: str
    line: int | None
    column: str | None
    message: str


@dataclass(eq=False)
class FolderRefused(Refusal):
    """Something is wrong with a folder, so nothing of it was kept: its first faults, and how many there are."""

    status = 422
    code = "folder_refused"
    errors: list[Fault]
    error_count: int

    def __str__(self) -> str:
        many = "1 error" if self.error_count == 1 else f"{self.error_count} errors"
        return f"Nothing was imported: the folder has {many}."


@dataclass(eq=False)
class FolderUnreadable(Refusal):
    """There is no such folder to import, or it cannot be looked into."""

    status = 400
    code = "folder_unreadable"
    folder: str
    reason: str

    def __str__(self) -> str:
        return f"{self.folder} cannot be imported: {self.reason}."


@dataclass(eq=False)
class FolderUnwritable(Refusal):
    """The folder to export to cannot be written to, or would be mixed up with what is in it."""

    status = 400
    code = "folder_unwritable"
    folder: str
    reason: str

    def __str__(self) -> str:
        return f"{self.folder} cannot be exported to: {self.reason}."


class ImportCollided(Refusal):
    """While the folder was being stored, somebody else stored something that stands in its way."""

    status = 409
    code = "import_collided"

    def __init__(self, detail: str) -> None:
        self.detail = detail

    def facts(self) -> dict[str, object]:
        """What the database said."""
        return {"detail": self.detail}

    def __str__(self) -> str:
        return f"Nothing was imported: the shop changed meanwhile ({self.detail}). Import the folder again."


class Faults:
    """Faults found while reading: all are counted, and of each file the first ones are kept."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: dict[str, list[Fault]] = {}
        self.lost: set[str] = set()
        """Files of which some row could not be read at all, so that nobody can say what is not in them."""

    def add(self, file: str, line: int | None, column: str | None, message: str) -> None:
        """Note a fault. The faults of one file come in the order of its lines."""
        self.count += 1
        kept = self._kept.setdefault(file, [])
        if len(kept) < SHOWN_MAX:
            kept.append(Fault(file, line, column, message))

    def first(self, others: Iterable[Fault]) -> list[Fault]:
        """The first faults of these and others, by file in the format's order, line and column."""
        ours = [fault for kept in self._kept.values() for fault in kept]
        return sorted([*ours, *others], key=_place)[:SHOWN_MAX]


def file_of(name: str) -> str:
    """The file of the format behind a file's name: `orders` for `orders.csv.gz`."""
    return name.removesuffix(".gz").removesuffix(".csv")


def _place(fault: Fault) -> tuple[int, str, int, int, str]:
    file = file_of(fault.file)
    column = _COLUMN_PLACE.get((file, fault.column or ""), 0)
    return _FILE_PLACE.get(file, len(FORMAT)), fault.file, fault.line or 0, column, fault.message
