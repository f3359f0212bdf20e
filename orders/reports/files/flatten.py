"""Flatten: what an answer lists becomes rows of a table, so that no report has to name its columns twice."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from commerce.kernel.bodies import Amount, Balance
from orders.reports.files.tables import Cell, Column, Kind, Row

_KINDS: dict[type[inspect.Type], Kind] = {
    inspect.StrType: Kind.TEXT,
    inspect.EnumType: Kind.TEXT,
    inspect.IntType: Kind.COUNT,
    inspect.DecimalType: Kind.RATE,
    inspect.DateType: Kind.DATE,
    inspect.DateTimeType: Kind.INSTANT,
    inspect.BoolType: Kind.BOOLEAN,
}
_MONEY = (Amount, Balance)


class NoSuchCell(TypeError):  # noqa: N818 - what it says is the error
    """A field holds something that no cell can hold. It is a bug of whoever declares it."""


class _Field(NamedTuple):
    path: tuple[str, ...]
    kind: Kind
    several: bool = False
    """A list of words, which are in one cell, with commas between them."""


class Flat:
    """How structs of one type are rows: a column for each field, `interval_low` for one that is in another.

    `groups` are the columns of the top struct's own dictionary: a column for each name in it, in the order given. Those
    of structs inside say the same again, and are left out. Raises NoSuchCell.
    """

    def __init__(self, shape: type[msgspec.Struct], groups: Sequence[Column] = ()) -> None:
        found = inspect.type_info(shape)
        assert isinstance(found, inspect.StructType), shape
        self._fields: list[_Field | Column] = []
        for field in found.fields:
            plain = _bare(field.type)
            self._fields += (
                groups if isinstance(plain, inspect.DictType) else _cells_of(plain, (field.name,), Kind.COUNT)
            )
        self._group = next((f.name for f in found.fields if isinstance(_bare(f.type), inspect.DictType)), "")
        self._readers = [self._reader(field) for field in self._fields]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in the order of the fields."""
        return tuple(
            field if isinstance(field, Column) else Column("_".join(field.path), field.kind) for field in self._fields
        )

    def row(self, item: msgspec.Struct) -> Row:
        """What one of the structs says, in the order of the columns."""
        return [read(item) for read in self._readers]

    def _reader(self, field: _Field | Column) -> Callable[[Any], Cell]:
        if isinstance(field, Column):
            return _in_group(self._group, field)
        if field.several:
            return _listed(attrgetter(*field.path))
        return attrgetter(*field.path) if len(field.path) == 1 else _deep(field.path)


def _cells_of(found: inspect.Type, path: tuple[str, ...], number: Kind) -> Iterator[_Field]:
    plain = _bare(found)
    if isinstance(plain, inspect.StructType):
        number = Kind.MONEY if plain.cls in _MONEY else Kind.COUNT
        for field in plain.fields:
            if not isinstance(_bare(field.type), inspect.DictType):
                yield from _cells_of(field.type, (*path, field.name), number)
    elif isinstance(plain, inspect.IntType):
        yield _Field(path, number)
    elif isinstance(plain, inspect.ListType) and len(path) == 1 and isinstance(_bare(plain.item_type), inspect.StrType):
        yield _Field(path, Kind.TEXT, several=True)
    elif type(plain) in _KINDS:
        yield _Field(path, _KINDS[type(plain)])
    else:
        raise NoSuchCell(f"{'.'.join(path)}: {plain}")


def _bare(found: inspect.Type) -> inspect.Type:
    """A type without what is said about it, and without its being optional."""
    if isinstance(found, inspect.Metadata):
        return _bare(found.type)
    if isinstance(found, inspect.UnionType):
        [*some] = [one for one in found.types if not isinstance(one, inspect.NoneType)]
        return _bare(some[0]) if len(some) == 1 else found
    return found


def _deep(path: tuple[str, ...]) -> Callable[[Any], Cell]:
    def read(item: Any) -> Cell:  # noqa: ANN401 - a struct, or what is in it
        for name in path:
            if item is None:
                return None
            item = getattr(item, name)
        return item  # type: ignore[no-any-return]  # what the struct's types say it is

    return read


def _listed(words: Callable[[Any], Sequence[str]]) -> Callable[[Any], Cell]:
    def read(item: Any) -> Cell:  # noqa: ANN401 - as above
        return ", ".join(words(item))

    return read


def _in_group(group: str, column: Column) -> Callable[[Any], Cell]:
    def read(item: Any) -> Cell:  # noqa: ANN401 - as above
        word = getattr(item, group).get(column.name)
        return date.fromisoformat(word) if word is not None and column.kind is Kind.DATE else word

    return read
