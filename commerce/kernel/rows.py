"""Rows: many are written in one statement, sent as one array for each column."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import TextClause, text


def arrays(columns: Mapping[str, str]) -> str:
    """What stands in a statement for many rows: a table `r` of these columns, each with the type it is sent in."""
    sent = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in columns.items())
    return f"unnest({sent}) AS r ({', '.join(columns)})"


def insert_many(table: str, columns: Mapping[str, str]) -> TextClause:
    """One INSERT for many rows of a table; the names must be the caller's own."""
    names, values = ", ".join(columns), ", ".join(f"r.{name}" for name in columns)
    return text(f"INSERT INTO {table} ({names}) SELECT {values} FROM {arrays(columns)}")  # noqa: S608 - see above


def as_columns(names: Iterable[str], rows: Iterable[Sequence[object]]) -> dict[str, object]:
    """Rows as one array for each column; no rows are empty arrays."""
    columns = list(zip(*rows, strict=True))
    return {name: list(columns[n]) if columns else [] for n, name in enumerate(names)}
