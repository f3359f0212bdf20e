"""The reports' routes: attach rates for whoever may look at figures."""

from litestar import get
from litestar.di import NamedDependency, Provide

from commerce.kernel.access import Role, may
from commerce.kernel.db import Database
from orders.reports.asking import Asked
from orders.reports.attach_rate import AttachRates, Comparison, attach_rate
from orders.reports.parameters import Moment, provide_asked
from orders.reports.schemas import AttachRateView

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


ROUTES = (show_attach_rate,)
