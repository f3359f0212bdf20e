"""Sheets: what was found as tables, which are then written as files."""

from collections.abc import Iterator

from orders.reports.cite import period_named
from orders.reports.discovery.schemas import (
    AttachPairsView,
    ChannelGapsView,
    GapRow,
    GapsDefinition,
    PairRow,
    PairsDefinition,
)
from orders.reports.files.flatten import Flat
from orders.reports.files.tables import Column, Kind
from orders.reports.tabulate import Sheet, Stamped, about, stamped

_TOLD = {"rules", "period", "filters"}


def pairs_sheet(view: AttachPairsView) -> Sheet:
    """The pairs, a row each; with `per`, a column says in which channel."""
    per = view.definition.per
    flat = Flat(PairRow, [] if per is None else [Column(str(per), Kind.TEXT)])
    return stamped("attach-pairs", flat, view.rows, Stamped(view, about(view), _cited("attach pairs", view)))


def gaps_sheet(view: ChannelGapsView) -> Sheet:
    """The things, a row each."""
    return stamped("channel-gaps", Flat(GapRow), view.rows, Stamped(view, about(view), _cited("channel gaps", view)))


def _cited(name: str, view: AttachPairsView | ChannelGapsView) -> str:
    """What was asked, on one line, and of how many tests the guard is."""
    return "; ".join([name, *_parts(view.definition), f"tests {view.tests}", f"found {view.found}"])


def _parts(definition: PairsDefinition | GapsDefinition) -> Iterator[str]:
    yield period_named(definition.period)
    yield from (f"{name} {value}" for name, value in definition.filters.items())
    for name in definition.__struct_fields__:
        value = getattr(definition, name)
        if name not in _TOLD and value not in (None, False, [], {}):
            yield f"{name} {', '.join(value) if isinstance(value, list) else value}"
