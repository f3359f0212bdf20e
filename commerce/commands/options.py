"""What every command shares: where the data is, how facts are shown, and how a no looks."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from commerce.embedded.errors import PartFailed
from commerce.kernel.refusals import Refusal
from commerce.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

REFUSED, FAILED = 2, 1
"""Exit codes: 2 says that nothing was done and what to change; 1 that something broke."""

AWAY, MISTYPED = 503, 400
"""What the API would answer to a failure of that kind; a problem object says it."""

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The data folder. [default: COMMERCE_DATA, or .commerce in the repository]",
)
_AS_JSON = "commerce.as_json"


def _remember(ctx: click.Context, _param: click.Parameter, wanted: bool) -> bool:  # noqa: FBT001 - click calls it so
    ctx.meta[_AS_JSON] = wanted
    return wanted


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,  # Read first, so that it is known when another word is refused.
    callback=_remember,
    help="Print the facts, or the refusal, as JSON.",
)


def settings_for(data: Path | None) -> Settings:
    """The settings of the environment, in the folder that was named on the command line. Raises SettingRefused."""
    settings = Settings.from_environment(os.environ)
    return settings if data is None else replace(settings, data=data.expanduser().absolute())


def stored_text(_ctx: click.Context, _param: click.Parameter, said: str | None) -> str | None:
    """Words for the database: those typed in another encoding come with halves of characters, which nothing stores."""
    if said is not None and not said.isascii() and any("\ud800" <= character <= "\udfff" for character in said):
        raise click.BadParameter("this is not UTF-8")
    return said


def instant(_ctx: click.Context, _param: click.Parameter, said: str | None) -> datetime | None:
    """An instant as people write it: a date or more; UTC if it says nothing else."""
    if said is None:
        return None
    try:
        read = datetime.fromisoformat(said)
    except ValueError:
        raise click.BadParameter("write it like 2027-01-31 or 2027-01-31T18:00:00+01:00") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def as_it_is(said: object, style: str = "") -> Text:
    """What somebody wrote, for a terminal: rich would read square brackets in it as markup, and the terminal obey it.

    Every piece of data that is shown goes through here; lines stay lines.
    """
    seen = (each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in str(said))
    return Text("".join(seen), style)


def show(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print facts: as one JSON document for a program, as a table for a person."""
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(facts, enc_hook=str)).decode() + "\n")
        sys.stdout.flush()  # Some commands go on for days after they said this.
        return
    Console().print(table_of(facts))


def table_of(facts: Mapping[str, object]) -> Table:
    """Facts for a person: one line for each, its name and what it is."""
    table = Table(show_header=False)
    for name, fact in facts.items():
        words = ", ".join(map(str, fact)) if isinstance(fact, list | tuple) else str(fact)
        table.add_row(name.replace("_", " "), as_it_is(words))
    return table


def show_refusal(refusal: Refusal, *, as_json: bool = False) -> None:
    """Say no in one red line, and what to do about it; or as the API would, in a problem object."""
    if as_json:
        more = {"hint": getattr(refusal, "hint", ""), "errors": refusal.field_errors()}
        _show_problem(refusal.code, refusal.status, str(refusal), {"facts": refusal.facts(), **more})
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(as_it_is(refusal, "bold red"))
    hint = getattr(refusal, "hint", "")
    if hint:
        console.print(as_it_is(hint))


def show_failure(failure: PartFailed, *, as_json: bool = False) -> None:
    """Say which part failed, with the last it wrote."""
    if as_json:
        facts = {"part": failure.part, "reason": failure.reason, "log": failure.log}
        _show_problem("part_failed", AWAY, str(failure), {"facts": facts, "last_lines": failure.last_lines})
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if failure.last_lines:
        console.print(as_it_is(failure.last_lines, "dim"))
    console.print(as_it_is(failure, "bold red"))


def show_unreachable(reason: str, *, as_json: bool = False) -> None:
    """Say that a server does not answer, and where its address is written."""
    hint = "Look at COMMERCE_DATABASE_URL and COMMERCE_REDIS_URL."
    if as_json:
        _show_problem("server_unreachable", AWAY, f"A server cannot be reached: {reason}", {"hint": hint})
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(as_it_is(f"A server cannot be reached: {reason}", "bold red"))
    console.print(hint)


def _show_problem(code: str, status: int, detail: str, more: Mapping[str, object]) -> None:
    """A no as the API writes it (RFC 9457), on standard output, where a program looks for its answer."""
    title = code.replace("_", " ").capitalize()
    known = {"type": f"/errors/{code}", "title": title, "status": status, "detail": detail, "code": code}
    show({**known, **more}, as_json=True)


class Commands(click.RichGroup):
    """A group of commands in which a refusal ends as words and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Look for --json before anything is read: behind a word that is wrong, nothing is read any more."""
        options = args[: args.index("--")] if "--" in args else args
        ctx.meta[_AS_JSON] = "--json" in options
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _refuse_words(ctx, error)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; 2 when it was refused, 1 when a part failed or a server could not be reached."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            show_refusal(refusal, as_json=_as_json(ctx))
            ctx.exit(REFUSED)
        except PartFailed as failure:
            show_failure(failure, as_json=_as_json(ctx))
            ctx.exit(FAILED)
        except click.UsageError as error:
            _refuse_words(ctx, error)
        except Exception as error:
            reason = why_unreachable(error)
            if reason is None:
                raise
            show_unreachable(reason, as_json=_as_json(ctx))
            ctx.exit(FAILED)


def _refuse_words(ctx: click.Context, error: click.UsageError) -> NoReturn:
    """Say which word is wrong: to a program as a problem, to a person as click does it."""
    if not _as_json(ctx):
        raise error
    _show_problem("invalid_usage", MISTYPED, error.format_message(), {})
    ctx.exit(REFUSED)


def _as_json(ctx: click.Context) -> bool:
    return bool(ctx.meta.get(_AS_JSON))


def why_unreachable(error: Exception) -> str | None:
    """What kept us from a server, in its own words; None when the error is of another kind, most likely ours.

    PostgreSQL's classes 08, 28, 3D, 53 and 57 are: line broken, who are you, no such database, too many, shutting down.
    """
    cause = getattr(error, "orig", None) or error
    if str(getattr(cause, "sqlstate", ""))[:2] in {"08", "28", "3D", "53", "57"} or _is_cut_off(error):
        return str(cause)
    socket_missing = isinstance(error, FileNotFoundError) and error.filename is None
    if socket_missing or isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return str(error)
    return None


def _is_cut_off(error: Exception) -> bool:
    """Whether the driver knows by itself, without a word from the server, that the connection is over."""
    if "asyncpg" not in sys.modules:
        return False
    from asyncpg import InterfaceError  # noqa: PLC0415 - only where something went wrong; --help needs no driver
    from sqlalchemy.exc import InterfaceError as Wrapped  # noqa: PLC0415 - as above

    # The driver calls its callers' mistakes by the same name.
    return isinstance(error, InterfaceError | Wrapped) and "closed" in str(error)
