"""Refusals: we understood, and the answer is no. Clients switch on `code`, never on prose."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import ClassVar, TypeVar

import msgspec

State = TypeVar("State", bound=StrEnum)


def with_article(what: str) -> str:
    """A thing to begin a sentence with: `An order`, `A refund`."""
    return f"An {what}" if what.startswith(tuple("aeio")) else f"A {what}"


@cache
def _names_of(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


class FieldError(msgspec.Struct, frozen=True):
    """One field of a request that is wrong, and why."""

    field: str
    reason: str


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """We understood, and the answer is no. Never a bug; never pages anyone."""

    status: ClassVar[int] = 409
    code: ClassVar[str] = "refused"
    retry_after_s: ClassVar[int | None] = None

    @property
    def title(self) -> str:
        """The refusal's kind in words; the same for every refusal with this code."""
        return self.code.replace("_", " ").capitalize()

    def facts(self) -> dict[str, object]:
        """The typed facts behind the answer, by name."""
        return {name: getattr(self, name) for name in _names_of(type(self))}  # type: ignore[arg-type]  # a class is hashable

    def field_errors(self) -> list[FieldError]:
        """The fields that are to blame. A refusal that knows of several faults tells each beside its own field."""
        field = getattr(self, "field", None)
        return [FieldError(field, str(self))] if isinstance(field, str) else []


@dataclass(eq=False)
class InvalidInput(Refusal):
    """A field of the request cannot be read as what it should be."""

    status = 400
    code = "invalid_input"
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


@dataclass(eq=False)
class NotFound(Refusal):
    """There is no such thing here, or it is not yours to see."""

    status = 404
    code = "not_found"
    what: str
    id: str

    def __str__(self) -> str:
        return f"There is no {self.what} {self.id!r}."


@dataclass(eq=False)
class UnknownReference(Refusal):
    """The request speaks of something that does not exist."""

    status = 422
    code = "unknown_reference"
    field: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value!r} is not known here."


@dataclass(eq=False)
class AlreadyExists(Refusal):
    """The key is taken by something else."""

    code = "already_exists"
    field: str
    value: str

    def __str__(self) -> str:
        return f"{self.field}: {self.value!r} exists already."


@dataclass(eq=False)
class MoveNotAllowed(Refusal):
    """The thing is not in a state from which it may go there."""

    code = "move_not_allowed"
    what: str
    state: str
    wanted: str

    def __str__(self) -> str:
        return f"{with_article(self.what)} that is {self.state} cannot become {self.wanted}."


class Busy(Refusal):
    """Too much at once, or a part is restarting. Nothing was done; the same request may be sent again."""

    status = 503
    code = "busy"
    retry_after_s = 1

    def __str__(self) -> str:
        return "Not now. Send the same request again, with the same Idempotency-Key."


def move(what: str, moves: Mapping[State, frozenset[State]], state: State, wanted: State) -> State:
    """Go from a state to the next one if the table of moves allows it. Raises MoveNotAllowed."""
    if wanted not in moves[state]:
        raise MoveNotAllowed(what, str(state), str(wanted))
    return wanted
