"""Tabulate: answers as tables, which are then written as files."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

import msgspec

from orders.reports.cite import cited, cited_matrix, cited_row
from orders.reports.files.flatten import Flat
from orders.reports.files.tables import Cell, Column, Kind, Row, Table
from orders.reports.rules import GroupBy
from orders.reports.schemas import (
    AttachMatrixView,
    AttachOrdersView,
    AttachRateView,
    ChangeRow,
    EventRow,
    MatrixCell,
    RateRow,
)

_DAYS = {GroupBy.DAY, GroupBy.WEEK}
_ROWS = {"rows", "cells", "items", "next_cursor"}
_View = AttachRateView | AttachMatrixView | AttachOrdersView


class Sheet(NamedTuple):
    """A table and its rows, all of which are in memory."""

    table: Table
    rows: Sequence[Row]


def sheet_of(
    name: str, shape: type[msgspec.Struct], items: Sequence[msgspec.Struct], as_of: str | date | datetime, about: object
) -> Sheet:
    """What a report lists, as a table: a column for each field. `about` is what the figures mean."""
    flat = Flat(shape)
    return Sheet(table_of(name, flat, as_of, about), [flat.row(item) for item in items])


def table_of(name: str, flat: Flat, as_of: str | date | datetime, about: object) -> Table:
    """The table of a report whose rows come later."""
    return Table(name, moment(as_of), flat.columns, msgspec.json.encode(about))


def attach_rate_sheet(view: AttachRateView) -> Sheet:
    """The rows of an attach rate, each with what it takes to ask for it again; compared with another period, both.

    The total is in what the table is about, and in no row: it would be added to the others. The other period is in
    the definition that each row carries.
    """
    groups = [Column(group, Kind.DATE if group in _DAYS else Kind.TEXT) for group in view.definition.group_by]
    if view.comparison is None:
        return stamped("attach-rate", Flat(RateRow, groups), view.rows, _stamps_of(view))
    return stamped("attach-rate", Flat(ChangeRow, groups), view.comparison.rows, _stamps_of(view))


def matrix_sheet(view: AttachMatrixView) -> Sheet:
    """The cells of a cross-channel matrix, a row each."""
    return stamped("attach-matrix", Flat(MatrixCell), view.cells, _stamps_of(view))


_EVENTS = Flat(EventRow)


def attach_orders_sheet(view: AttachOrdersView) -> Sheet:
    """The orders behind a figure, a row each."""
    return stamped("attach-orders", _EVENTS, view.items, _stamps_of(view))


async def stamped_batches(
    view: AttachOrdersView, batches: AsyncGenerator[Sequence[EventRow], None]
) -> AsyncGenerator[Sequence[Row], None]:
    """The orders behind a figure as a file takes them, with the stamps of that list; `batches` is closed with this."""
    cells = list(_stamps_of(view).columns().values())
    async with aclosing(batches):
        async for events in batches:
            yield [[*_EVENTS.row(event), *cells] for event in events]


def about(view: msgspec.Struct) -> dict[str, object]:
    """What an answer means and as of when: all of it but its rows."""
    told = _without_rows(view)
    comparison = told.pop("comparison", None)
    return told if comparison is None else {**told, "comparison": _without_rows(comparison)}


def _without_rows(view: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(view, name) for name in view.__struct_fields__ if name not in _ROWS}


def moment(said: str | date | datetime) -> date | datetime:
    """The day or the instant that an answer is as of."""
    if isinstance(said, str):
        return datetime.fromisoformat(said) if "T" in said else date.fromisoformat(said)
    return said


class Dated(Protocol):
    """An answer that says as of when it is."""

    @property
    def as_of(self) -> str | date | datetime:
        """Known then."""

    @property
    def believed_at(self) -> datetime:
        """What was recorded later is not in it."""

    @property
    def settled(self) -> bool:
        """False while something of that instant may still be being written."""


class Stamped(NamedTuple):
    """What each row of a table ends with, so that it can be asked for again: what was asked, and as of when."""

    view: Dated
    about: Mapping[str, object]
    cited: str

    def columns(self) -> dict[Column, Cell]:
        """The columns, and what stands in each of them."""
        as_of = moment(self.view.as_of)
        return {
            Column("as_of", Kind.INSTANT if isinstance(as_of, datetime) else Kind.DATE): as_of,
            Column("believed_at", Kind.INSTANT): self.view.believed_at,
            Column("settled", Kind.BOOLEAN): self.view.settled,
            Column("definition", Kind.TEXT): self.cited,
        }


def stamped(name: str, flat: Flat, items: Sequence[msgspec.Struct], by: Stamped) -> Sheet:
    """Rows that end with what it takes to ask for them again."""
    columns = by.columns()
    table = table_of(name, flat, by.view.as_of, by.about)
    rows = [[*flat.row(item), *columns.values()] for item in items]
    return Sheet(table._replace(columns=(*table.columns, *columns)), rows)


def _stamps_of(view: _View) -> Stamped:
    return Stamped(view, about(view), _cited(view))


def _cited(view: _View) -> str:
    if isinstance(view, AttachMatrixView):
        return cited_matrix(view.definition)
    if isinstance(view, AttachOrdersView):
        return cited_row(view.definition, view.group)
    return cited(view.definition, view.program, view.comparison.period if view.comparison else None)
