"""The reports' routes: attach rates for whoever may look at figures."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from commerce.kernel.access import Role, may
from commerce.kernel.db import Database
from commerce.kernel.pages import Limit, Page
from orders.reports.asking import Asked
from orders.reports.attach_rate import AttachRates, Comparison, attach_rate
from orders.reports.drill_down import events_page
from orders.reports.matrix import MatrixBy, attach_matrix
from orders.reports.parameters import Moment, provide_asked
from orders.reports.schemas import AttachMatrixView, AttachRateView, EventRow

READERS = (Role.ANALYST, Role.MERCHANDISER, Role.OPERATOR, Role.ADMIN)
ASKED = {"asked": Provide(provide_asked, sync_to_thread=False)}


@get("/v1/reports/attach-rate", opt=may(*READERS), tags=["reports"], dependencies=ASKED)
async def show_attach_rate(
    asked: NamedDependency[Asked],
    db: NamedDependency[Database],
    attach_rates: NamedDependency[AttachRates],
    compare_from: Moment = None,
    compare_to: Moment = None,
) -> AttachRateView:
    """Which share of anchors left with an attach, or was followed by one; with counts, interval and definition.

    `compare_from` and `compare_to` name another period to put beside it. What means what is in `definition`.
    """
    other = Comparison(compare_from, compare_to) if compare_from or compare_to else None
    return await attach_rate(db, attach_rates, asked, other)


@get("/v1/reports/attach-rate/matrix", opt=may(*READERS), tags=["reports"], dependencies=ASKED)
async def show_attach_matrix(
    asked: NamedDependency[Asked],
    db: NamedDependency[Database],
    by: Annotated[MatrixBy, QueryParameter(description="Of the anchor's order, and of the attach's.")] = MatrixBy.KIND,
) -> AttachMatrixView:
    """Of the anchors sold in one channel, those whose attach was in the same order, or was bought later in which."""
    return await attach_matrix(db, asked, by)


@get("/v1/reports/attach-rate/orders", opt=may(*READERS), tags=["reports"], dependencies=ASKED)
async def list_attach_orders(
    asked: NamedDependency[Asked],
    db: NamedDependency[Database],
    attached: Annotated[
        bool | None, QueryParameter(description="Only those in the numerator, or only those that are not.")
    ] = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=500, description="Where the page before ended.")] = None,
) -> Page[EventRow]:
    """The orders behind a figure: every anchor that was counted, with the attach that made it count.

    Ask it what you asked for the figure; for a group's row, narrowed to that group. Name the figure's `as_of` and
    `believed_at`, and the pages are of one moment, whatever happens meanwhile.
    """
    return await events_page(db, asked, attached=attached, cursor=cursor, limit=limit)


ROUTES = (show_attach_rate, show_attach_matrix, list_attach_orders)
