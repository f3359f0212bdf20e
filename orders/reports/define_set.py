"""Define a set: give selectors a name, or say anew what it stands for."""

from datetime import datetime

from sqlalchemy import text

from catalog.members import members
from catalog.rules import check_new_code
from catalog.selectors import selector_of
from commerce.kernel.db import Session
from commerce.kernel.refusals import InvalidInput
from orders.reports.rules import each_once
from orders.reports.set_schemas import SetBody, SetVersionView
from orders.reports.sets import PREFIX, versions_of

# Who says it at the same time comes after: of two versions none is lost, and no number is left out.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('report set ' || :code, 0))")
_INSERT = text("""
    INSERT INTO report_sets (code, version, members, note, defined_by, defined_at)
    VALUES (:code, :version, CAST(:members AS text[]), :note, :actor, :at)
""")


async def define_set(tx: Session, code: str, body: SetBody, actor: str, now: datetime) -> SetVersionView:
    """Let a name stand for these selectors from now on; the first time, for all time before as well.

    What it stands for already is no new version. Raises InvalidInput and UnknownReference for `code` or `members[2]`.
    """
    check_new_code("code", code)
    said = list(each_once(body.members))
    await members(tx, [selector_of(*one) for one in map(_no_set, range(len(body.members)), body.members)], now)
    await tx.execute(_ONE_AT_A_TIME, {"code": code})
    before = await versions_of(tx, code, 1)
    if before and (before[0].members, before[0].note) == (said, body.note):
        return before[0]
    version = before[0].version + 1 if before else 1
    # No version is older than the one before it, whatever the clocks of two machines say.
    at = max(now, before[0].defined_at) if before else now
    facts = {"code": code, "version": version, "members": said, "note": body.note, "actor": actor, "at": at}
    await tx.execute(_INSERT, facts)
    return SetVersionView(code=code, version=version, members=said, note=body.note, defined_by=actor, defined_at=at)


def _no_set(place: int, member: str) -> tuple[str, str]:
    field = f"members[{place}]"
    if member.startswith(PREFIX):
        raise InvalidInput(field, "A set holds no other sets.")
    return field, member
