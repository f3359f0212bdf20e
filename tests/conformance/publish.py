"""The published files, as the tables give them."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from pricing.conformance import Vector
from pricing.rules.basket import Basket
from pricing.rules.book import FORMAT, Book
from pricing.rules.quoted import Quote
from tests.conformance import (
    amounts,
    bests,
    bundles,
    buy_gets,
    codes,
    conditions,
    exclusives,
    floors,
    gifts,
    lanes,
    line_ups,
    percents,
    plain_prices,
    priors,
    shares,
    shippings,
    sizes,
    taxes,
    tiers,
    times,
)
from tests.conformance.cases import Table, made

VERSION, MINOR = 2, 1
"""Of the set: see the charter of `pricing.conformance`."""

MODULES = (
    *(plain_prices, taxes, percents, amounts, shares, buy_gets, bundles, tiers, gifts, shippings),
    *(conditions, codes, times, floors, lanes, line_ups, bests, exclusives, sizes, priors),
)
TABLES: Sequence[Table] = [table for module in MODULES for table in module.TABLES]


class Refused(msgspec.Struct, frozen=True):
    """The basket has no price."""

    code: str
    line: str | None
    """The key of the line to blame, if one is."""


class Expected(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the two."""

    quote: Quote | msgspec.UnsetType = msgspec.UNSET
    refused: Refused | msgspec.UnsetType = msgspec.UNSET


class PublishedVector(msgspec.Struct, frozen=True, kw_only=True):
    """A question and its answer."""

    id: str
    about: str
    features: list[str]
    book: str
    basket: Basket
    instant: int
    expected: Expected


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """Questions to whoever computes prices from a price book, and the answers."""

    version: int
    minor: int
    made_for_format: int
    books: dict[str, Book]
    vectors: list[PublishedVector]


def all_vectors() -> list[Vector]:
    """Every vector of every table. Raises AssertionError where the engine disagrees with a table."""
    found = [vector for table in TABLES for vector in made(table)]
    ids = [vector.id for vector in found]
    assert len(set(ids)) == len(ids), "every vector has an id of its own"
    return found


def vectors_text() -> str:
    """The file of vectors: a line for each book and each vector, so that a difference shows which one changed."""
    head = {"version": VERSION, "minor": MINOR, "made_for_format": FORMAT}
    books = {table.name: msgspec.to_builtins(table.book) for table in TABLES}
    lines = [f" {json.dumps(name)}: {value}," for name, value in head.items()]
    lines += [' "books": {', ",\n".join(f"  {_line(name)}: {_line(one)}" for name, one in books.items()), " },"]
    lines += [' "vectors": [', ",\n".join(f"  {_line(msgspec.to_builtins(one))}" for one in all_vectors()), " ]"]
    return "\n".join(["{", *lines, "}", ""])


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def schema_text() -> str:
    """The JSON Schema of that file."""
    [whole], shapes = msgspec.json.schema_components([Published], ref_template="#/$defs/{name}")
    shapes["Expected"]["oneOf"] = [{"required": ["quote"]}, {"required": ["refused"]}]
    document: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Conformance vectors of a price engine",
        **whole,
        "$defs": dict(sorted(shapes.items())),
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"
