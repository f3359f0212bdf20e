"""Read CSV: prices as merchandisers keep them in spreadsheets, and every mistake by its line and column."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

from catalog.rules import check_instant
from commerce.kernel.bodies import Amount, CodeText, Reason
from commerce.kernel.money import Money
from commerce.kernel.refusals import InvalidInput
from pricing.changes.errors import CsvFault
from pricing.changes.rules import ITEMS_MAX
from pricing.changes.schemas import ExceptionBody, ItemBody

COLUMNS = ("sku", "channel", "price")
MORE_COLUMNS = ("exception_reason", "exception_expires_at")
NONE = "none"
"""What stands in place of a price that is to end. An empty cell might have been forgotten."""
FAULTS_TOLD = 100
MINOR_MAX = 10**12
Wrong = TypeVar("Wrong")


class CsvItem(NamedTuple):
    """A price, and the line on which it stands."""

    line: int
    item: ItemBody


class CsvRead(NamedTuple):
    """What could be read of a CSV text, and what could not, each in the order of the lines."""

    items: list[CsvItem]
    faults: list[CsvFault]


def read_csv(text: str, currency: str) -> CsvRead:
    """Read the prices of a CSV text in the market's currency, as far as it can be read."""
    faults: list[CsvFault] = []
    items: list[CsvItem] = []
    try:
        for row in _rows(text):
            try:
                items.append(CsvItem(row.number, _item(row, currency)))
            except InvalidInput as wrong:
                faults.append(CsvFault(row.number, wrong.field, wrong.reason))
            except _Unreadable as ragged:
                faults.append(ragged.fault)
    except _Unreadable as broken:
        faults.append(broken.fault)
    if not items and not faults:
        faults.append(CsvFault(2, None, "There is no price in it."))
    return CsvRead(items, faults)


class _Unreadable(Exception):  # noqa: N818 - it never leaves this module
    """A line cannot be read, or from here on the whole text."""

    def __init__(self, line: int, column: str | None, reason: str) -> None:
        self.fault = CsvFault(line, column, reason)


class _Row(NamedTuple):
    number: int
    names: Sequence[str]
    cells: Sequence[str]


def _rows(text: str) -> Iterator[_Row]:
    """Each line; none is read beyond the last that there may be. Raises _Unreadable."""
    reading = csv.reader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"), newline=""), strict=True)
    begins = 1
    names: list[str] | None = None
    left = ITEMS_MAX
    while True:
        try:
            cells = next(reading, None)
        except csv.Error as error:
            raise _Unreadable(begins, None, f"This is no CSV: {error}.") from None
        if cells is None:
            return
        if names is None:
            names = _columns(cells)
        elif cells:  # An empty line says nothing.
            if not left:
                raise _Unreadable(begins, None, f"A change has at most {ITEMS_MAX} prices.")
            left -= 1
            yield _Row(begins, names, cells)
        begins = reading.line_num + 1


def _columns(cells: Sequence[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    known = {*COLUMNS, *MORE_COLUMNS}
    for name in names:
        if name not in known:
            raise _Unreadable(1, name, f"There is no such column; known are {', '.join((*COLUMNS, *MORE_COLUMNS))}.")
        if names.count(name) > 1:
            raise _Unreadable(1, name, "It is there twice.")
    for name in COLUMNS:
        if name not in names:
            raise _Unreadable(1, name, "This column is missing.")
    return names


def _item(line: _Row, currency: str) -> ItemBody:
    """A line as a price. Raises InvalidInput by column, _Unreadable where cells are missing."""
    if len(line.cells) != len(line.names):
        reason = f"It has {len(line.cells)} cells, and there are {len(line.names)} columns."
        raise _Unreadable(line.number, None, reason)
    row = {name: cell.strip() for name, cell in zip(line.names, line.cells, strict=True)}
    sku = _code("sku", row["sku"])
    channel = _code("channel", row["channel"]) if row["channel"] else None
    return ItemBody(sku=sku, channel=channel, price=_price(row["price"], currency), exception=_exception(row))


def _code(column: str, cell: str) -> str:
    try:
        return msgspec.convert(cell, CodeText)
    except msgspec.ValidationError:
        raise InvalidInput(column, f"{cell!r} is no code." if cell else "It is empty.") from None


def _price(cell: str, currency: str) -> Amount | None:
    if cell.casefold() == NONE:
        return None
    if not cell:
        raise InvalidInput("price", f"It is empty; write '{NONE}' to end a price.")
    try:
        minor = Money.parse(cell, currency).minor
    except ValueError as error:
        raise InvalidInput("price", str(error)) from None
    if not 0 <= minor <= MINOR_MAX:
        raise InvalidInput("price", f"{cell} is not between 0 and {Money(MINOR_MAX, currency)}.")
    return Amount(minor, currency)


def _exception(row: Mapping[str, str]) -> ExceptionBody | None:
    reason, expires = (row.get(column, "") for column in MORE_COLUMNS)
    if not reason and not expires:
        return None
    if not reason or not expires:
        missing = MORE_COLUMNS[0] if not reason else MORE_COLUMNS[1]
        raise InvalidInput(missing, "An exception has a reason and an expiry.")
    try:
        return ExceptionBody(reason=msgspec.convert(reason, Reason), expires_at=_expiry(expires))
    except msgspec.ValidationError as error:
        raise InvalidInput(MORE_COLUMNS[0], str(error)) from None


def _expiry(cell: str) -> datetime:
    column = MORE_COLUMNS[1]
    try:
        read = datetime.fromisoformat(cell)
    except ValueError:
        raise InvalidInput(column, f"{cell!r} is no instant; write it like 2027-01-31T18:00:00+01:00.") from None
    if read.tzinfo is None:
        raise InvalidInput(column, "An instant needs its offset, such as Z or +01:00.")
    check_instant(column, read)
    return read
