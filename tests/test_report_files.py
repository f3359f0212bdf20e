"""Reports as files: CSV that is safe to open, Parquet with its exact types, in memory that does not grow."""

import csv
import io
import json
import tracemalloc
from collections.abc import AsyncGenerator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from commerce.kernel.cells import as_written
from orders.reports.files import parquet_file
from orders.reports.files.errors import TooManyFiles
from orders.reports.files.make import Format, large_file, small_file
from orders.reports.files.tables import Column, Kind, Row, Table
from orders.reports.files.turns import Turns

DAY = date(2026, 5, 31)
EVERY_KIND = Table(
    "attach-rate",
    DAY,
    tuple(Column(kind.value, kind) for kind in Kind),
    about=json.dumps({"definition": {"basis": "orders"}, "as_of": "2026-05-31"}).encode(),
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUMMER = datetime(2026, 7, 1, 0, 30, 0, 250, tzinfo=timezone(timedelta(hours=2)))
ROWS: list[Row] = [
    ("web-de", 1, Decimal("0.348214"), 129900, DAY, NOON, True),
    ('say "a,b"\n', 2**62, Decimal("-0.000001"), -5, date(1999, 12, 31), SUMMER, False),
    ("日本 😀", 0, Decimal("1234.500000"), 0, DAY, NOON, True),
    (None,) * 7,
]
MEGABYTE = 1 << 20
WORDS = Table("words", DAY, (Column("word", Kind.TEXT), Column("=also", Kind.TEXT)))


def read_csv(body: bytes) -> list[list[str]]:
    """The rows as RFC 4180 has them, the header first."""
    return list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))


async def batches(*those: Sequence[Row]) -> AsyncGenerator[Sequence[Row], None]:
    """Rows as a query hands them on."""
    for rows in those:
        yield rows


async def whole(table: Table, wanted: Format, *those: Sequence[Row]) -> bytes:
    """What is in a large file."""
    with closing(await large_file(table, batches(*those), wanted, Turns(2, TooManyFiles))) as made:
        body = b"".join([piece async for piece in made.pieces()])
        assert made.size == len(body)
    return body


async def test_csv_has_a_header_and_a_line_for_each_row() -> None:
    body = await whole(EVERY_KIND, Format.CSV, ROWS[:1], [], ROWS[1:])

    assert body.decode() == (
        "text,count,rate,money,date,instant,boolean\r\n"
        "web-de,1,0.348214,129900,2026-05-31,2026-03-01T12:00:00Z,true\r\n"
        '"say ""a,b""\n",4611686018427387904,-0.000001,-5,1999-12-31,2026-06-30T22:30:00.000250Z,false\r\n'
        "日本 😀,0,1234.500000,0,2026-05-31,2026-03-01T12:00:00Z,true\r\n"
        ",,,,,,\r\n"
    )


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "'", "\t", "\r"])
async def test_no_text_of_a_csv_file_is_run_as_a_formula(beginning: str) -> None:
    text = f"{beginning}cmd|' /C calc'!A0"

    header, [cell, other] = read_csv(await whole(WORDS, Format.CSV, [(text, "plain")]))

    assert header == ["word", "'=also"]
    assert (cell, other) == (f"'{text}", "plain")
    assert as_written(cell) == text


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
async def test_every_text_comes_out_of_a_csv_file_as_it_went_in(texts: list[str]) -> None:
    _, _, body = await small_file(WORDS, [(text, text) for text in texts], Format.CSV)

    assert [[as_written(cell) for cell in row] for row in read_csv(body)[1:]] == [[text, text] for text in texts]


async def test_parquet_has_the_exact_types_and_says_what_it_is_about() -> None:
    body = await whole(EVERY_KIND, Format.PARQUET, ROWS[:1], [], ROWS[1:])

    table = parquet.read_table(pa.BufferReader(body))
    assert {field.name: str(field.type) for field in table.schema} == {
        "text": "string",
        "count": "int64",
        "rate": "decimal128(18, 6)",
        "money": "int64",
        "date": "date32[day]",
        "instant": "timestamp[us, tz=UTC]",
        "boolean": "bool",
    }
    assert [tuple(row.values()) for row in table.to_pylist()] == ROWS
    assert json.loads(table.schema.metadata[b"commerce"]) == {"definition": {"basis": "orders"}, "as_of": "2026-05-31"}


async def test_a_rate_of_more_digits_is_a_bug_and_not_cut() -> None:
    rates = Table("rates", DAY, (Column("rate", Kind.RATE),))

    with pytest.raises(pa.ArrowInvalid, match="data loss"):
        await whole(rates, Format.PARQUET, [(Decimal("0.1234567"),)])


@pytest.mark.parametrize("wanted", [Format.CSV, Format.PARQUET])
async def test_a_table_without_rows_is_a_file_all_the_same(wanted: Format) -> None:
    body = await whole(EVERY_KIND, wanted)

    if wanted is Format.CSV:
        assert body == b"text,count,rate,money,date,instant,boolean\r\n"
    else:
        assert parquet.read_table(pa.BufferReader(body)).num_rows == 0


@pytest.mark.parametrize("wanted", [Format.CSV, Format.PARQUET])
async def test_a_small_file_has_the_bytes_of_a_large_one(wanted: Format) -> None:
    name, media_type, body = await small_file(EVERY_KIND, ROWS, wanted)

    with closing(await large_file(EVERY_KIND, batches(ROWS), wanted, Turns(2, TooManyFiles))) as made:
        assert (made.name, made.media_type) == (name, media_type)
        assert b"".join([piece async for piece in made.pieces()]) == body
    assert name == f"attach-rate-2026-05-31.{wanted}"


def test_a_file_of_an_instant_is_called_by_it_in_utc() -> None:
    assert EVERY_KIND._replace(as_of=SUMMER).file_name("csv") == "attach-rate-2026-06-30T223000Z.csv"


async def growth(wanted: Format) -> int:
    """How much more is held while 80,000 rows are added to 80,000 than while those were: both counted, to the byte."""
    held: list[int] = []

    def count() -> None:
        held.append(tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes())

    async def many() -> AsyncGenerator[Sequence[Row], None]:
        for batch in range(32):
            numbers = range(batch * 5000, batch * 5000 + 5000)
            yield [(f"{n:040}", n, Decimal(n).scaleb(-6), n * 100, DAY, NOON, n % 2 == 0) for n in numbers]
            count()

    tracemalloc.start()
    try:
        with closing(await large_file(EVERY_KIND, many(), wanted, Turns(2, TooManyFiles))) as made:
            assert made.size > 2 * MEGABYTE
            async for _ in made.pieces():
                count()
    finally:
        tracemalloc.stop()
    return max(held[16:]) - max(held[:16])


@pytest.mark.parametrize("wanted", [Format.CSV, Format.PARQUET])
async def test_memory_does_not_grow_with_the_rows(wanted: Format) -> None:
    assert await growth(wanted) < MEGABYTE


async def test_rows_that_wait_for_their_group_are_seen_to_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the story above: where no group is ever full, it notices."""
    monkeypatch.setattr(parquet_file, "GROUP_ROWS", 1 << 30)

    assert await growth(Format.PARQUET) > 5 * MEGABYTE
