"""`commerce export`: the shop as a folder of CSV files."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click
from rich.console import Console
from rich.table import Table

from commerce.commands.import_ import Screen, on_screen
from commerce.commands.migrate import see_to_tables
from commerce.commands.options import data_option, json_option, settings_for, show
from commerce.embedded.locate import stack_at

if TYPE_CHECKING:
    from commerce.exchange.progress import ExportReport


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--gzip", "gzipped", is_flag=True, help="Write .csv.gz files.")
@data_option
@json_option
def export(folder: Path, data: Path | None, *, gzipped: bool, as_json: bool) -> None:
    """Write the shop to the folder DIR in exchange format, as of one instant. DIR must hold no CSV files yet.

    Orders that are neither completed nor cancelled are left out, and counted.
    """
    settings = settings_for(data)
    with stack_at(settings.data, settings) as urls, on_screen() as screen:
        see_to_tables(urls.database)
        report = asyncio.run(_export(urls.database, folder, screen, gzipped=gzipped))
    if as_json:
        files = {name: {"rows": rows} for name, rows in report.files.items()}
        show({"files": files, "open_orders_left_out": report.open_orders_left_out}, as_json=True)
        return
    table = Table(title="exported", title_justify="left")
    table.add_column("file")
    table.add_column("rows", justify="right")
    for name, rows in report.files.items():
        table.add_row(name, f"{rows:,}")
    console = Console()
    console.print(table)
    if report.open_orders_left_out:
        console.print(f"{report.open_orders_left_out:,} orders are not over yet and were left out.")


async def _export(url: str, folder: Path, screen: Screen, *, gzipped: bool) -> "ExportReport":
    from commerce.exchange.export_folder import export_folder  # noqa: PLC0415 - it knows every domain, --help needs none
    from commerce.kernel.db import Database  # noqa: PLC0415 - as above

    db = Database(url, pool_size=1)
    try:
        return await export_folder(db, folder, gzipped=gzipped, progress=screen)
    finally:
        await db.close()
