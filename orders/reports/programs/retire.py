"""Retire: look after a program no more. It can still be asked."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.refusals import MoveNotAllowed
from orders.reports.programs.alerts import end_alerts
from orders.reports.programs.rules import Outcome, ProgramState
from orders.reports.programs.schemas import RetireBody
from orders.reports.programs.versions import Written, locked, write_next


async def retire_program(tx: Session, code: str, body: RetireBody, actor: str, now: datetime) -> Written:
    """Write a last version that says so, and end what alerts there are.

    Raises NotFound, ProgramChanged if `version` is not the newest any more, MoveNotAllowed for one that is retired.
    """
    before = await locked(tx, code, body.version)
    if before.state is ProgramState.RETIRED:
        raise MoveNotAllowed("attach program", str(before.state), str(ProgramState.RETIRED))
    written = Written(code, before.version + 1, ProgramState.RETIRED, before.definition, body.note, actor, now)
    await write_next(tx, written, anew=True)
    await end_alerts(tx, code, Outcome.RETIRED, now)
    return written
