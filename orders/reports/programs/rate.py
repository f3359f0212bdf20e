"""Rate: what a program's definition says today, or said once, as an answer that cites it."""

from collections.abc import Sequence

import msgspec

from commerce.kernel.db import Database
from orders.reports.attach_rate import AttachRates, Comparison, attach_rate
from orders.reports.programs.versions import asked_of, version_of
from orders.reports.schemas import AttachRateView, ProgramCited


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What a program leaves open: of which days, as of when, and by what it is broken down."""

    version: int | None = None
    first: str | None = None
    last: str | None = None
    as_of: str | None = None
    believed_at: str | None = None
    group_by: Sequence[str] = ()


async def program_rate(
    db: Database, kept: AttachRates, code: str, left: Left, other: Comparison | None = None
) -> AttachRateView:
    """The attach rate by a version of a program, the newest if none is named; retired ones can be asked as well.

    Raises NotFound, and whatever a question is refused for: the catalog may have changed since it was written.
    """
    async with db.read() as tx:
        written = await version_of(tx, code, left.version)
    asked = asked_of(
        written.definition,
        first=left.first,
        last=left.last,
        as_of=left.as_of,
        believed_at=left.believed_at,
        group_by=list(left.group_by),
    )
    return await attach_rate(db, kept, asked, other, ProgramCited(written.code, written.version))
