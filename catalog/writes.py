"""Writes: new rows that must be new, changes to rows that must be there, and references that must lead somewhere."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec
from sqlalchemy import null, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from catalog.rules import check_new_code
from commerce.kernel.bodies import Body
from commerce.kernel.db import Session, Table
from commerce.kernel.refusals import AlreadyExists, NotFound, UnknownReference

Key = InstrumentedAttribute[str]


async def insert_new(tx: Session, key: Key, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Store rows that are new, each under the request's field that names its key.

    The database decides, so of two requests for one key exactly one succeeds. Raises AlreadyExists for that field, and
    InvalidInput for a key that could not stand in an address.
    """
    for field, row in rows.items():
        check_new_code(field, row[key.key])
    table = cast("type[Table]", key.class_)
    values = [{name: _stored(value) for name, value in row.items()} for row in rows.values()]
    statement = insert(table).values(values).on_conflict_do_nothing().returning(key)
    stored = set((await tx.execute(statement)).scalars())
    for field, row in rows.items():
        if row[key.key] not in stored:
            raise AlreadyExists(field, row[key.key])


async def change(tx: Session, key: Key, value: str, changes: Mapping[str, Any]) -> None:
    """Change a row that is there; no changes are no error. Raises NotFound."""
    table = cast("type[Table]", key.class_)
    if not changes:
        found = await tx.execute(select(key).where(key == value))
    else:
        new = {name: _stored(changed) for name, changed in changes.items()}
        found = await tx.execute(update(table).where(key == value).values(new).returning(key))
    if found.scalar_one_or_none() is None:
        raise NotFound(table.__name__.lower(), value)


async def must_know(tx: Session, key: Key, values: Mapping[str, str]) -> None:
    """Each of the request's fields must name a stored row. Raises UnknownReference for the first that does not."""
    known = set((await tx.execute(select(key).where(key.in_(set(values.values()))))).scalars()) if values else set()
    for field, value in values.items():
        if value not in known:
            raise UnknownReference(field, value)


def fields_of(body: Body) -> dict[str, Any]:
    """A body's fields by name, without those the caller left out."""
    given = {name: getattr(body, name) for name in body.__struct_fields__}
    return {name: value for name, value in given.items() if value is not msgspec.UNSET}


def _stored(value: object) -> object:
    """A value for the database: None is SQL's null even in a JSON column."""
    return null() if value is None else value
