"""What commands share that take a step two people have to take: who types, what they say to it, and what is shown."""

import getpass
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import rich_click as click

from commerce.commands.options import Command, stored_text
from commerce.kernel.bodies import Reason


def typist() -> str:
    """The name of the terminal's user, if it has one."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def who(name: str) -> str:
    """The principal of whoever types. It is taken on trust, as is whoever may read the settings."""
    return f"terminal:{name}"


def _who(ctx: click.Context, param: click.Parameter, said: str) -> str:
    name = (stored_text(ctx, param, said) or "").strip()
    if not name:
        raise click.BadParameter("say who you are")
    return who(name)


def _reason(ctx: click.Context, param: click.Parameter, said: str | None) -> str | None:
    if said is None:
        return None
    try:
        return msgspec.convert(stored_text(ctx, param, said), Reason)
    except msgspec.ValidationError:
        raise click.BadParameter("write 1 to 200 characters, and not only blank ones") from None


_AS = "Who you are, for the diary and for the rule that nobody approves what is their own."
as_option = click.option(
    "--as", "actor", metavar="NAME", callback=_who, default=typist, help=f"{_AS} [default: your user name]"
)
as_required = click.option("--as", "actor", metavar="NAME", callback=_who, required=True, help=_AS)


def said_option(name: str, about: str, *, required: bool = False) -> Callable[[Command], Command]:
    """An option for what somebody says to a step."""
    return click.option(name, metavar="TEXT", callback=_reason, required=required, help=about)


limit_option = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at the most."
)


def print_newest(
    found: Sequence[Any], limit: int, what: tuple[str, str], table: Callable[[Sequence[Any]], None], *, as_json: bool
) -> None:
    """Print the newest of what was found, and whether there are more; `what` names them for machines and for people."""
    shown, more = found[:limit], len(found) > limit
    if as_json:
        print_json({what[0]: shown, "more": more})
        return
    if not shown:
        click.echo(f"There is no such {what[1]}.")
        return
    table(shown)
    if more:
        click.echo(f"These are the newest {limit}; there are more: --limit N")


def print_json(facts: object) -> None:
    """Print facts as the API would answer them."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(facts)).decode() + "\n")
