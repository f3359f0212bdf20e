"""Draw: an attach rate as a picture."""

from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from commerce.kernel.http import Ready
from commerce.kernel.refusals import Busy
from orders.reports.charts.plan import planned
from orders.reports.files.tables import file_name
from orders.reports.files.turns import Turns, in_thread
from orders.reports.schemas import AttachRateView
from orders.reports.tabulate import moment

_MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


class PictureKind(StrEnum):
    """How a picture is answered."""

    SVG = "svg"
    PNG = "png"


@dataclass(eq=False)
class TooManyPictures(Busy):
    """This process draws as many pictures as it may at once."""

    code = "too_many_pictures"
    most: int

    def __str__(self) -> str:
        return f"{self.most} pictures are being drawn already. Ask again in a moment."


_TURNS = Turns(4, TooManyPictures)
_one_at_a_time = Lock()


def draw(view: AttachRateView, kind: PictureKind) -> bytes:
    """An answer as a picture; the same answer is the same bytes. It takes some tenths of a second of this thread.

    Over time there is a line for each series, else a bar for each row; intervals, small samples and open windows are
    marked, and what it means is written below. Of very many series those with the most anchors are drawn.
    """
    picture = planned(view)
    with _one_at_a_time:
        # It takes half a second and thirty megabytes, which a process that draws nothing need not spend.
        from orders.reports.charts.sheet import sheet  # noqa: PLC0415 - as said

        paper, title, description = sheet(picture)
        return paper.svg(title, description) if kind is PictureKind.SVG else paper.png(title, description)


async def picture(view: AttachRateView, kind: PictureKind) -> Ready:
    """An answer as a picture, drawn in a thread. Raises TooManyPictures while too many others wait to be drawn."""
    with _TURNS.turn():
        body = await in_thread(draw, view, kind)
    shown = f'inline; filename="{file_name("attach-rate", moment(view.as_of), kind)}"'
    return Ready(body, status_code=200, media_type=_MEDIA_TYPES[kind], headers={"content-disposition": shown})
