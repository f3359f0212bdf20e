"""`commerce dead`: reactions that kept failing, for a person to look at and try again."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Column, Table

from commerce.commands.options import as_it_is, data_option, json_option, show, stored_text
from commerce.commands.transact import transact

if TYPE_CHECKING:
    from commerce.kernel.db import ReadSession, Session
    from commerce.kernel.relay import DeadDelivery

PAGE = 500


@click.group()
def dead() -> None:
    """List what lies on the dead shelf, and take it off to be tried anew."""


@dead.command("list")
@data_option
@json_option
def list_all(data: Path | None, *, as_json: bool) -> None:
    """List the reactions that kept failing, with the event and the last error, the oldest event first."""
    found = transact(data, lambda tx, _: _shelf(tx))
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode({"dead": found})).decode() + "\n")
        return
    if not found:
        click.echo("Nothing lies on the dead shelf.")
        return
    ids = Column("message", no_wrap=True, min_width=36)
    table = Table(ids, Column("reaction", no_wrap=True), "since", "failures", "last error")
    for one in found:
        since = f"{one.dead_at:%Y-%m-%d %H:%M}"
        error = as_it_is(one.last_error or "")
        table.add_row(as_it_is(one.message_id), as_it_is(one.reaction), since, str(one.failures), error)
    Console().print(table)


@dead.command()
@data_option
@json_option
@click.argument("message", required=False, callback=stored_text)
@click.argument("reaction", required=False, callback=stored_text)
@click.option("--all", "everything", is_flag=True, help="Whatever lies there now, instead of one.")
def retry(data: Path | None, message: str | None, reaction: str | None, *, everything: bool, as_json: bool) -> None:
    """Take one reaction to one event off the shelf (or --all), and let it be tried anew.

    MESSAGE and REACTION are those that `commerce dead list` shows. The worker does it within seconds; what fails
    again lies there again.
    """
    if everything and message is None:
        taken = transact(data, _retry_all)
    elif message is not None and reaction is not None and not everything:
        taken = transact(data, lambda tx, now: _retry_one(tx, message, reaction, now))
    else:
        raise click.UsageError("Name a MESSAGE and a REACTION, or write --all.")
    show({"retried": taken}, as_json=as_json)


async def _shelf(tx: "ReadSession") -> "list[DeadDelivery]":
    """All that lies there, however much."""
    from commerce.kernel.relay import dead_deliveries  # noqa: PLC0415 - it takes SQLAlchemy along, and --help needs none

    found: list[DeadDelivery] = []
    more = True
    while more:
        after = (found[-1].message_id, found[-1].reaction) if found else None
        page = await dead_deliveries(tx, after, PAGE)
        more = len(page) > PAGE
        found += page[:PAGE]
    return found


async def _retry_one(tx: "Session", message: str, reaction: str, now: datetime) -> int:
    from commerce.kernel.relay import retry_dead  # noqa: PLC0415 - as above

    await retry_dead(tx, message, reaction, now)
    return 1


async def _retry_all(tx: "Session", now: datetime) -> int:
    """All that lies there now. What somebody else takes off meanwhile is not counted, and no trouble."""
    from commerce.kernel.refusals import NotFound  # noqa: PLC0415 - as above
    from commerce.kernel.relay import retry_dead  # noqa: PLC0415 - as above

    taken = 0
    for one in await _shelf(tx):
        try:
            await retry_dead(tx, one.message_id, one.reaction, now)
        except NotFound:
            continue
        taken += 1
    return taken
