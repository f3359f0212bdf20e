"""Make: a table becomes a file, of which every byte is there before the first one is sent.

A file has no name in any folder: when it is closed, or its process is gone, however that came, so is the file. It lies
where the system keeps temporary files (TMPDIR), on a disk, if memory is to stay bounded.
"""

import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from enum import StrEnum
from io import BytesIO
from os import SEEK_END
from typing import Annotated, BinaryIO, NamedTuple, ParamSpec, Protocol, TypeVar, cast

import structlog
from litestar.params import QueryParameter

from orders.reports.files.csv_file import CsvWriter
from orders.reports.files.errors import NoRoomForFile, TooManyFiles
from orders.reports.files.tables import Row, Table
from orders.reports.files.turns import Turns, in_thread

_BUFFER_BYTES = 1 << 20
_PIECE_BYTES = 1 << 18

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")
_log = structlog.get_logger()


class Format(StrEnum):
    """How a report is answered."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


FormatQuery = Annotated[
    Format,
    QueryParameter(
        name="format",
        description="`csv` and `parquet` answer a file. In CSV, what a spreadsheet would run has a `'` before it; "
        "a Parquet file has the definition as JSON in its schema's metadata, under `commerce`.",
    ),
]


class _Writer(Protocol):
    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


class _FileKind(NamedTuple):
    suffix: str
    media_type: str
    open: Callable[[Table, BinaryIO], _Writer]


def _parquet(table: Table, sink: BinaryIO) -> _Writer:
    from orders.reports.files.parquet_file import ParquetWriter  # noqa: PLC0415 - see there what importing it takes

    return ParquetWriter(table, sink)


_KINDS = {
    Format.CSV: _FileKind("csv", "text/csv; charset=utf-8; header=present", CsvWriter),
    Format.PARQUET: _FileKind("parquet", "application/vnd.apache.parquet", _parquet),
}


class MadeFile:
    """A file that is complete. Whoever has it closes it, and then it is gone."""

    def __init__(self, name: str, media_type: str, file: BinaryIO) -> None:
        self.name = name
        self.media_type = media_type
        self.size = file.seek(0, SEEK_END)
        self._file = file
        file.seek(0)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Its bytes, of which only some are in memory at once."""
        while piece := await in_thread(self._file.read, _PIECE_BYTES):
            yield piece

    def close(self) -> None:
        """Let it be gone."""
        self._file.close()

    @property
    def closed(self) -> bool:
        """Whether it is gone."""
        return self._file.closed


TURNS = Turns(2, TooManyFiles, kept_most=16)
"""Those of this process: two large files are made at once, and sixteen there are that are not sent to the end."""


async def large_file(
    table: Table, batches: AsyncGenerator[Sequence[Row], None], wanted: Format, turns: Turns = TURNS
) -> MadeFile:
    """A file of however many rows, on disk; in memory are a batch, and of Parquet a row group.

    Nothing is asked of `batches` before it is our turn, and it is closed when the file is made, so it may hold a
    snapshot of its own; what it raises is raised here. A batch should have 1,000 to 10,000 rows. `wanted` is not JSON.
    Raises TooManyFiles, NoRoomForFile.
    """
    with turns.turn():
        made = await _made(table, batches, wanted)
        turns.keep(made)
        return made


async def small_file(table: Table, rows: Sequence[Row], wanted: Format) -> tuple[str, str, bytes]:
    """Name, media type and bytes of a file whose rows are in memory anyway. It waits for nobody's turn."""
    kind = _KINDS[wanted]

    def written() -> bytes:
        sink = BytesIO()
        writer = kind.open(table, sink)
        writer.write(rows)
        writer.close()
        return sink.getvalue()

    return table.file_name(kind.suffix), kind.media_type, await in_thread(written)


async def _made(table: Table, batches: AsyncGenerator[Sequence[Row], None], wanted: Format) -> MadeFile:
    kind = _KINDS[wanted]
    sink = await _with_room(_temporary)
    try:
        writer = await _with_room(kind.open, table, sink)
        try:
            async with aclosing(batches):
                async for rows in batches:
                    await _with_room(writer.write, rows)
        finally:
            await _with_room(writer.close)
        return MadeFile(table.file_name(kind.suffix), kind.media_type, sink)
    except BaseException:
        with suppress(OSError):  # It may still have bytes for a disk that is full; the file is closed all the same.
            sink.close()
        raise


def _temporary() -> BinaryIO:
    return cast("BinaryIO", tempfile.TemporaryFile(buffering=_BUFFER_BYTES))


async def _with_room(work: Callable[_Taken, _Given], *args: _Taken.args, **kwargs: _Taken.kwargs) -> _Given:
    """Do what may find the disk full. Raises NoRoomForFile."""
    try:
        return await in_thread(work, *args, **kwargs)
    except OSError as error:
        _log.error("no_room_for_file", folder=tempfile.gettempdir(), error=repr(error))
        raise NoRoomForFile from error
