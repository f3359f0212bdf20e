"""Export: everything the exchange format has words for, as a folder that can be imported again."""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from commerce.exchange.export_rows import OPEN_ORDERS, export_query
from commerce.exchange.faults import FolderUnusable
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

    The folder is made if need be. Raises FolderUnusable if it holds CSV files already, or cannot be written to. Files
    appear under their names when all are complete.
    """
    with _workplace(folder) as place:
        async with db.snapshot() as tx:
            wire = await wire_of(tx)
            rows = {}
            for file in FORMAT:
                (progress or Silence()).working(f"writing {file.name}")
                rows[file.name] = await _write(wire, file, place, gzipped=gzipped)
            left_out = await wire.fetchval(OPEN_ORDERS)
    return ExportReport({name: count for name, count in rows.items() if count}, left_out)


class _Workplace:
    """Files on their way: hidden until all are complete, gone if one fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun: dict[Path, Path] = {}

    @contextmanager
    def begin(self, name: str) -> Iterator[TextIO]:
        """A file to write to."""
        hidden = self._folder / f".{name}.partial"
        self._begun[hidden] = self._folder / name
        with ExitStack() as opened:
            binary: BinaryIO = opened.enter_context(hidden.open("wb"))
            if name.endswith(".gz"):
                # Neither name nor time of the file is in it: the same rows make the same bytes.
                packed = gzip.GzipFile(filename="", fileobj=binary, mode="wb", mtime=0)
                binary = cast("BinaryIO", opened.enter_context(packed))
            yield opened.enter_context(TextIOWrapper(binary, encoding="utf-8", newline=""))

    def finish(self) -> None:
        for hidden, final in self._begun.items():
            hidden.rename(final)

    def clear(self) -> None:
        for hidden in self._begun:
            hidden.unlink(missing_ok=True)


@contextmanager
def _workplace(folder: Path) -> Iterator[_Workplace]:
    place = _Workplace(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(is_csv(path.name) for path in folder.iterdir()):
            raise FolderUnusable(str(folder), "It holds CSV files already; name an empty folder.")
        yield place
        place.finish()
    except OSError as error:
        raise FolderUnusable(str(folder), error.strerror or str(error)) from error
    finally:
        place.clear()


async def _write(wire: Wire, file: File, place: _Workplace, *, gzipped: bool) -> int:
    count = 0
    write: Callable[[Sequence[Record]], object] | None = None
    with ExitStack() as opened:
        async for batch in in_batches(wire.cursor(export_query(file.name), prefetch=5_000)):
            if not batch:
                continue
            if write is None:
                stream = opened.enter_context(place.begin(f"{file.name}.csv{'.gz' if gzipped else ''}"))
                write = csv.writer(stream).writerows
                write([file.column_names])
            write(batch)
            count += len(batch)
    return count
