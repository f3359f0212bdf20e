"""`make chaos`: everything that can go wrong on the way to the payment provider, and whether every promise was kept."""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import rich_click as click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from commerce.kernel.logs import set_up_logs
from tests.benchmarks import machine
from tests.chaos import crash
from tests.chaos.crash import CrashReport
from tests.chaos.matrix import FAULTS, TIMES, Cell, play, trials_of
from tests.chaos.shop import a_place
from tests.chaos.sites import SITES, Site
from tests.chaos.storm import StormReport, storm

Say = Callable[[str], None]
AT_LEAST_ONE, NONE_OR_MORE = click.IntRange(min=1), click.IntRange(min=0)
PARTS = ("matrix", "storm", "crash")
PROMISES: Mapping[str, tuple[str, ...]] = {
    "Nobody is charged twice.": ("charged twice",),
    "Nobody is refunded twice.": ("refunded twice",),
    "Our ledger and the provider's say the same, row by row.": ("books differ",),
    "Nothing is paid without an order.": ("paid without an order",),
    "Nothing stays in doubt for longer than a minute.": ("in doubt", "not settled"),
    "Nothing is left for a reconciliation to find.": ("reconciliation", "not reconciled", "never heard of"),
    "No case is opened where none should be, and none is missed.": ("case",),
    "Every law holds.": ("law broken",),
}
REST = "Every story ends as it should."


class Report(msgspec.Struct, kw_only=True):
    """Everything that was tried, and what came of it."""

    seed: int
    machine: Mapping[str, Any]
    matrix: list[Cell] = []
    storms: list[StormReport] = []
    crash: CrashReport | None = None
    promises: dict[str, list[str]] = {}
    """Each promise, and where it was broken."""
    kept: bool = True


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--seed", default=0, show_default=True, help="What all dice are thrown with.")
@click.option("--site", "names", multiple=True, metavar="NAME", help="Only this row of the matrix (may be repeated).")
@click.option("--payments", type=AT_LEAST_ONE, default=1000, show_default=True, help="Buyers in each storm.")
@click.option("--api", type=NONE_OR_MORE, default=50, show_default=True, help="How often the API is killed.")
@click.option("--worker", type=NONE_OR_MORE, default=10, show_default=True, help="How often the worker is killed.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document.")
def main(*, parts: tuple[str, ...], seed: int, names: tuple[str, ...], as_json: bool, **sizes: int) -> None:
    """Bring chaos over the way to the payment provider: all of it, or only these PARTS.

    matrix: every place that asks the provider, under every fault, once and three times in a row. storm: many buyers,
    whose news comes five-fold, shuffled, late or never. crash: API and worker are killed while buyers pay.

    Exits with 1 if any promise was broken.
    """
    unknown = set(names) - {site.name for site in SITES}
    if unknown:
        raise click.BadParameter(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(_names())}")
    set_up_logs("pretty", level=logging.CRITICAL)  # What the shop logs of its troubles is what was ordered.
    console = Console(stderr=True)
    report = Report(seed=seed, machine=machine.describe())
    with console.status("chaos begins") as status:
        _bring(report, parts or PARTS, names, sizes, status.update)
    report.promises = promises_of(report)
    report.kept = not any(report.promises.values())
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
    else:
        _show(Console(), report)
    sys.exit(0 if report.kept else 1)


def _names() -> list[str]:
    return [site.name for site in SITES]


def _bring(report: Report, parts: Sequence[str], names: Sequence[str], sizes: Mapping[str, int], say: Say) -> None:
    if "matrix" in parts:
        wanted = [site for site in SITES if not names or site.name in names]
        report.matrix = asyncio.run(_matrix(wanted, lambda sentence: say(f"matrix: {sentence}")))
    if "storm" in parts:
        report.storms = asyncio.run(_storms(sizes["payments"], report.seed, lambda sentence: say(f"storm: {sentence}")))
    if "crash" in parts:
        report.crash = crash.run(
            lambda sentence: say(f"crash: {sentence}"), api=sizes["api"], worker=sizes["worker"], seed=report.seed
        )


async def _matrix(sites: Sequence[Site], say: Say) -> list[Cell]:
    cells: list[Cell] = []
    whole = len(sites) * len(FAULTS) * len(TIMES)

    def tell(cell: Cell) -> None:
        cells.append(cell)
        say(f"{len(cells)} of {whole}: {cell.site}, {cell.fault}")

    async with a_place() as place:
        for site in sites:
            await play(place, trials_of(site), tell=tell)
    return cells


async def _storms(payments: int, seed: int, say: Say) -> list[StormReport]:
    """One with the reconciler at work, and one in which deadlines must do."""
    async with a_place() as place:
        return [await storm(place, payments, seed=seed, reconciler=there, say=say) for there in (True, False)]


def promises_of(report: Report) -> dict[str, list[str]]:
    """What was broken of each promise, and where."""
    found = [
        *((f"{cell.site}, {cell.fault} x{cell.times}", cell.violations) for cell in report.matrix),
        *((f"storm {n}", one.violations) for n, one in enumerate(report.storms, 1)),
        *([("crash", report.crash.violations)] if report.crash else []),
    ]
    promises: dict[str, list[str]] = {promise: [] for promise in (*PROMISES, REST)}
    for where, violations in found:
        for violation in violations:
            promises[_promise_of(violation)].append(f"{where}: {violation}")
    return promises


def _promise_of(violation: str) -> str:
    return next((promise for promise, begins in PROMISES.items() if violation.startswith(begins)), REST)


def _show(console: Console, report: Report) -> None:
    if report.matrix:
        _show_matrix(console, report.matrix)
    for n, one in enumerate(report.storms, 1):
        _show_facts(console, f"storm {n} of {len(report.storms)}", one)
    if report.crash:
        _show_facts(console, "crash", report.crash)
    table = Table(show_header=False, box=None)
    for promise, broken in report.promises.items():
        table.add_row("[red]broken[/red]" if broken else "[green]kept[/green]", promise)
        for sentence in broken:
            table.add_row("", Text(sentence, "dim"))
    console.print(table)
    console.print("Every promise was kept." if report.kept else "Some promises were broken.", style="bold")


def _show_matrix(console: Console, cells: Sequence[Cell]) -> None:
    """Seconds of set time until nothing was in doubt: struck once, and three times in a row."""
    title = f"matrix: {len(cells)} stories, seconds until all was settled after one fault / three"
    faults = (fault.replace("_", "\n") for fault in FAULTS)
    table = Table(
        Column("asked for", no_wrap=True),
        *faults,
        title=title,
        title_justify="left",
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    by_place = {(cell.site, cell.fault, cell.times): cell for cell in cells}
    for site in dict.fromkeys(cell.site for cell in cells):
        row = [[by_place[site, fault, times] for times in TIMES] for fault in FAULTS]
        table.add_row(site, *(_cell_text(pair) for pair in row))
    console.print(table)


def _cell_text(pair: Sequence[Cell]) -> Text:
    said = "/".join("-" if cell.settled_s is None else str(cell.settled_s) for cell in pair)
    return Text(said, "red bold" if any(cell.violations for cell in pair) else "green")


def _show_facts(console: Console, title: str, report: msgspec.Struct) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for fact, value in msgspec.to_builtins(report).items():
        if fact == "verdict":
            table.add_row("rows in both ledgers", str(value["rows"]))
        elif fact != "violations":
            table.add_row(fact.replace("_", " "), _in_words(value))
    console.print(table)


def _in_words(value: object) -> str:
    return ", ".join(f"{name}: {each}" for name, each in value.items()) if isinstance(value, dict) else str(value)


if __name__ == "__main__":
    main()
