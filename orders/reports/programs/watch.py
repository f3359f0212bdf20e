"""Watch: attach programs and their alerts as whoever sits at a terminal sees them."""

from commerce.kernel.db import ReadSession
from orders.reports.programs import queries
from orders.reports.programs.queries import WantedAlerts
from orders.reports.programs.rules import AlertState, ProgramState
from orders.reports.programs.schemas import AlertView, ProgramDetailView, ProgramView


async def first_programs(tx: ReadSession, state: ProgramState | None, most: int) -> list[ProgramView]:
    """Programs by code; one more than `most` if there is more."""
    return await queries.program_page(tx, state, "", most)


async def one_program(tx: ReadSession, code: str) -> ProgramDetailView:
    """A program with its versions. Raises NotFound."""
    return await queries.program_detail(tx, code)


async def open_alerts(tx: ReadSession, code: str) -> list[AlertView]:
    """The alerts of a program that are open: there are no more than three."""
    return await queries.alert_page(tx, WantedAlerts(AlertState.OPEN, code), None, 3)
