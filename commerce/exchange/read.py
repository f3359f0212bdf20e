"""Read a CSV file row by row (RFC 4180, UTF-8), in bounded memory, and note what cannot be read."""

import csv
import gzip
import io
import zlib
from _csv import Reader as CsvReader
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from operator import itemgetter
from typing import BinaryIO, cast

from commerce.exchange.faults import Faults
from commerce.exchange.look import Source
from commerce.exchange.progress import Progress
from commerce.kernel.cells import as_written
from commerce.kernel.ids import new_id

# A longer line is cut, which makes it a row of the wrong length; so a file without line ends cannot fill the memory.
_LINE_BYTES_MAX = 1 << 20
_ROWS_BETWEEN_WORDS = 20_000
_BOM = b"\xef\xbb\xbf"
_IN_OUR_WORDS = {
    "unexpected end of data": "A quoted cell is never closed.",
    "',' expected after '\"'": "There is text after the closing quote of a cell.",
    "new-line character seen in unquoted field": "A carriage return stands outside of quotes.",
    "field larger than field limit": "A cell is too long, or its quote is never closed.",
}

Row = tuple[object, ...]


class Reader:
    """One file, opened: its rows as tuples of texts in the format's order, behind the line and the row's new id."""

    def __init__(self, source: Source, faults: Faults, progress: Progress) -> None:
        self._source = source
        self._faults = faults
        self._progress = progress
        self._dubious = False
        self.rows_read = 0

    def rows(self) -> Iterator[Row]:
        """Every row that can be read. What cannot is noted, and the file is counted among those that lost rows."""
        path = self._source.path
        try:
            plain = path.open("rb")
        except OSError as error:
            self._lose(None, None, f"The file cannot be opened: {error.strerror}.")
            return
        with plain, closing(_unpacked(plain, path.name)) as stream:
            size = path.stat().st_size
            reader = csv.reader(map(self._decode, _lines(stream)), strict=True)
            order = self._header(reader)
            if order is None:
                return
            for row in self._body(reader, order):
                yield row
                if self.rows_read % _ROWS_BETWEEN_WORDS == 0:
                    self._progress.reading(path.name, plain.tell(), size)
        self._progress.reading(path.name, size, size)

    def _header(self, reader: CsvReader) -> list[int] | None:
        """Where each of the format's columns stands in this file; None if the header will not do."""
        before = self._faults.count
        _, header = next(self._readable(reader), (0, None))
        if self._faults.count > before:
            return None
        if header is None:
            self._lose(1, None, "There is no header row.")
            return None
        return self._order_of(header)

    def _order_of(self, header: list[str]) -> list[int] | None:
        known = self._source.file.column_names
        before = self._faults.count
        for place, name in enumerate(header):
            if name not in known:
                self._lose(1, name, "The exchange format has no such column in this file.")
            elif name in header[:place]:
                self._lose(1, name, "This column stands there twice.")
        for name in known:
            if name not in header:
                self._lose(1, name, "This column is missing.")
        return None if self._faults.count > before else [header.index(name) for name in known]

    def _body(self, reader: CsvReader, order: list[int]) -> Iterator[Row]:
        width = len(order)
        in_order = order == list(range(width))
        pick = itemgetter(*order)
        prefix = self._source.file.id_prefix
        for at, row in self._readable(reader):
            if len(row) != width:
                self._lose(at, None, f"The row has {len(row)} cells, the header {width}.")
                continue
            cells: Sequence[str] = row if in_order else pick(row)
            if self._dubious:
                cells = self._plain(at, cells)
            self.rows_read += 1
            yield (at, new_id(prefix), *cells) if prefix else (at, *cells)

    def _readable(self, reader: CsvReader) -> Iterator[tuple[int, list[str]]]:
        """Each row with the line it begins on. One that cannot be read is noted, and the next line is tried."""
        while True:
            at = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._lose(at, None, _in_our_words(str(error)))
            except UnicodeDecodeError:
                self._lose(reader.line_num + 1, None, "The line is not UTF-8.")
            except (OSError, EOFError, zlib.error) as error:
                self._lose(at, None, f"The file cannot be read on from here: {error}.")
                return
            else:
                if row:
                    yield at, row

    def _decode(self, line: bytes) -> str:
        if b"'" in line or b"\0" in line:
            self._dubious = True
        return line.decode()

    def _plain(self, at: int, cells: Sequence[str]) -> list[str]:
        """The cells without the quotes that keep spreadsheets from taking them for formulas."""
        self._dubious = False
        plain = [as_written(cell) for cell in cells]
        for place, cell in enumerate(plain):
            if "\0" in cell:
                plain[place] = cell.replace("\0", "")
                column = self._source.file.column_names[place]
                self._faults.add(self._source.path.name, at, column, "There is a character of code 0 in the cell.")
        return plain

    def _lose(self, line: int | None, column: str | None, message: str) -> None:
        self._faults.add(self._source.path.name, line, column, message)
        self._faults.lost.add(self._source.file.name)


def _unpacked(plain: BinaryIO, name: str) -> BinaryIO:
    if not name.endswith(".gz"):
        return plain
    return cast("BinaryIO", io.BufferedReader(gzip.GzipFile(fileobj=plain), _LINE_BYTES_MAX))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    yield stream.readline(_LINE_BYTES_MAX).removeprefix(_BOM)
    yield from iter(partial(stream.readline, _LINE_BYTES_MAX), b"")


def _in_our_words(complaint: str) -> str:
    for begins, words in _IN_OUR_WORDS.items():
        if complaint.startswith(begins):
            return words
    return f"The row cannot be read: {complaint}."
