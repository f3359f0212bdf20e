"""Named sets: selectors under a name, in versions, so that a report can say which one it means."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import text

from catalog.members import members
from catalog.selectors import FORMS, Selector, selector_of
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import InvalidInput, NotFound, UnknownReference
from orders.reports.set_schemas import SetDetailView, SetVersionView

PREFIX = "set:"
VERSIONS_SHOWN = 100
# The newest of those that were defined by then; before the first one, a set was what that one says.
_IN_FORCE = text("""
    SELECT DISTINCT ON (code) code, version, members FROM report_sets WHERE code = ANY (CAST(:codes AS text[]))
     ORDER BY code, defined_at <= :at DESC, CASE WHEN defined_at <= :at THEN -version ELSE version END
""")
_PAGE = text("""
    SELECT DISTINCT ON (code) code, version, members, note, defined_by, defined_at
      FROM report_sets WHERE code > :after ORDER BY code, version DESC LIMIT :limit
""")
_VERSIONS = text("""
    SELECT code, version, members, note, defined_by, defined_at
      FROM report_sets WHERE code = :code ORDER BY version DESC LIMIT :limit
""")


async def expand(
    tx: ReadSession, field: str, said: Sequence[str], at: datetime
) -> tuple[list[Selector], dict[str, int]]:
    """Selectors with those of named sets in their place, and the versions that were in force then.

    Raises InvalidInput for what is no selector, UnknownReference for a set that nobody has named.
    """
    codes = [one.removeprefix(PREFIX) for one in said if one.startswith(PREFIX)]
    rows = await tx.execute(_IN_FORCE, {"codes": codes, "at": at}) if codes else ()
    found = {row.code: row for row in rows}
    wanted: list[Selector] = []
    for one in said:
        if not one.startswith(PREFIX):
            wanted.append(_selector(field, one))
        elif (code := one.removeprefix(PREFIX)) in found:
            wanted += (selector_of(field, member) for member in found[code].members)
        else:
            raise UnknownReference(field, one)
    return list(dict.fromkeys(wanted)), {code: found[code].version for code in sorted(found)}


def _selector(field: str, one: str) -> Selector:
    try:
        return selector_of(field, one)
    except InvalidInput:
        reason = f"{one!r} selects nothing. Write it as {FORMS}, or as set:… if it has a name."
        raise InvalidInput(field, reason) from None


async def set_page(tx: ReadSession, after: str, limit: int) -> list[SetVersionView]:
    """Every set as it is now, by code; one more than the limit if there is more."""
    return [_shown(row) for row in await tx.execute(_PAGE, {"after": after, "limit": limit + 1})]


async def versions_of(tx: ReadSession, code: str, limit: int = VERSIONS_SHOWN) -> list[SetVersionView]:
    """What a set is and was, the newest first; nothing for a set that nobody has named."""
    return [_shown(row) for row in await tx.execute(_VERSIONS, {"code": code, "limit": limit})]


async def set_detail(tx: ReadSession, code: str, now: datetime) -> SetDetailView:
    """A set as it is now, how many skus are in it, and what it was. Raises NotFound."""
    versions = await versions_of(tx, code)
    if not versions:
        raise NotFound("set", code)
    inside = await members(tx, [selector_of("members", one) for one in versions[0].members], now)
    facts = msgspec.structs.asdict(versions[0])
    return SetDetailView(**facts, skus=len(inside), versions=versions)


def _shown(row: object) -> SetVersionView:
    return msgspec.convert(row, SetVersionView, from_attributes=True)
