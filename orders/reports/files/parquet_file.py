"""Parquet: a table with its exact types, and with what it is about in the file itself.

Importing this module takes a third of a second and thirty megabytes, so who makes no such file should not.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow.parquet import ParquetWriter as ArrowWriter

from orders.reports.files.tables import Kind, Row, Table

ABOUT = b"commerce"
"""The key of the schema's metadata under which stands, as JSON, what the file is about."""
GROUP_ROWS = 1 << 16
"""Rows are gathered until they are so many, and written as one row group: it is the most that is in memory."""

_TYPES: dict[Kind, Any] = {
    Kind.TEXT: pa.string(),
    Kind.COUNT: pa.int64(),
    Kind.RATE: pa.decimal128(18, 6),
    Kind.MONEY: pa.int64(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.BOOLEAN: pa.bool_(),
}
assert _TYPES.keys() == set(Kind), "every kind of cell has a type"


class ParquetWriter:
    """Writes a table to a file that is open."""

    def __init__(self, table: Table, sink: BinaryIO) -> None:
        """Write the beginning."""
        fields = [pa.field(column.name, _TYPES[column.kind]) for column in table.columns]
        self._schema = pa.schema(fields, metadata={ABOUT: table.about})
        self._file = ArrowWriter(sink, self._schema)
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows. They are on their way to the disk when there are enough for a row group."""
        if not rows:
            return
        columns = zip(self._schema, zip(*rows, strict=True), strict=True)
        arrays = [pa.array(cells, type=field.type) for field, cells in columns]
        self._waiting.append(pa.record_batch(arrays, schema=self._schema))
        self._rows += len(rows)
        if self._rows >= GROUP_ROWS:
            self._write_group()

    def close(self) -> None:
        """Write what is still in memory, and the end. The file stays open."""
        try:
            if self._waiting:
                self._write_group()
        finally:
            self._file.close()

    def _write_group(self) -> None:
        group, self._waiting, self._rows = self._waiting, [], 0
        self._file.write_table(pa.Table.from_batches(group))
