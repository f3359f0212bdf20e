"""Rows: many are written in one statement, and where they belong together, into many tables in one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import msgspec
from sqlalchemy import TextClause, text

from commerce.kernel.db import Session


@dataclass(frozen=True, eq=False)
class Into:
    """A table that rows go into, and their columns, each with its type: a constant of whoever owns the table."""

    table: str
    columns: Mapping[str, str]

    def rows(self, values: Iterable[Sequence[object]]) -> "Rows":
        """These rows, to be written; the values are in the order of the columns."""
        return Rows(self, list(values))


class Rows(NamedTuple):
    """Rows of one table that are not written yet."""

    into: Into
    values: Sequence[Sequence[object]]


@dataclass(frozen=True, eq=False)
class Drawn:
    """What else is written, drawn from the rows that are written with it alone: a constant of whoever owns the table.

    In `insert` the name of each of these tables stands in braces.
    """

    insert: str
    tables: Sequence[str]


async def write(tx: Session, many: Iterable[Rows], drawn: Drawn | None = None) -> None:
    """Write all of these in one statement, however many and into however many tables; nothing for no rows.

    They may refer to each other: foreign keys are looked at when all of them are there. Each table's rows are sent as
    one text, which costs a fraction of an array for each column, and each statement less saves a round trip.
    """
    some = [rows for rows in many if rows.values]
    if some:
        sent = {f"rows_{n}": _as_json(rows) for n, rows in enumerate(some)}
        await tx.execute(_statement(drawn, *(rows.into for rows in some)), sent)


def _as_json(rows: Rows) -> str:
    names = tuple(rows.into.columns)
    return msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows.values]).decode()


@cache
def _statement(drawn: Drawn | None, *tables: Into) -> TextClause:
    """The statement for rows of these tables; there are as many as there are constants that are written together."""
    inserts = [_insert(into, n) for n, into in enumerate(tables)]
    if drawn is None:
        last = inserts.pop()
    else:
        inserts = [f"{one} RETURNING *" if into.table in drawn.tables else one
                   for one, into in zip(inserts, tables, strict=True)]  # fmt: skip
        written = {into.table: f"written_{n}" for n, into in enumerate(tables)}
        none = {table: f"(SELECT * FROM {table} WHERE false)" for table in drawn.tables}  # noqa: S608 - as below
        last = drawn.insert.format(**none | written)
    together = ", ".join(f"written_{n} AS ({one})" for n, one in enumerate(inserts))
    return text(f"WITH {together} {last}" if inserts else last)


def _insert(into: Into, n: int) -> str:
    names = ", ".join(into.columns)
    # In JSON bytes are a text in base64.
    read = ", ".join(f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in into.columns.items())
    values = (f"decode({name}, 'base64')" if kind == "bytea" else name for name, kind in into.columns.items())
    rows = f"json_to_recordset(CAST(CAST(:rows_{n} AS text) AS json)) AS r ({read})"
    # The names are constants of our own; no value is in the text.
    return f"INSERT INTO {into.table} ({names}) SELECT {', '.join(values)} FROM {rows}"  # noqa: S608 - see above


def arrays(columns: Mapping[str, str]) -> str:
    """What stands in a statement for many rows: a table `r` of these columns, each with the type it is sent in."""
    sent = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns.items())
    return f"unnest({sent}) AS r ({', '.join(columns)})"


def as_columns(names: Iterable[str], rows: Iterable[Sequence[object]]) -> dict[str, object]:
    """Rows as one array for each column; no rows are empty arrays."""
    columns = list(zip(*rows, strict=True))
    return {name: list(columns[n]) if columns else [] for n, name in enumerate(names)}
