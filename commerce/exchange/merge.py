"""Merge reference data: what is new is inserted, what differs is updated, what is the same is not touched."""

from typing import NamedTuple

from commerce.exchange.progress import FileImported
from commerce.exchange.wire import Wire, rows_of


class Merge(NamedTuple):
    """Where a file's rows go. `source` selects them under the names of the table's columns."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    source: str
    only_new: tuple[str, ...] = ()
    """Columns that a row gets when it is inserted, and keeps."""
    as_text: tuple[str, ...] = ()
    """Columns that PostgreSQL cannot compare but as text."""


async def merge(wire: Wire, rows: int, what: Merge) -> FileImported:
    """Bring a table up to date with `rows` rows, each of which has a key of its own."""
    changed = rows_of(await wire.execute(_update(what)))
    new = rows_of(await wire.execute(_insert(what)))
    return FileImported(rows=rows, new=new, changed=changed, unchanged=rows - new - changed)


def _update(what: Merge) -> str:
    sets = ", ".join(f"{column} = s.{column}" for column in what.columns)
    # All names are this package's own.
    return f"""
        UPDATE {what.table} t SET {sets} FROM ({what.source}) AS s
         WHERE {_same_key(what)} AND ({_cells(what, "t")}) IS DISTINCT FROM ({_cells(what, "s")})
    """  # noqa: S608 - see above


def _insert(what: Merge) -> str:
    columns = ", ".join((*what.key, *what.columns, *what.only_new))
    return f"""
        INSERT INTO {what.table} ({columns}) SELECT {columns} FROM ({what.source}) AS s
         WHERE NOT EXISTS (SELECT FROM {what.table} t WHERE {_same_key(what)})
    """  # noqa: S608 - as above


def _same_key(what: Merge) -> str:
    return " AND ".join(f"t.{column} = s.{column}" for column in what.key)


def _cells(what: Merge, alias: str) -> str:
    return ", ".join(
        f"CAST({alias}.{column} AS text)" if column in what.as_text else f"{alias}.{column}" for column in what.columns
    )
