"""Refusals: a code for programs, facts for both, words for people; and states that move as their table allows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import pytest

from commerce.kernel.access import Role, WrongRole
from commerce.kernel.refusals import Busy, InvalidInput, MoveNotAllowed, NotFound, Refusal, UnknownReference, move


class Door(StrEnum):
    """What a door may be."""

    OPEN = "open"
    SHUT = "shut"
    LOCKED = "locked"


MOVES = {
    Door.OPEN: frozenset({Door.SHUT}),
    Door.SHUT: frozenset({Door.OPEN, Door.LOCKED}),
    Door.LOCKED: frozenset({Door.SHUT}),
}


@pytest.mark.parametrize("state", Door)
@pytest.mark.parametrize("wanted", Door)
def test_a_thing_moves_as_the_table_allows_and_no_other_way(state: Door, wanted: Door) -> None:
    if wanted in MOVES[state]:
        assert move("door", MOVES, state, wanted) is wanted
        return
    with pytest.raises(MoveNotAllowed) as refused:
        move("door", MOVES, state, wanted)
    assert refused.value.facts() == {"what": "door", "state": state.value, "wanted": wanted.value}
    assert str(refused.value) == f"A door that is {state} cannot become {wanted}."


def test_a_refusal_says_what_it_is_about() -> None:
    refusal = UnknownReference("lines[0].sku", "NOVA")

    assert (refusal.status, refusal.code, refusal.title) == (422, "unknown_reference", "Unknown reference")
    assert refusal.facts() == {"field": "lines[0].sku", "value": "NOVA"}
    assert str(refusal) == "lines[0].sku: 'NOVA' is not known here."


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (WrongRole(Role.OPERATOR, ["admin"]), "An operator key may not do this; it takes admin."),
        (WrongRole(Role.TERMINAL, ["admin", "analyst"]), "A terminal key may not do this; it takes admin or analyst."),
        (MoveNotAllowed("order", "shipped", "placed"), "An order that is shipped cannot become placed."),
    ],
)
def test_a_sentence_begins_with_the_right_article(refusal: Refusal, words: str) -> None:
    assert str(refusal) == words


def test_a_refusal_without_facts_has_none() -> None:
    assert Busy().facts() == {}
    assert (Busy.status, Busy.retry_after_s) == (503, 1)


def test_a_refusal_passes_through_every_kind_of_block() -> None:
    """A frozen dataclass would not: leaving a block sets an exception's traceback."""

    @dataclass(eq=False)
    class Shut(Refusal):
        """The door is shut."""

        code = "shut"
        door: str

    @contextmanager
    def entering() -> Iterator[None]:
        try:
            yield
        except Shut as shut:
            raise shut.with_traceback(None) from NotFound("key", "front")

    with pytest.raises(Shut) as refused, entering():
        raise Shut("front")
    assert refused.value.facts() == {"door": "front"}
    assert isinstance(refused.value.__cause__, NotFound)


def test_two_refusals_alike_are_still_two() -> None:
    """They are told apart as exceptions are; their facts are what can be compared."""
    first, second = InvalidInput("sku", "Too long."), InvalidInput("sku", "Too long.")

    assert first != second
    assert first.facts() == second.facts()
    assert len({first, second}) == 2
