"""`commerce check`: whether every law holds, now."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table

from commerce.commands.migrate import refuse_other_tables
from commerce.commands.options import FAILED, as_it_is, data_option, json_option, settings_for
from commerce.embedded.locate import stack_at

if TYPE_CHECKING:
    from commerce.operations.checks import Checkup

TOO_OLD = (
    "This PostgreSQL is older than 17, and cannot end a transaction that is committed late. Where the way to it is "
    "slow, a price may change a moment before everybody knows (decision 0029)."
)


@click.command()
@data_option
@json_option
def check(data: Path | None, *, as_json: bool) -> None:
    """Look for the offenders of every law, all in one instant. Exits with 1 if there are any.

    Each law may take a quarter of an hour. Over HTTP (/v1/checks) all of them have 25 seconds. It also says where a
    PostgreSQL before 17 cannot keep what a newer one does.
    """
    settings = settings_for(data)
    with stack_at(settings.data, settings) as urls:
        refuse_other_tables(urls.database)
        checkup, ends_what_is_late = asyncio.run(_check(urls.database))
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(checkup)).decode() + "\n")
    else:
        _show(checkup)
    if not ends_what_is_late:
        click.echo(TOO_OLD, err=True)
    if not checkup.lawful:
        sys.exit(FAILED)


async def _check(url: str) -> "tuple[Checkup, bool]":
    from commerce.kernel.db import Database, cuts_off  # noqa: PLC0415 - --help needs no database
    from commerce.operations.checks import check_up  # noqa: PLC0415 - it knows every domain, and --help needs none

    # Without an end to our patience: nobody waits for this with a till in hand, and each law has a limit of its own.
    db = Database(url, pool_size=1)
    try:
        async with db.read() as tx:
            ends_what_is_late = await cuts_off(tx)
        return await check_up(db), ends_what_is_late
    finally:
        await db.close()


def _show(checkup: "Checkup") -> None:
    table = Table(show_header=False, box=None)
    for finding in checkup.findings:
        mark = "[red]broken[/red]" if finding.offenders else "[green]holds[/green]"
        table.add_row(mark, as_it_is(finding.sentence), f"{finding.offenders} offenders" if finding.offenders else "")
        for offender in finding.shown:
            table.add_row("", as_it_is(offender, "dim"))
    console = Console()
    console.print(table)
    console.print("Every law holds." if checkup.lawful else "Some laws are broken.", style="bold")
