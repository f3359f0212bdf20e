"""`commerce keys`: who may call; the way to the first key there is."""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Column, Table

from commerce.commands.options import as_it_is, data_option, instant, json_option, show, stored_text, table_of
from commerce.commands.transact import transact
from commerce.kernel.access import Role

if TYPE_CHECKING:
    from commerce.kernel.keys import IssuedKey, KeyView


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys."""


@keys.command()
@data_option
@json_option
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--name", required=True, callback=stored_text, help="Who will use it.")
@click.option(
    "--channel", metavar="CODE", callback=stored_text, help="A storefront's online, a terminal's retail channel."
)
@click.option("--location", metavar="CODE", callback=stored_text, help="The store a terminal stands in.")
@click.option("--expires", metavar="WHEN", callback=instant, help="A date or an instant; UTC if it says nothing else.")
def create(data: Path | None, *, as_json: bool, role: str, name: str, **bounds: str | datetime | None) -> None:
    """Make a key. It is shown this once; only its hash is stored."""
    from commerce.operations.bounds import issue_bound_key  # noqa: PLC0415 - it takes SQLAlchemy along, --help none
    from commerce.operations.keys import read_key  # noqa: PLC0415 - as above

    facts = {"channel": bounds["channel"], "location": bounds["location"], "expires_at": bounds["expires"]}
    wanted = read_key({"role": role, "name": name, **facts})
    _show_once(transact(data, lambda tx, now: issue_bound_key(tx, wanted, now)), as_json=as_json)


@keys.command("list")
@data_option
@json_option
def list_all(data: Path | None, *, as_json: bool) -> None:
    """List every key there ever was, the newest first."""
    from commerce.kernel.keys import list_keys  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs none

    found = transact(data, lambda tx, _: list_keys(tx))
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode({"keys": found})).decode() + "\n")
        return
    table = Table(Column("id", no_wrap=True, min_width=36), "role", "name", "belongs to", "state")
    for key in found:
        table.add_row(key.id, key.role, as_it_is(key.name), as_it_is(key.location or key.channel or ""), _state(key))
    Console().print(table)


@keys.command()
@data_option
@json_option
@click.argument("key_id", callback=stored_text)
def revoke(data: Path | None, *, as_json: bool, key_id: str) -> None:
    """End a key. Every process stops honouring it within a second."""
    from commerce.kernel.keys import revoke_key  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs none

    transact(data, lambda tx, now: revoke_key(tx, key_id, now))
    show({"revoked": key_id}, as_json=as_json)


@keys.command()
@data_option
@json_option
@click.argument("key_id", callback=stored_text)
@click.option(
    "--overlap",
    type=click.IntRange(0, 30 * 86_400),
    default=86_400,
    show_default=True,
    metavar="SECONDS",
    help="How long the old key is good beside the new one.",
)
def rotate(data: Path | None, *, as_json: bool, key_id: str, overlap: int) -> None:
    """Make the successor of a key; both are the same caller."""
    from commerce.kernel.keys import rotate_key  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs none

    lasting = timedelta(seconds=overlap)
    _show_once(transact(data, lambda tx, now: rotate_key(tx, key_id, now, lasting)), as_json=as_json)


def _show_once(issued: "IssuedKey", *, as_json: bool) -> None:
    facts = msgspec.to_builtins(issued)
    key = facts.pop("key")
    if as_json:
        show({**facts, "key": key}, as_json=True)
        return
    # First of all, since it is stored already; and alone on standard output, where a script reads it whole.
    click.echo(key)
    console = Console(stderr=True)
    console.print("This is the key. It is not shown again.", style="bold")
    console.print(table_of({name: fact for name, fact in facts.items() if fact is not None}))


def _state(key: "KeyView") -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    return f"until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "live"
