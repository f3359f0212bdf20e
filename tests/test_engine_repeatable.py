"""The engine says the same whoever asks, in whatever order, on whatever machine: nothing it remembers can be seen."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.rules import prepare, quote
from pricing.rules.basket import Basket
from pricing.rules.book import Book, Price
from pricing.rules.quoted import CannotQuote, Quote
from tests.books import NOON, basket, book, item
from tests.engine_strategies import baskets, books, instants, seeds

WORLDS = 200
dice = st.builds(Random, seeds)


def answer(ask: Callable[[], Quote]) -> Quote | str:
    """A quote, or why there is none."""
    try:
        return ask()
    except CannotQuote as no:
        return no.code


def edges_of(of: Book) -> list[int]:
    """Every instant at which something in a book begins or ends, and the microseconds beside them."""
    spans = [(one.starts, one.ends) for one in of.promotions]
    spans += [(price.begins, price.ends) for one in of.items for price in one.recommended]
    known = {edge for span in spans for edge in span if edge is not None}
    return sorted({edge + beside for edge in known for beside in (-1, 0, 1)})


@settings(max_examples=300, deadline=None)
@given(books(), st.lists(st.tuples(baskets(3), instants), min_size=2, max_size=6), dice)
def test_what_is_remembered_changes_no_answer(of: Book, asked: list[tuple[Basket, int]], die: Random) -> None:
    """One prepared book is asked about any baskets at any instants, back and forth, and each edge with both sides."""
    prepared = prepare(of)
    edges = edges_of(of)
    for one, at in [*asked, *((die.choice(asked)[0], die.choice(edges)) for _ in range(6))]:
        known = answer(lambda one=one, at=at: quote(prepared, one, at))  # type: ignore[misc]  # the loop's own values

        assert known == answer(lambda one=one, at=at: quote(prepare(of), one, at))  # type: ignore[misc]  # as above


def test_a_memory_of_the_wrong_time_would_be_noticed() -> None:
    of = book([item("A", Price(NOON - 9, NOON, 500), Price(NOON, None, 400))])
    prepared = prepare(of)
    assert quote(prepared, basket(("A", 1)), NOON).total == 400
    (key, facts), *_ = prepared.line_facts.items()
    prepared.line_facts[key] = facts._replace(begins=NOON - 1)

    assert quote(prepared, basket(("A", 1)), NOON - 1) != quote(prepare(of), basket(("A", 1)), NOON - 1)


def numbers_in(value: object) -> list[object]:
    """Everything in a quote that is not a word, a list or nothing."""
    if isinstance(value, dict):
        return [found for one in value.values() for found in numbers_in(one)]
    if isinstance(value, list):
        return [found for one in value for found in numbers_in(one)]
    return [] if value is None or isinstance(value, str) else [value]


@settings(max_examples=600, deadline=None)
@given(books(), baskets(), instants)
def test_there_is_no_float_anywhere_in_a_quote(of: Book, asked: Basket, at: int) -> None:
    found = numbers_in(msgspec.to_builtins(quote(prepare(of), asked, at)))

    assert {type(one) for one in found} <= {int, bool}


QUOTING = """
import sys, msgspec
from pricing.rules import prepare, quote
from pricing.rules.basket import Basket
from pricing.rules.book import Book
for line in sys.stdin.buffer:
    of, asked, at = msgspec.json.decode(line, type=tuple[Book, Basket, int])
    print(msgspec.json.encode(quote(prepare(of), asked, at)).decode())
"""


def test_a_quote_is_the_same_bytes_under_every_hash_seed() -> None:
    cases: list[bytes] = []

    @settings(max_examples=WORLDS, deadline=None)
    @given(books(), baskets(), instants)
    def note(of: Book, asked: Basket, at: int) -> None:
        cases.append(msgspec.json.encode((of, asked, at)))

    note()
    answers = {quoted_by_another_process(b"\n".join(cases), seed) for seed in ("0", "1", "4711")}

    assert len(answers) == 1
    assert answers.pop().count(b"\n") == len(cases) >= WORLDS


def quoted_by_another_process(cases: bytes, seed: str) -> bytes:
    """The quotes as a new Python writes them."""
    words = [sys.executable, "-c", QUOTING]
    env = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(words, input=cases, env=env, capture_output=True, check=True)  # noqa: S603 - our own words
    return done.stdout


def test_the_engine_imports_no_input_no_output_no_clock_no_zone_and_no_dice() -> None:
    allowed = {"bisect", "collections", "commerce", "dataclasses", "datetime", "decimal", "fractions", "functools"}
    allowed |= {"hashlib", "heapq", "itertools", "math", "msgspec", "operator", "pricing", "re", "typing"}
    ours = sorted(Path("pricing/rules").rglob("*.py"))

    assert len(ours) > 10
    assert {name for path in ours for name in imported(path.read_text())} <= allowed


def imported(text: str) -> set[str]:
    """The first names of everything that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found
