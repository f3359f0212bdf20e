"""The reports' routes: attach rates for whoever may look at figures."""

from collections.abc import Callable
from typing import Annotated, TypeVar, cast

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from commerce.kernel.access import Role, may
from commerce.kernel.db import Database
from orders.reports.asking import Asked
from orders.reports.attach_rate import AttachRates, Comparison, attach_rate
from orders.reports.charts.draw import PictureKind, picture
from orders.reports.drill_down import Drill, events_file, events_page
from orders.reports.files.download import Download, small_download
from orders.reports.files.make import Format, FormatQuery
from orders.reports.matrix import MatrixBy, attach_matrix
from orders.reports.parameters import ASKED, PART, Moment, Part, RowNamed
from orders.reports.schemas import AttachMatrixView, AttachOrdersView, AttachRateView
from orders.reports.tabulate import Sheet, attach_rate_sheet, matrix_sheet

View = TypeVar("View")
READERS = (Role.ANALYST, Role.MERCHANDISER, Role.OPERATOR, Role.ADMIN)


@get("/v1/reports/attach-rate", opt=may(*READERS), tags=["reports"], dependencies=ASKED)
async def show_attach_rate(
    asked: NamedDependency[Asked],
    db: NamedDependency[Database],
    attach_rates: NamedDependency[AttachRates],
    compare_from: Moment = None,
    compare_to: Moment = None,
    wanted: FormatQuery = Format.JSON,
) -> Response[AttachRateView]:
    """Which share of anchors left with an attach, or was followed by one; with counts, interval and definition.

    `compare_from` and `compare_to` name another period to put beside it. What means what is in `definition`. An answer
    of more than 50,000 rows is refused: ask for it in parts.
    """
    view = await attach_rate(db, attach_rates, asked, beside(compare_from, compare_to))
    return await answered(view, attach_rate_sheet, wanted)


@get(
    "/v1/reports/attach-rate/chart", opt=may(*READERS), tags=["reports"], dependencies=ASKED, media_type="image/svg+xml"
)
async def draw_attach_rate(
    asked: NamedDependency[Asked],
    db: NamedDependency[Database],
    attach_rates: NamedDependency[AttachRates],
    wanted: Annotated[PictureKind, QueryParameter(name="format", description="How it is drawn.")] = PictureKind.SVG,
) -> Response[bytes]:
    """The attach rate as a picture: lines over time, else bars, with intervals, small samples and open windows."""
    return await picture(await attach_rate(db, attach_rates, asked), wanted)


@get("/v1/reports/attach-rate/matrix", opt=may(*READERS), tags=["reports"], dependencies=ASKED)
async def show_attach_matrix(
    asked: NamedDependency[Asked],
    db: NamedDependency[Database],
    by: Annotated[MatrixBy, QueryParameter(description="Of the anchor's order, and of the attach's.")] = MatrixBy.KIND,
    wanted: FormatQuery = Format.JSON,
) -> Response[AttachMatrixView]:
    """Of the anchors sold in one channel, those whose attach was in the same order, or was bought later in which."""
    return await answered(await attach_matrix(db, asked, by), matrix_sheet, wanted)


@get("/v1/reports/attach-rate/orders", opt=may(*READERS), tags=["reports"], dependencies={**ASKED, **PART})
async def list_attach_orders(
    asked: NamedDependency[Asked],
    part: NamedDependency[Part],
    db: NamedDependency[Database],
    group: RowNamed = None,
    attached: Annotated[
        bool | None, QueryParameter(description="Only those in the numerator, or only those that are not.")
    ] = None,
) -> Response[AttachOrdersView]:
    """The orders behind a figure: every anchor that was counted, with the attach that made it count.

    Ask it what you asked for the figure. Of groups, name the row as well: with `group_by=month,store`, say
    `group=month:2026-05` and `group=store:berlin`, or `group=store:` for what was sold in none. There are as many as
    the row's denominator says, and with `attached=true` as its numerator says; of the basis `units` their units are.
    Name the figure's `as_of` and `believed_at`, too, or the list is of now. Its pages are of one moment, whatever
    happens meanwhile. A file has all of them at once.
    """
    drill = Drill(asked, group or (), attached)
    if part.wanted is Format.JSON:
        return Response(await events_page(db, drill, cursor=part.cursor, limit=part.limit), status_code=200)
    made = await events_file(db, drill, part.wanted)
    return cast("Response[AttachOrdersView]", Download(made))


async def answered(view: View, sheet: Callable[[View], Sheet], wanted: Format) -> Response[View]:
    """An answer as it was wanted: as JSON, or what it lists as a file."""
    if wanted is Format.JSON:
        return Response(view, status_code=200)
    table, rows = sheet(view)
    return cast("Response[View]", await small_download(table, rows, wanted))


def beside(first: str | None, last: str | None) -> Comparison | None:
    """The other period, if either end of it was written."""
    return None if first is None and last is None else Comparison(first, last)


ROUTES = (show_attach_rate, draw_attach_rate, show_attach_matrix, list_attach_orders)
