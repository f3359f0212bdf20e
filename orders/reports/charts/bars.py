"""Bars: shares beside each other, with their names before them and their counts behind."""

from matplotlib.axes import Axes

from orders.reports.charts.paper import COLOURS, GREY, INK, PALE, PALE_BLUE, Paper, numbers
from orders.reports.charts.plan import Bar, Bars, Mark, Picture, percent

BAR_PITCH = 22
_COUNTS_WIDTH = 150
_NAMES_MOST = 230


def draw_bars(paper: Paper, picture: Picture, body: Bars, left: int, bottom: int) -> None:
    """All bars, over the whole width; that of all is a line through them."""
    names = min(_NAMES_MOST, max((paper.width_of(bar.label) for bar in body.bars), default=0) + 10)
    width = paper.width - 2 * left - names - _COUNTS_WIDTH
    height = BAR_PITCH * len(body.bars)
    axes = paper.axes(left + names, bottom, width, height)
    axes.set_xlim(numbers([0, picture.top]))
    axes.set_ylim(len(body.bars), 0)
    axes.set_xticks(numbers(picture.rates.at), picture.rates.labels)
    axes.set_yticks([])
    axes.grid(axis="x", color=PALE, linewidth=1)
    for place, bar in enumerate(body.bars):
        _draw(axes, bar.mark, place)
        y = bottom + height - place * BAR_PITCH - BAR_PITCH // 2 - 3
        paper.text(left + names - 10, y, bar.label, ha="right")
        _count(paper, bar, left + names + width + 12, y)
    if body.whole is not None:
        axes.axvline(numbers([body.whole.rate])[0], color=INK, linewidth=1, linestyle=(0, (4, 2)))
        x = left + names + int(body.whole.rate / picture.top * width)
        paper.text(x, bottom + height + 5, f"all {percent(body.whole.rate)}", 8, ha="center", color=INK)


def _draw(axes: Axes, mark: Mark, place: int) -> None:
    """The bar; hatched where windows are open, hollow where the sample is small; and its interval."""
    [rate, low, high, middle] = numbers([mark.rate, mark.low, mark.high, 2 * place + 1])
    colour = COLOURS[0]
    axes.barh(
        middle / 2,
        rate,
        height=6 / 10,
        facecolor=_inside(mark),
        edgecolor=colour,
        linewidth=1,
        hatch="////" if mark.open else None,
    )
    if mark.low is not None:
        axes.hlines(middle / 2, low, high, color=INK, linewidth=1)
        axes.vlines([low, high], middle / 2 - 1 / 8, middle / 2 + 1 / 8, color=INK, linewidth=1)


def _inside(mark: Mark) -> str:
    return "white" if mark.small else PALE_BLUE if mark.open else f"{COLOURS[0]}b0"


def _count(paper: Paper, bar: Bar, x: int, y: int) -> None:
    paper.text(x, y, percent(bar.mark.rate), weight="bold")
    paper.text(x + 56, y, f"{bar.mark.numerator:,} of {bar.mark.denominator:,}", color=GREY)
