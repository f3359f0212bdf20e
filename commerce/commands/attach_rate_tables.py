"""How attach rates look in a terminal: counts, shares, a small bar for each, and what they mean."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Column, Table

from commerce.commands.options import as_it_is
from orders.reports.cite import cited, cited_matrix, cited_row, instant_named, period_named
from orders.reports.rules import SMALL_SAMPLE, Basis

if TYPE_CHECKING:
    from orders.reports.schemas import (
        AttachMatrixView,
        AttachOrdersView,
        AttachRateView,
        ChangeRow,
        ComparisonView,
        EventRow,
        IntervalView,
        MatrixCell,
        OpenView,
        PeriodView,
        RateRow,
    )

BAR_MOST = 16
ROOM_FOR_BARS = 72
"""In a terminal that has fewer columns, figures come first."""
_DIFFERENCE = "difference: now less before; its interval is Newcombe's, of two independent shares"


def print_rate(view: "AttachRateView") -> None:
    """Print an attach rate: a row for each group, the total below, and its definition."""
    groups = [str(group) for group in view.definition.group_by]
    most = _longest([*view.rows, view.total])
    table = table_of(*groups, *_figures(most))
    for row in view.rows:
        table.add_row(*(as_it_is(row.group[group] or "-") for group in groups), *_cells(row, most))
    if groups:
        table.add_section()
        table.add_row(*_total(groups), *_cells(view.total, most))
    print_table(table)
    if view.comparison is not None:
        _print_changes(groups, view.comparison, view.definition.period)
    asked = cited(view.definition, view.program, view.comparison.period if view.comparison else None)
    Console().print(Group(*_meaning(view, asked)))


def print_matrix(view: "AttachMatrixView") -> None:
    """Print the cross-channel matrix: a row for each anchor's channel and each channel of the attach."""
    most = _longest(view.cells)
    table = table_of("anchor in", "attach in", *_figures(most))
    for cell in view.cells:
        table.add_row(as_it_is(cell.channel), as_it_is(cell.attach_channel.replace("_", " ")), *_cells(cell, most))
    print_table(table)
    Console().print(Group(*_meaning(view, cited_matrix(view.definition))))


def print_orders(view: "AttachOrdersView") -> None:
    """Print the orders behind a figure, and whether there are more."""
    counts_units = view.definition.basis is Basis.UNITS
    shown = ("attached", "of") if counts_units else ("attached by", "days")
    table = table_of("order", "day", "sold in", "customer", *shown)
    for row in view.items:
        how = (row.attach_units, row.anchor_units) if counts_units else _attached_by(row)
        words = (row.order_number, row.day, row.store or row.channel, row.customer or "guest", *how)
        table.add_row(*map(as_it_is, words))
    print_table(table)
    if view.next_cursor is not None:
        Console().print(as_it_is("There are more: --limit N, or all of them with --out FILE.", "yellow"))
    Console().print(Group(*_meaning(view, cited_row(view.definition, view.group))))


def _attached_by(row: "EventRow") -> tuple[str, int | str]:
    by = row.attach_order or ("window open" if row.open else "-")
    return by, "" if row.days_until is None else row.days_until


def _figures(most: Decimal | None) -> Sequence[str]:
    return ("attached", "of", "rate", *([] if most is None else [""]), "95 %", "open")


def _longest(rows: "Sequence[RateRow | MatrixCell]") -> Decimal | None:
    """The largest share, which has the longest bar; None where there is no room for bars."""
    if Console().width < ROOM_FOR_BARS:
        return None
    return max((row.rate or Decimal(0) for row in rows), default=Decimal(0))


def _cells(row: "RateRow | MatrixCell", most: Decimal | None) -> Sequence[RenderableType]:
    return (
        str(row.numerator), str(row.denominator), _percent(row.rate), *([] if most is None else [_bar(row.rate, most)]),
        _interval(row.interval) + (" *" if row.small_sample else ""), _open(row.open),
    )  # fmt: skip


def _total(groups: Sequence[str]) -> Sequence[RenderableType]:
    return [as_it_is("total" if n == 0 else "") for n in range(len(groups))]


def _print_changes(groups: Sequence[str], view: "ComparisonView", period: "PeriodView") -> None:
    """Print both periods beside each other, and which is which."""
    table = table_of(*groups, "before", "now", "difference", "95 %")
    for change in view.rows:
        table.add_row(*(as_it_is(change.group[group] or "-") for group in groups), *_change(change))
    if groups:
        table.add_section()
        table.add_row(*_total(groups), *_change(view.total))
    print_table(table)
    which = f"before: {period_named(view.period)}    now: {period_named(period)}"
    Console().print(as_it_is(which, "bold"), as_it_is(_DIFFERENCE, "dim"), sep="\n")


def _change(change: "ChangeRow") -> Sequence[str]:
    difference = "" if change.difference is None else f"{change.difference * 100:+.1f} points"
    shares = (_percent(row.rate if row else None) for row in (change.before, change.now))
    return (*shares, difference, _interval(change.interval))


def _meaning(view: "AttachRateView | AttachMatrixView | AttachOrdersView", asked: str) -> Sequence[RenderableType]:
    """What was asked, what was known, and what the figures mean; `--json` has every rule."""
    settled = "settled" if view.settled else "not settled: something of that instant may still be being written"
    known = f"as of {view.as_of}; believed at {instant_named(view.believed_at)}; {settled}"
    above = view.definition.numerator.replace("window_days", str(view.definition.window_days))
    words = f"of: {view.definition.denominator}\nattached: {above}"
    is_left_out = "; they are not in the row" if view.definition.complete_only else ""
    signs = f"* small sample: of fewer than {SMALL_SAMPLE}    open: windows that are not over{is_left_out}"
    return as_it_is(asked, "bold"), as_it_is(known), as_it_is(words, "dim"), as_it_is(signs, "dim")


def _bar(rate: Decimal | None, most: Decimal) -> RenderableType:
    """A bar as long as the share, the largest one as long as there is room."""
    if rate is None or not most:
        return ""
    return Bar(size=float(most), begin=0, end=float(rate), color="cyan")


def _percent(rate: Decimal | None) -> str:
    return "" if rate is None else f"{rate * 100:.1f} %"


def _interval(interval: "IntervalView | None") -> str:
    return "" if interval is None else f"{interval.low * 100:.1f} to {interval.high * 100:.1f}"


def _open(found: "OpenView | None") -> str:
    return f"{found.denominator}" if found and found.denominator else ""


_NUMBERS = frozenset({"attached", "of", "rate", "open", "before", "now", "difference", "days"})
_WHOLE = _NUMBERS | {"95 %", "day", "week", "month", "cohort", "customer", "expected", "found"}
"""What is on one line however narrow the terminal; words and codes may go on below."""
_LEAST, _BETWEEN = 4, 2


def table_of(*columns: str) -> Table:
    """A table with these columns, and no rows yet."""
    return Table(*map(_column, columns), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)


def _column(name: str) -> Column:
    if not name:
        return Column("", max_width=BAR_MOST)
    shown = name.replace("_", " ")
    return Column(shown, justify="right" if name in _NUMBERS else "left", overflow="fold", no_wrap=shown in _WHOLE)


def print_table(table: Table) -> None:
    """Print a table; the terminal may break its lines, but no figure is cut off for want of room."""
    least = 0
    for column in table.columns:
        longest = max(cell_len(str(cell)) for cell in (column.header, *column.cells)) if column.no_wrap else _LEAST
        least += longest + _BETWEEN
    Console(width=max(Console().width, least)).print(table)
