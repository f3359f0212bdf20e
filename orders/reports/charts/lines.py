"""Lines: shares over time, a few together, or each in a panel of its own before the shadows of the others."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from orders.reports.charts.paper import BEYOND, COLOURS, MARKERS, PALE, SHADOW, Paper, numbers
from orders.reports.charts.plan import Line, Lines, Mark, Picture, Ticks

TOGETHER_MOST = 3
"""More lines than that are a tangle, so each has a panel."""
PANELS_ABREAST = 3
_TWO_BY_TWO = 4
_PANEL_PITCH, _BETWEEN_PANELS, _NAME_HEIGHT = 132, 44, 16
_GAP, _LABEL_GAP = 24, 14
_MANY, _VERY_MANY = 40, 120


class Look(NamedTuple):
    """How a line is told from the others."""

    colour: str
    marker: str


class Room(NamedTuple):
    """Where on the paper there is room, in points."""

    left: int
    bottom: int
    width: int
    height: int


def panels_height(lines: Lines) -> int:
    """How many points the panels take; none if all lines are together."""
    if len(lines.lines) <= TOGETHER_MOST:
        return 0
    return -(-len(lines.lines) // _abreast(lines)) * _PANEL_PITCH - _BETWEEN_PANELS + _NAME_HEIGHT


def _abreast(lines: Lines) -> int:
    return 2 if len(lines.lines) == _TWO_BY_TWO else PANELS_ABREAST


def draw_together(paper: Paper, picture: Picture, body: Lines, room: Room) -> None:
    """All lines in one room, each named where it ends."""
    named = body.lines if len(body.lines) > 1 else ()
    aside = max((paper.width_of(line.label) + 24 for line in named), default=0)
    room = room._replace(width=room.width - aside)
    axes = _axes(paper, picture, body.ticks, len(body.lines[0].marks), room)
    looks = [Look(*look) for look in zip(COLOURS, MARKERS, strict=True)]
    for line, look in reversed([*zip(body.lines, looks, strict=False)]):
        _draw(axes, line, look)
    right = room.left + room.width + 12
    for line, look, y in zip(named, looks, _spread(named, picture.top, room), strict=False):
        paper.sign(right, y + 3, marker=look.marker, markersize=5, color=look.colour)
        paper.text(right + 8, y, line.label, color=look.colour)


def draw_apart(paper: Paper, picture: Picture, body: Lines, room: Room) -> None:
    """Each line in a panel; all panels have the same axes."""
    abreast, height = _abreast(body), _PANEL_PITCH - _BETWEEN_PANELS
    width = (room.width - _GAP * (abreast - 1)) // abreast
    for place, line in enumerate(body.lines):
        row, column = divmod(place, abreast)
        top = room.bottom + room.height - row * _PANEL_PITCH - _NAME_HEIGHT
        at = Room(room.left + column * (width + _GAP), top - height, width, height)
        axes = _axes(paper, picture, body.few_ticks, len(line.marks), at)
        if column:
            axes.tick_params(labelleft=False)
        if place + abreast < len(body.lines):
            axes.tick_params(labelbottom=False)
        for other in body.lines:
            axes.plot(range(len(other.marks)), _rates(other.marks), color=SHADOW, linewidth=1)
        _draw(axes, line, Look(COLOURS[0], MARKERS[0]))
        paper.text(at.left, at.bottom + at.height + 6, line.label, weight="bold")


def _axes(paper: Paper, picture: Picture, ticks: Ticks, points: int, room: Room) -> Axes:
    axes = paper.axes(*room)
    axes.set_xlim(numbers([Decimal(1 - points) / 40, Decimal(points - 1) * 41 / 40]))
    axes.set_ylim(numbers([0, picture.top]))
    axes.set_xticks(numbers(ticks.at), ticks.labels)
    axes.set_yticks(numbers(picture.rates.at), picture.rates.labels)
    axes.grid(axis="y", color=PALE, linewidth=1)
    return axes


def _draw(axes: Axes, line: Line, look: Look) -> None:
    """The line; its interval behind it; dashed to where windows are open, and hollow where samples are small."""
    xs, rates = np.arange(len(line.marks)), _rates(line.marks)
    low, high = numbers(m and m.low for m in line.marks), numbers(m and m.high for m in line.marks)
    axes.fill_between(xs, low, high, color=look.colour, alpha=1 / 8, linewidth=0)
    alone = _alone(rates)
    axes.vlines(xs[alone], low[alone], high[alone], color=look.colour, alpha=1 / 2, linewidth=1)
    is_open = np.asarray([mark is not None and mark.open for mark in line.marks], dtype=bool)
    near = is_open.copy()
    near[1:] |= is_open[:-1]
    near[:-1] |= is_open[1:]
    axes.plot(xs, np.where(is_open, np.nan, rates), color=look.colour, linewidth=2, solid_capstyle="round")
    if is_open.any():
        axes.plot(xs, np.where(near, rates, np.nan), color=look.colour, linewidth=2, linestyle=(0, (2, 2)))
    _mark(axes, line, look, rates)


def _mark(axes: Axes, line: Line, look: Look, rates: Any) -> None:  # noqa: ANN401 - numpy's array
    """A marker for each share; what is beyond the axis points out of the picture."""
    xs, [_, top] = np.arange(len(line.marks)), axes.get_ylim()
    is_beyond = rates > top
    is_small = np.asarray([mark is not None and mark.small for mark in line.marks], dtype=bool) & ~is_beyond
    is_firm = ~is_small & ~is_beyond
    style: dict[str, Any] = {"linestyle": "none", "marker": look.marker, "color": look.colour, "clip_on": False}
    size = _size(len(line.marks))
    hollow = {**style, "markerfacecolor": "white", "zorder": 3}
    axes.plot(xs[is_firm], rates[is_firm], markersize=size, **style)
    axes.plot(xs[is_small], rates[is_small], markersize=size, **hollow)
    axes.plot(xs[is_beyond], np.full(is_beyond.sum(), top), markersize=size, **{**hollow, "marker": BEYOND})


def _rates(marks: Sequence[Mark | None]) -> Any:  # noqa: ANN401 - numpy's array
    return numbers(mark and mark.rate for mark in marks)


def _alone(rates: Any) -> Any:  # noqa: ANN401 - as above
    """Which have a gap on both sides, so that no band can be between them."""
    there = np.concatenate([[False], ~np.isnan(rates), [False]])
    return there[1:-1] & ~there[:-2] & ~there[2:]


def _size(points: int) -> int:
    return 5 if points <= _MANY else 3 if points <= _VERY_MANY else 2


def _spread(lines: Sequence[Line], top: Decimal, room: Room) -> list[int]:
    """Where the names of lines stand: at their last mark, and none upon another."""
    wanted = [next((mark.rate for mark in reversed(line.marks) if mark), Decimal(0)) for line in lines]
    heights = [room.bottom - 3 + int(min(rate, top) / top * room.height) for rate in wanted]
    placed: dict[int, int] = {}
    lowest = room.bottom - 3
    for place in sorted(range(len(lines)), key=lambda place: heights[place]):
        placed[place] = max(heights[place], lowest)
        lowest = placed[place] + _LABEL_GAP
    return [placed[place] for place in range(len(lines))]


assert len(COLOURS) == len(MARKERS) == TOGETHER_MOST, "each line that is not alone has a look of its own"
