"""What every command shares: where the data is, how facts are shown, and how a no looks."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table

from commerce.embedded.errors import PartFailed
from commerce.kernel.refusals import Refusal
from commerce.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

REFUSED, FAILED = 2, 1
"""Exit codes: 2 says that nothing was done and what to change; 1 that something broke."""

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The data folder. [default: COMMERCE_DATA, or .commerce in the repository]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")


def settings_for(data: Path | None) -> Settings:
    """The settings of the environment, in the folder that was named on the command line. Raises SettingRefused."""
    settings = Settings.from_environment(os.environ)
    return settings if data is None else replace(settings, data=data.expanduser().absolute())


def show(facts: Mapping[str, object], *, as_json: bool, title: str = "") -> None:
    """Print facts: as one JSON document for a program, as a table for a person."""
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(facts)).decode() + "\n")
        return
    table = Table(title=title or None, show_header=False, title_justify="left")
    for name, fact in facts.items():
        words = ", ".join(map(str, fact)) if isinstance(fact, list | tuple) else str(fact)
        table.add_row(name.replace("_", " "), words)
    Console().print(table)


def show_refusal(refusal: Refusal) -> None:
    """Say no in one red line, and what to do about it."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(str(refusal), style="bold red", markup=False)
    hint = getattr(refusal, "hint", "")
    if hint:
        console.print(hint, markup=False)


def show_failure(failure: PartFailed) -> None:
    """Say which part failed, with the last it wrote."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if failure.last_lines:
        console.print(failure.last_lines, style="dim", markup=False)
    console.print(str(failure), style="bold red", markup=False)


class Commands(click.RichGroup):
    """A group of commands in which a refusal ends as words and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; 2 when it was refused, 1 when a part failed or a server could not be reached."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            show_refusal(refusal)
            ctx.exit(REFUSED)
        except PartFailed as failure:
            show_failure(failure)
            ctx.exit(FAILED)
        except Exception as error:
            reason = why_unreachable(error)
            if reason is None:
                raise
            console = Console(stderr=True, highlight=False, soft_wrap=True)
            console.print(f"A server cannot be reached: {reason}", style="bold red", markup=False)
            console.print("Look at COMMERCE_DATABASE_URL and COMMERCE_REDIS_URL.", markup=False)
            ctx.exit(FAILED)


def why_unreachable(error: Exception) -> str | None:
    """What kept us from a server, in its own words; None when the error is of another kind, most likely ours.

    PostgreSQL's classes 28, 3D, 53 and 57 are: who are you, no such database, too many, shutting down.
    """
    cause = getattr(error, "orig", None)
    if str(getattr(cause, "sqlstate", ""))[:2] in {"28", "3D", "53", "57"}:
        return str(cause)
    socket_missing = isinstance(error, FileNotFoundError) and error.filename is None
    if socket_missing or isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        return str(error)
    return None
