"""What a table of cases is made of, and how the answers worked out by hand are laid beside the engine's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from pricing.conformance import Vector, answer
from pricing.rules import prepare
from pricing.rules.basket import Basket
from pricing.rules.book import Book
from tests.books import NOON

Tree = dict[str, Any]


class Case(NamedTuple):
    """A basket at an instant, and what was worked out by hand about its quote."""

    slug: str
    about: str
    basket: Basket
    at: int
    by_hand: Mapping[str, Any]


class Table(NamedTuple):
    """Cases about one thing, in one book."""

    name: str
    features: Sequence[str]
    book: Book
    cases: Sequence[Case]


def case(slug: str, about: str, wanted: Basket, at: int = NOON, **by_hand: Any) -> Case:  # noqa: ANN401 - see SEEN
    """A case. By hand come any of SEEN: each is compared with what the engine says, whole."""
    unknown = by_hand.keys() - SEEN.keys()
    assert not unknown, unknown
    return Case(slug, about, wanted, at, by_hand)


SEEN: dict[str, Callable[[Tree], Any]] = {
    "refused": lambda said: (said["refused"]["code"], said["refused"]["line"]) if "refused" in said else None,
    "total": lambda said: said["quote"]["total"],
    "tax": lambda said: said["quote"]["tax"],
    "taxes": lambda said: {line["key"]: line["tax"] for line in said["quote"]["lines"]},
    "off": lambda said: {line["key"]: line["discount"] for line in said["quote"]["lines"] if line["discounts"]},
    "prices": lambda said: {line["key"]: line["price"] for line in said["quote"]["lines"]},
    "recommended": lambda said: {line["key"]: line["recommended"] for line in said["quote"]["lines"]},
    "prior": lambda said: {
        line["key"]: line["prior"]["amount"] for line in said["quote"]["lines"] if line["prior"] is not None
    },
    "since": lambda said: {
        line["key"]: line["prior"]["since"] for line in said["quote"]["lines"] if line["prior"] is not None
    },
    "by": lambda said: {one["promotion"]: one["amount"] for one in said["quote"]["verdicts"] if one["applied"]},
    "why": lambda said: {one["promotion"]: one["reason"] for one in said["quote"]["verdicts"] if not one["applied"]},
    "landed": lambda said: {
        line["key"]: [(one["promotion"], one["amount"]) for one in line["discounts"]] for line in said["quote"]["lines"]
    },
    "shipping": lambda said: said["quote"]["shipping"]["total"] if said["quote"]["shipping"] else None,
    "gifts": lambda said: {one["promotion"]: one["quantity"] for one in said["quote"]["gifts"]},
}
"""What may be said by hand, and where it is found in an answer.

`off` is what is taken off each line, `by` what each promotion took, `why` the reasons of those that took nothing.
"""


def made(table: Table) -> Iterator[Vector]:
    """The vectors of a table. Raises AssertionError where the engine disagrees with what was worked out by hand."""
    prepared = prepare(table.book)
    for one in table.cases:
        said = answer(prepared, one.basket, one.at)
        wrong = disagreements(one, said)
        assert not wrong, f"{table.name}/{one.slug}: {'; '.join(wrong)}"
        _assert_remembering_changes_nothing(table.book, one, said)
        yield Vector(
            id=f"{table.name}/{one.slug}",
            about=one.about,
            features=sorted({table.name, *table.features}),
            book=table.name,
            basket=msgspec.to_builtins(one.basket),
            instant=one.at,
            expected=said,
        )


def disagreements(one: Case, said: Tree) -> list[str]:
    """Where the engine says something else than was worked out by hand."""
    if ("refused" in said) != ("refused" in one.by_hand):
        return [f"by hand {dict(one.by_hand)}, the engine {said}"]
    seen = {name: SEEN[name](said) for name in one.by_hand}
    wrong = [name for name in seen if seen[name] != one.by_hand[name]]
    return [f"{name}: by hand {one.by_hand[name]}, the engine {seen[name]}" for name in wrong]


def _assert_remembering_changes_nothing(book: Book, one: Case, said: Tree) -> None:
    assert answer(prepare(book), one.basket, one.at) == said, f"{one.slug}: not what a book says that was never asked"
