"""Define: write a program that there is not yet."""

from datetime import datetime

from commerce.kernel.db import Session
from commerce.kernel.refusals import AlreadyExists
from orders.reports.programs.rules import Definition, ProgramState
from orders.reports.programs.schemas import NewProgramBody
from orders.reports.programs.versions import Written, check_code, must_be_askable, write_first


async def define_program(tx: Session, body: NewProgramBody, actor: str, now: datetime) -> Written:
    """Write the first version of a program. What it asks must be a question that could be asked now.

    Raises InvalidInput, UnknownReference and SetsOverlap, naming the field, and AlreadyExists for `code`.
    """
    check_code(body.code)
    definition = Definition.of(body)
    await must_be_askable(tx, definition, now)
    written = Written(body.code, 1, ProgramState.ACTIVE, definition, body.note, actor, now)
    if not await write_first(tx, written):
        raise AlreadyExists("code", body.code)
    return written
