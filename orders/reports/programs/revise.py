"""Revise: say anew what a program asks, unless somebody else did so meanwhile."""

from datetime import datetime

from commerce.kernel.db import Session
from orders.reports.programs.alerts import end_alerts
from orders.reports.programs.rules import Definition, Outcome, ProgramState
from orders.reports.programs.schemas import ProgramBody
from orders.reports.programs.versions import Written, locked, must_be_askable, write_next


async def revise_program(tx: Session, code: str, body: ProgramBody, actor: str, now: datetime) -> Written:
    """Write a program's next version; what it says already is none. A retired one is active again.

    Where it finds other rates or has other bands, open alerts end, and it is looked at anew. Raises NotFound,
    ProgramChanged if `version` is not the newest any more, and InvalidInput, UnknownReference and SetsOverlap.
    """
    before = await locked(tx, code, body.version)
    definition = Definition.of(body)
    await must_be_askable(tx, definition, now)
    if (before.state, before.definition) == (ProgramState.ACTIVE, definition):
        return before
    written = Written(code, before.version + 1, ProgramState.ACTIVE, definition, body.note, actor, now)
    anew = not (before.state is ProgramState.ACTIVE and definition.judges_as(before.definition))
    await write_next(tx, written, anew=anew)
    if anew:
        await end_alerts(tx, code, Outcome.CHANGED, now)
    return written
