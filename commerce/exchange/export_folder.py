"""Export: everything the exchange format has words for, as a folder that can be imported again.

It has none for an order's shipping nor for promotions: an exported order is its lines, and its total is theirs. What
each line was reduced by goes out, but not by what; decision 0018 has all that is left behind.
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, cast

from commerce.exchange.export_rows import OPEN_ORDERS, export_query
from commerce.exchange.faults import FolderUnwritable
from commerce.exchange.files import FORMAT, File
from commerce.exchange.look import is_csv
from commerce.exchange.progress import ExportReport, Progress, Silence
from commerce.exchange.stage import in_batches
from commerce.exchange.wire import Record, Wire, wire_of
from commerce.kernel.db import Database


async def export_folder(
    db: Database, folder: Path, *, gzipped: bool = False, progress: Progress | None = None
) -> ExportReport:
    """Write every file that has a row, all as of one instant, the rows in the order of their keys.

    The folder is made if need be. Raises FolderUnwritable if it holds CSV files already, or cannot be written to.
    Files appear under their names when all are complete.
    """
    place = _Workplace(folder)
    place.make()
    try:
        async with db.snapshot() as tx:
            wire = await wire_of(tx)
            rows = {}
            for file in FORMAT:
                (progress or Silence()).working(f"writing {file.name}")
                rows[file.name] = await _write(wire, file, place, ending=".csv.gz" if gzipped else ".csv")
            left_out = await wire.fetchval(OPEN_ORDERS)
        place.finish()
    finally:
        place.clear()
    return ExportReport({name: count for name, count in rows.items() if count}, left_out)


async def _write(wire: Wire, file: File, place: "_Workplace", ending: str) -> int:
    count = 0
    written: _Written | None = None
    try:
        async for batch in in_batches(wire.cursor(export_query(file.name), prefetch=5_000)):
            if batch and written is None:
                written = place.begin(f"{file.name}{ending}")
                written.write([file.column_names])
            if written is not None:
                written.write(batch)
            count += len(batch)
    finally:
        if written is not None:
            written.close()
    return count


class _Workplace:
    """Files on their way: hidden until all are complete, gone if one fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun: dict[Path, Path] = {}

    def make(self) -> None:
        """See to a folder without CSV files."""
        with _can_be_written(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            if any(is_csv(path.name) for path in self._folder.iterdir()):
                raise FolderUnwritable(str(self._folder), "it holds CSV files already")

    def begin(self, name: str) -> "_Written":
        """A file to write to."""
        hidden = self._folder / f".{name}.partial"
        self._begun[hidden] = self._folder / name
        return _Written(hidden, gzipped=name.endswith(".gz"))

    def finish(self) -> None:
        """Show all files under their names."""
        with _can_be_written(self._folder):
            for hidden, final in self._begun.items():
                hidden.rename(final)

    def clear(self) -> None:
        """Leave nothing that is not complete."""
        for hidden in self._begun:
            with suppress(OSError):  # Where nothing can be written, nothing was.
                hidden.unlink(missing_ok=True)


class _Written:
    """A file that is being written, plain or packed."""

    def __init__(self, path: Path, *, gzipped: bool) -> None:
        self._folder = path.parent
        self._opened = ExitStack()
        with _can_be_written(self._folder):
            binary: BinaryIO = self._opened.enter_context(path.open("wb"))
        if gzipped:
            # Neither name nor time of the file is in it: the same rows make the same bytes.
            packed = gzip.GzipFile(filename="", fileobj=binary, mode="wb", mtime=0)
            binary = cast("BinaryIO", self._opened.enter_context(packed))
        self._writer = csv.writer(self._opened.enter_context(TextIOWrapper(binary, encoding="utf-8", newline="")))

    def write(self, rows: Sequence[Record]) -> None:
        """Add rows."""
        with _can_be_written(self._folder):
            self._writer.writerows(rows)

    def close(self) -> None:
        """Add what is still in memory."""
        with _can_be_written(self._folder):
            self._opened.close()


@contextmanager
def _can_be_written(folder: Path) -> Iterator[None]:
    """Say that it is the folder's fault where it is: a database that went away is an OSError as well."""
    try:
        yield
    except OSError as error:
        raise FolderUnwritable(str(folder), error.strerror or str(error)) from error
