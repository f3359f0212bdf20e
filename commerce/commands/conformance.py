"""`commerce conformance`: whether somebody's till computes the cents that we do."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table

from commerce.commands.foreign_engine import FellSilent, started
from commerce.commands.import_ import Screen, on_screen
from commerce.commands.openapi import FileUnwritable
from commerce.commands.options import FAILED, REFUSED, as_it_is, json_option, show
from commerce.kernel.refusals import Refusal

if TYPE_CHECKING:
    from pricing.conformance import Difference, Vector, Vectors

SHOWN_MAX = 40
"""Differences in the table; a program that is wrong everywhere is wrong in the first lines, too."""

WIDTH_MAX = 60


@dataclass(eq=False)
class VectorsUnreadable(Refusal):
    """The file is none of vectors, or of a kind that is not known here."""

    status = 400
    code = "vectors_unreadable"
    file: str
    reason: str
    hint = (
        "Leave --vectors out for those that come with this version, or write them down: commerce conformance export DIR"
    )

    def __str__(self) -> str:
        return f"{self.file} cannot be used: {self.reason}"


@dataclass(eq=False)
class NoSuchFeature(Refusal):
    """Nothing among the vectors is called so."""

    status = 400
    code = "no_such_feature"
    only: str
    features: list[str]

    def __str__(self) -> str:
        return f"No vector is about {self.only!r}. They are about {', '.join(self.features)}."


class Failure(NamedTuple):
    """A vector that was answered otherwise."""

    vector: "Vector"
    differences: "list[Difference]"


@dataclass
class Outcome:
    """What came of asking."""

    of: int
    answered: int
    failures: list[Failure]
    trouble: str | None = None
    """Why the program could not be heard to the end."""

    @property
    def equal(self) -> int:
        """So many were answered as wanted."""
        return self.answered - len(self.failures)


Ask = Callable[[bytes], Awaitable[bytes]]


@click.group()
def conformance() -> None:
    """Prove that a till computes the same cents from the same price book as this engine does."""


@conformance.command()
@json_option
@click.option("--command", metavar="WORDS", help="The program to ask, with its words. [default: our own engine]")
@click.option(
    "--vectors",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Vectors to ask. [default: those that come with this version]",
)
@click.option("--only", multiple=True, metavar="FEATURE|ID", help="Only vectors about this; may be said several times.")
@click.option("--strict", is_flag=True, help="Compare why promotions did not apply, too.")
@click.option("--timeout", type=click.IntRange(1, 3600), default=10, show_default=True, help="Seconds for each answer.")
@click.pass_context
def run(
    ctx: click.Context,
    command: str | None,
    vectors: Path | None,
    only: tuple[str, ...],
    timeout: int,
    *,
    strict: bool,
    as_json: bool,
) -> None:
    """Ask a program every vector, and show where its answers are not the wanted ones.

    The program is started once. For each vector it reads one line of JSON from standard input:

    {"id": "prices/one", "book": {...}, "basket": {"channel": "web-de", "lines": [{"key": "CASE", "sku": "CASE",
    "quantity": 1}]}, "instant": 1793620800000000}

    and writes one line to standard output before it reads the next, and flushes it:

    {"quote": {"market": "de", "book": 1, "instant": 1793620800000000, "currency": "EUR", "total": 1999, ...}}

    or, where the basket has no price:

    {"refused": {"code": "not_priced", "line": "CASE"}}

    Every field of the wanted quote must be there and equal, lists in their order; what is there beyond it is not looked
    at. The `reason` of a promotion that did not apply is compared with --strict alone. The schema says what the fields
    are: commerce conformance export DIR

    Ends with 0 where all are equal, with 2 where some differ, with 1 where the program could not be heard to the end.
    """
    known = _vectors_in(vectors)
    chosen = _chosen(known, only)
    with on_screen() as screen:
        outcome = asyncio.run(_run(known, chosen, command, timeout, lambda n: _heard(n, chosen, screen), strict=strict))
    if as_json:
        _print_json(known, outcome)
    else:
        _print(outcome)
    if outcome.trouble is not None:
        ctx.exit(FAILED)
    if outcome.failures:
        ctx.exit(REFUSED)


def _heard(number: int, chosen: "Sequence[Vector]", screen: Screen) -> None:
    screen.reading("vectors", number, len(chosen))


@conformance.command("answer")
def answer_questions() -> None:
    """Answer questions from standard input on standard output, as a program does that `run` is told of.

    For whoever wants to see what goes over the line: commerce conformance run --command "commerce conformance answer"
    """
    from pricing.conformance import Engine  # noqa: PLC0415 - --help needs no engine

    engine = Engine()
    for line in sys.stdin.buffer:
        sys.stdout.write(_answered(engine.answer, line) + "\n")
        sys.stdout.flush()


def _answered(answer: Callable[[Any], dict[str, Any]], line: bytes) -> str:
    """An answer to anything: what is no question has one, too. Its amounts may be more than 64 bits hold."""
    try:
        question = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return json.dumps({"error": str(error)})
    named = {"id": question["id"]} if isinstance(question.get("id"), str) else {}
    return json.dumps({**named, **answer(question)})


@conformance.command()
@json_option
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def export(folder: Path, *, as_json: bool) -> None:
    """Write the vectors and their JSON Schema into the folder DIR."""
    from pricing.conformance import published_schema, published_vectors  # noqa: PLC0415 - as above

    written = []
    for name, text in (("vectors.json", published_vectors()), ("schema.json", published_schema())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise FileUnwritable(str(folder / name), error.strerror or str(error)) from error
        written.append(str(folder / name))
    show({"written": written}, as_json=as_json)


def _vectors_in(file: Path | None) -> "Vectors":
    from pricing.conformance import published_vectors, read_vectors  # noqa: PLC0415 - as above

    if file is None:
        return read_vectors(published_vectors())
    try:
        return read_vectors(file.read_bytes())
    except OSError as error:
        raise VectorsUnreadable(str(file), error.strerror or str(error)) from error
    except ValueError as error:
        raise VectorsUnreadable(str(file), str(error)) from error


def _chosen(known: "Vectors", only: Sequence[str]) -> "list[Vector]":
    """The vectors to ask. Raises NoSuchFeature for a word that is nobody's."""
    features = sorted({feature for vector in known.vectors for feature in vector.features})
    ids = {vector.id for vector in known.vectors}
    for word in only:
        if word not in features and word not in ids:
            raise NoSuchFeature(word, features)
    return [one for one in known.vectors if not only or one.id in only or not set(only).isdisjoint(one.features)]


async def _run(
    known: "Vectors",
    chosen: "Sequence[Vector]",
    command: str | None,
    patience_s: int,
    heard: Callable[[int], None],
    *,
    strict: bool,
) -> Outcome:
    """Ask one after the other, up to the end or to where nobody answers any more."""
    from pricing.conformance import Engine  # noqa: PLC0415 - as above

    outcome = Outcome(len(chosen), 0, [])
    async with AsyncExitStack() as stack:
        if command is None:
            await _ask_all(known, chosen, _ours(Engine().answer), outcome, heard, strict=strict)
            return outcome
        program = await stack.enter_async_context(started(command, patience_s))
        try:
            await _ask_all(known, chosen, program.ask, outcome, heard, strict=strict)
        except FellSilent as silent:
            outcome.trouble = f"{chosen[outcome.answered].id} has no answer: {silent}."
            return outcome
        try:
            await program.finish()
        except FellSilent as silent:
            outcome.trouble = f"After the last answer, to {chosen[-1].id}: {silent}."
    return outcome


def _ours(answer: Callable[[Any], dict[str, Any]]) -> Ask:
    async def ask(question: bytes) -> bytes:
        return _answered(answer, question).encode()

    return ask


async def _ask_all(
    known: "Vectors",
    chosen: "Sequence[Vector]",
    ask: Ask,
    outcome: Outcome,
    heard: Callable[[int], None],
    *,
    strict: bool,
) -> None:
    for vector in chosen:
        line = await ask(msgspec.json.encode(known.question(vector)))
        outcome.answered += 1
        found = _judged(vector, line, strict=strict)
        if found:
            outcome.failures.append(Failure(vector, found))
        heard(outcome.answered)


def _judged(vector: "Vector", line: bytes, *, strict: bool) -> "list[Difference]":
    """Where a line is not the wanted answer."""
    from pricing.conformance import Difference, differences  # noqa: PLC0415 - as above

    try:
        said = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [Difference("(the line)", "an object of JSON", line[:200].decode(errors="replace").strip())]
    if said.get("id", vector.id) != vector.id:
        return [Difference("id", vector.id, said["id"])]
    return differences(vector.expected, said, strict=strict)


def _print_json(known: "Vectors", outcome: Outcome) -> None:
    failures = [
        {
            "id": one.vector.id,
            "about": one.vector.about,
            "features": one.vector.features,
            "differences": [_as_facts(difference) for difference in one.differences],
        }
        for one in outcome.failures
    ]
    counts = {"vectors": outcome.of, "answered": outcome.answered, "equal": outcome.equal}
    facts = {"version": known.version, "minor": known.minor, **counts, "failures": failures, "trouble": outcome.trouble}
    show(facts, as_json=True)


def _as_facts(difference: "Difference") -> dict[str, object]:
    """What is nowhere is left out."""
    from pricing.conformance import NOTHING  # noqa: PLC0415 - as above

    there = {"wanted": difference.wanted, "got": difference.got}
    return {"path": difference.path, **{name: value for name, value in there.items() if value is not NOTHING}}


def _print(outcome: Outcome) -> None:
    console = Console(highlight=False)
    if outcome.failures:
        console.print(_table(outcome.failures))
        more = sum(len(one.differences) for one in outcome.failures) - SHOWN_MAX
        if more > 0:
            click.echo(f"These are the first {SHOWN_MAX} differences; there are {more} more: --json")
    if outcome.trouble is not None:
        Console(stderr=True, highlight=False, soft_wrap=True).print(as_it_is(outcome.trouble, "bold red"))
    click.echo(f"{outcome.equal} of {outcome.of} equal")


def _table(failures: Sequence[Failure]) -> Table:
    table = Table("vector", "path", "wanted", "got")
    rows = [(one.vector.id, each) for one in failures for each in one.differences]
    for name, difference in rows[:SHOWN_MAX]:
        cells = (name, difference.path, _brief(difference.wanted), _brief(difference.got))
        table.add_row(*(as_it_is(cell) for cell in cells))
    return table


def _brief(value: object) -> str:
    from pricing.conformance import NOTHING  # noqa: PLC0415 - as above

    if value is NOTHING:
        return "nothing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= WIDTH_MAX else text[: WIDTH_MAX - 1] + "\N{HORIZONTAL ELLIPSIS}"
