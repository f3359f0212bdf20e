"""The vectors: what is asked, what must be answered, and where two answers differ."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from pricing.rules import Prepared, prepare, quote
from pricing.rules.basket import Basket
from pricing.rules.book import Book, Instant
from pricing.rules.quoted import CannotQuote
from pricing.rules.sound import faults

FORMAT = 1
"""Of the file of vectors. Another one may mean something else by the same words."""

_ANSWERS = ("quote", "refused", "error")
NOTHING = object()
"""What is there where nothing is."""

Tree = dict[str, Any]
"""JSON as it was read, so that what a newer file says is handed on as it is."""


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """A question and its answer."""

    id: str
    about: str
    features: list[str]
    book: str
    """Its name among the books of the file."""
    basket: Tree
    instant: int
    expected: Tree
    """{"quote": ...} or {"refused": {"code": ..., "line": ...}}"""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an implementation, as ours reads it."""

    book: Tree
    basket: Basket
    instant: Instant


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """A published set of vectors, with the books that they ask about."""

    version: int
    minor: int = 0
    made_for_format: int
    """Of the books."""
    books: dict[str, Tree]
    vectors: list[Vector]

    def question(self, vector: Vector) -> Tree:
        """What is asked of an implementation: one line of JSON."""
        book = self.books[vector.book]
        return {"id": vector.id, "book": book, "basket": vector.basket, "instant": vector.instant}


class Difference(NamedTuple):
    """Where an answer is not the one that was wanted. What is nowhere is NOTHING."""

    path: str
    wanted: object
    got: object


def published_vectors() -> str:
    """The file of vectors that comes with this version, as text."""
    return (files("pricing.conformance") / "vectors.json").read_text(encoding="utf-8")


def published_schema() -> str:
    """The JSON Schema of such a file, as text."""
    return (files("pricing.conformance") / "schema.json").read_text(encoding="utf-8")


def read_vectors(text: str | bytes) -> Vectors:
    """Read a file of vectors. Raises ValueError, with the reason, for one that cannot be used."""
    try:
        read = msgspec.json.decode(text, type=Vectors)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    if read.made_for_format != FORMAT:
        raise ValueError(f"It is made for books of format {read.made_for_format}; known is {FORMAT}.")
    missing = {vector.book for vector in read.vectors} - read.books.keys()
    if missing:
        raise ValueError(f"It has no book called {min(missing)!r}.")
    return read


class Engine:
    """Our own engine, as a program that answers questions."""

    def __init__(self) -> None:
        self._prepared = cache(_prepared)  # A book that it was asked about once is ready for the next question.

    def answer(self, question: Mapping[str, Any]) -> Tree:
        """The answer to one question; {"error": ...} with the reason for what is none."""
        try:
            asked = msgspec.convert(question, Question)
            prepared = self._prepared(msgspec.json.encode(asked.book))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return {"error": str(error)}
        return answer(prepared, asked.basket, asked.instant)


def _prepared(text: bytes) -> Prepared:
    book = msgspec.json.decode(text, type=Book)
    if book.format != FORMAT:
        raise ValueError(f"A book of format {book.format} is not known here.")
    fault = next(faults(book), None)
    if fault is not None:
        raise ValueError(f"This book is not sound: {fault}")
    return prepare(book)


def answer(prepared: Prepared, basket: Basket, instant: int) -> Tree:
    """What our engine says, as JSON has it: {"quote": ...}, or {"refused": ...}."""
    try:
        found = quote(prepared, basket, instant)
    except CannotQuote as no:
        return {"refused": {"code": no.code, "line": no.line}}
    return {"quote": msgspec.to_builtins(found)}


def differences(wanted: object, got: object, *, strict: bool = False) -> list[Difference]:
    """Where an answer is not the wanted one, path by path.

    Amounts, texts and lists must be equal, the lists in their order. What somebody's own quote says beyond ours is
    not looked at. Why a promotion did not apply (`verdicts[].reason`) may be said in other words, unless `strict`.
    """
    return [one for one in _differ("", wanted, got) if strict or not _is_wording(one.path)]


def _is_wording(path: str) -> bool:
    return path.startswith("quote.verdicts[") and path.endswith("].reason")


def _differ(path: str, wanted: object, got: object) -> Iterator[Difference]:
    if isinstance(wanted, dict) and isinstance(got, dict):
        yield from _fields_differ(path, wanted, got)
    elif isinstance(wanted, list) and isinstance(got, list):
        for n in range(max(len(wanted), len(got))):
            there = wanted[n] if n < len(wanted) else NOTHING
            here = got[n] if n < len(got) else NOTHING
            yield from _differ(f"{path}[{n}]", there, here)
    elif type(wanted) is not type(got) or wanted != got:
        # 1 is not true, and 100.0 is no whole number: who computes with fractions will be wrong one day.
        yield Difference(path, wanted, got)


def _fields_differ(path: str, wanted: Tree, got: Tree) -> Iterator[Difference]:
    for name in wanted:
        yield from _differ(f"{path}.{name}" if path else name, wanted[name], got.get(name, NOTHING))
    if not path:
        # Whether it is a quote, a refusal or an excuse is not a field more or less.
        yield from (Difference(name, NOTHING, got[name]) for name in _ANSWERS if name in got.keys() - wanted.keys())
