"""Paper: a sheet to draw on with matplotlib, measured in points from its lower left corner.

matplotlib keeps settings for a whole process and is not made for threads. So the settings are made once, here; whoever
draws holds the lock of `draw`; and nothing outside of this package imports matplotlib, which a contract sees to.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import BytesIO
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

INK, GREY, PALE, SHADOW, PALE_BLUE = "#222222", "#5c5c5c", "#d9d9d9", "#e4e4e4", "#c8e0ee"
COLOURS = ("#0072b2", "#d55e00", "#009e73")
"""Of Okabe and Ito, whom eyes of every kind can tell apart; nothing depends on colour alone all the same."""
MARKERS = ("o", "s", "D")
BEYOND = "^"
INCH, PIXELS_IN_AN_INCH = 72, 144

mpl.rcdefaults()
mpl.rcParams.update(
    {
        "font.family": ["DejaVu Sans", "sans-serif"],
        "font.sans-serif": ["DejaVu Sans"],
        "text.parse_math": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "commerce",
        "axes.unicode_minus": False,
        "hatch.linewidth": 1,
    }
)


def numbers(values: Iterable[Decimal | int | None]) -> Any:  # noqa: ANN401 - numpy's array
    """Exact numbers as those that matplotlib draws with; what is none is a gap."""
    return np.asarray([*values], dtype="f8")


class Paper:
    """A white sheet of so many points."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / INCH, height / INCH), dpi=PIXELS_IN_AN_INCH)
        self._canvas: Any = FigureCanvasAgg(self.figure)

    def axes(self, left: int, bottom: int, width: int, height: int) -> Axes:
        """Room for shapes, with nothing but a line below."""
        at = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(at)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(GREY)
        axes.tick_params(length=0, labelsize=9, labelcolor=GREY, pad=6)
        axes.patch.set_visible(False)
        axes.set_axisbelow(True)
        return axes

    def text(self, x: int, y: int, words: str, size: int = 9, **style: Any) -> None:  # noqa: ANN401 - what matplotlib takes
        """Words that begin at a point, on their baseline."""
        look = {"color": INK, "ha": "left", "va": "baseline", **style}
        self.figure.text(x / self.width, y / self.height, words, fontsize=size, **look)

    def sign(self, x: int, y: int, **style: Any) -> None:  # noqa: ANN401 - as above
        """A single marker at a point."""
        place = Line2D(
            [x / self.width], [y / self.height], linestyle="none", transform=self.figure.transFigure, **style
        )
        self.figure.add_artist(place)

    def stroke(self, x: int, y: int, length: int, **style: Any) -> None:  # noqa: ANN401 - as above
        """A level line from a point on."""
        xs, ys = [x / self.width, (x + length) / self.width], [y / self.height] * 2
        self.figure.add_artist(Line2D(xs, ys, transform=self.figure.transFigure, **style))

    def box(self, x: int, y: int, width: int, height: int, **style: Any) -> None:  # noqa: ANN401 - as above
        """A box from its lower left corner."""
        at, size = (x / self.width, y / self.height), (width / self.width, height / self.height)
        self.figure.add_artist(Rectangle(at, *size, transform=self.figure.transFigure, **style))

    def width_of(self, words: str, size: int = 9) -> int:
        """How many points words take."""
        font = FontProperties(size=size)
        with _any_letters():
            width, _, _ = self._canvas.get_renderer().get_text_width_height_descent(words, font, ismath=False)
        return int(width * INCH / PIXELS_IN_AN_INCH) + 1

    def svg(self, title: str, description: str) -> bytes:
        """The sheet as SVG whose words are text; there is no date in it."""
        told = {"Title": title, "Description": description, "Date": None, "Creator": None}
        sink, canvas = BytesIO(), cast("Any", FigureCanvasSVG(self.figure))
        with _any_letters():
            canvas.print_svg(sink, metadata=told)
        return sink.getvalue()

    def png(self, title: str, description: str) -> bytes:
        """The sheet as PNG."""
        sink = BytesIO()
        with _any_letters():
            self._canvas.print_png(sink, metadata={"Title": title, "Description": description, "Software": "commerce"})
        return sink.getvalue()


@contextmanager
def _any_letters() -> Iterator[None]:
    """Letters that our font does not have are boxes in PNG, and in SVG are drawn by whoever shows it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield
