"""Sheets: what was found as tables, which are then written as files."""

from orders.reports.discovery.schemas import AttachPairsView, ChannelGapsView, GapRow, PairRow
from orders.reports.files.flatten import Flat
from orders.reports.files.tables import Column, Kind
from orders.reports.tabulate import Sheet, table_of

_ROWS = {"rows", "next_cursor"}


def pairs_sheet(view: AttachPairsView) -> Sheet:
    """The pairs, a row each; with `per`, a column says in which channel."""
    per = view.definition.per
    flat = Flat(PairRow, [] if per is None else [Column(str(per), Kind.TEXT)])
    table = table_of("attach-pairs", flat, view.as_of, _about(view))
    return Sheet(table, [flat.row(row) for row in view.rows])


def gaps_sheet(view: ChannelGapsView) -> Sheet:
    """The things, a row each."""
    flat = Flat(GapRow)
    return Sheet(table_of("channel-gaps", flat, view.as_of, _about(view)), [flat.row(row) for row in view.rows])


def _about(view: AttachPairsView | ChannelGapsView) -> dict[str, object]:
    """What an answer means and as of when: all of it but its rows."""
    return {name: getattr(view, name) for name in view.__struct_fields__ if name not in _ROWS}
