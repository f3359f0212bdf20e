"""`commerce attach-rate`: which share of anchors left with an attach, or was followed by one, from a terminal."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import rich_click as click
from click.core import ParameterSource

from commerce.commands.attach_rate_options import (
    GROUPS,
    answered,
    asked_of,
    hand_down,
    question_options,
    stored_texts,
)
from commerce.commands.attach_rate_tables import print_matrix, print_orders, print_rate
from commerce.commands.attach_rate_verify import verify
from commerce.commands.openapi import FileUnwritable
from commerce.commands.options import data_option, json_option, show

if TYPE_CHECKING:
    from commerce.kernel.db import Database
    from orders.reports.drill_down import Drill
    from orders.reports.schemas import AttachMatrixView, AttachOrdersView, AttachRateView
    from orders.reports.tabulate import Sheet

_GROUP_BY = click.option("--group-by", multiple=True, metavar="GROUP", help=f"A row for each {GROUPS}")


@click.group("attach-rate", invoke_without_command=True)
@data_option
@json_option
@question_options
@_GROUP_BY
@click.option("--compare-from", metavar="WHEN", help="Put a period beside it that shares no sale: its first day.")
@click.option("--compare-to", metavar="WHEN", help="The other period's last day.")
@click.option(
    "--chart", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw it: FILE.svg or FILE.png."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it: FILE.csv or FILE.parquet."
)
@click.pass_context
def attach_rate(
    ctx: click.RichContext,
    /,
    data: Path | None,
    chart: Path | None,
    out: Path | None,
    *,
    as_json: bool,
    **said: Any,  # noqa: ANN401 - the options of a question
) -> None:
    """Show which share of anchors left with an attach, or was followed by one.

    For example: commerce attach-rate --anchor category:phones --attach category:cases --basis customers
    --window-days 30 --group-by month
    """
    if ctx.invoked_subcommand is not None:
        hand_down(ctx, attach_rate)
        return
    compared = said.pop("compare_from"), said.pop("compare_to")
    has_other = compared != (None, None)
    asked = asked_of(said)
    _check_suffix("--chart", chart, ("svg", "png"))
    if chart is not None and has_other:
        raise click.UsageError("'--chart' draws one period: leave out '--compare-from' and '--compare-to'.")
    _check_suffix("--out", out, ("csv", "parquet"))

    async def ask(db: "Database") -> "AttachRateView":
        from orders.reports.attach_rate import AttachRates, Comparison  # noqa: PLC0415 - it takes SQLAlchemy along
        from orders.reports.attach_rate import attach_rate as answer  # noqa: PLC0415 - as above

        return await answer(db, AttachRates(), asked, Comparison(*compared) if has_other else None)

    view = answered(ctx, data, ask)
    if chart is not None:
        _write(chart, _drawn(view, chart), "--chart")
    if out is not None:
        from orders.reports.tabulate import attach_rate_sheet  # noqa: PLC0415 - as above

        _write_sheet(out, attach_rate_sheet(view))
    if as_json:
        show(msgspec.to_builtins(view), as_json=True)
        return
    print_rate(view)
    for file in filter(None, (chart, out)):
        click.echo(f"Written to {file}.")


@attach_rate.command()
@data_option
@json_option
@question_options
@_GROUP_BY
@click.option(
    "--group",
    multiple=True,
    callback=stored_texts,
    metavar="GROUP:VALUE",
    help="The row that is meant, by each group: month:2026-05, or store: for none.",
)
@click.option("--attached/--not-attached", default=None, help="Only those in the numerator, or only the others.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="So many, the oldest first.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="All: FILE.csv or FILE.parquet."
)
@click.pass_context
def orders(
    ctx: click.RichContext,
    /,
    data: Path | None,
    limit: int,
    out: Path | None,
    *,
    attached: bool | None,
    as_json: bool,
    **said: Any,  # noqa: ANN401 - as above
) -> None:
    """Show the orders behind a figure, each with the order that made it count."""
    from orders.reports.drill_down import Drill, events_page  # noqa: PLC0415 - it takes SQLAlchemy along

    drill = Drill(group=said.pop("group"), asked=asked_of(said), attached=attached)
    _check_suffix("--out", out, ("csv", "parquet"))
    if out is not None and ctx.get_parameter_source("limit") is ParameterSource.COMMANDLINE:
        raise click.UsageError("'--out' writes all of them: leave out '--limit'.")

    async def page(db: "Database") -> "AttachOrdersView":
        return await events_page(db, drill, cursor=None, limit=limit)

    if out is not None:
        written = answered(ctx, data, lambda db: _every_order(db, drill, out))
        show({"file": str(out), "bytes": written}, as_json=as_json)
        return
    view = answered(ctx, data, page)
    if as_json:
        show(msgspec.to_builtins(view), as_json=True)
        return
    print_orders(view)


@attach_rate.command()
@data_option
@json_option
@question_options
@click.option(
    "--by",
    type=click.Choice(["kind", "channel"]),
    default="kind",
    show_default=True,
    help="Kinds of channels, or channels.",
)
@click.pass_context
def matrix(ctx: click.RichContext, /, data: Path | None, by: str, *, as_json: bool, **said: Any) -> None:  # noqa: ANN401 - as above
    """Show in which channel the attach came, beside the channel of the anchor."""
    asked = asked_of(said)

    async def ask(db: "Database") -> "AttachMatrixView":
        from orders.reports.matrix import MatrixBy, attach_matrix  # noqa: PLC0415 - as above

        return await attach_matrix(db, asked, MatrixBy(by))

    view = answered(ctx, data, ask)
    if as_json:
        show(msgspec.to_builtins(view), as_json=True)
        return
    print_matrix(view)


attach_rate.add_command(verify)


def _check_suffix(option: str, file: Path | None, known: Sequence[str]) -> None:
    if file is not None and file.suffix.lstrip(".") not in known:
        raise click.BadParameter(f"name a file that ends in {' or '.join(known)}", param_hint=option)


def _drawn(view: "AttachRateView", chart: Path) -> bytes:
    from orders.reports.charts.draw import PictureKind, draw  # noqa: PLC0415 - as above

    return draw(view, PictureKind(chart.suffix.lstrip(".")))


def _write_sheet(out: Path, sheet: "Sheet") -> None:
    import asyncio  # noqa: PLC0415 - as above

    from orders.reports.files.make import Format, small_file  # noqa: PLC0415 - as above

    _, _, body = asyncio.run(small_file(sheet.table, sheet.rows, Format(out.suffix.lstrip("."))))
    _write(out, body, "--out")


async def _every_order(db: "Database", drill: "Drill", out: Path) -> int:
    from orders.reports.drill_down import events_file  # noqa: PLC0415 - as above
    from orders.reports.files.make import Format  # noqa: PLC0415 - as above

    made = await events_file(db, drill, Format(out.suffix.lstrip(".")))
    try:
        return await _copy(made.pieces(), out)
    finally:
        made.close()


async def _copy(pieces: AsyncGenerator[bytes, None], out: Path) -> int:
    try:
        with out.open("wb") as file:
            return sum([file.write(piece) async for piece in pieces])
    except OSError as error:
        raise FileUnwritable(str(out), error.strerror or str(error)) from error


def _write(out: Path, body: bytes, option: str) -> None:
    try:
        out.write_bytes(body)
    except OSError as error:
        raise FileUnwritable(str(out), error.strerror or str(error), option) from error
