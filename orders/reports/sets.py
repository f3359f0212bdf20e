"""Named sets: selectors under a name, in versions, so that a report can say which one it means."""

from collections.abc import Sequence
from datetime import datetime

from catalog.selectors import Selector, selector_of
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference

PREFIX = "set:"


async def expand(
    tx: ReadSession, field: str, said: Sequence[str], at: datetime
) -> tuple[list[Selector], dict[str, int]]:
    """Selectors with those of named sets in their place, and the versions that were in force then.

    Raises InvalidInput for what is no selector, UnknownReference for a set that nobody has named.
    """
    del tx, at
    wanted: list[Selector] = []
    for one in said:
        if one.startswith(PREFIX):
            raise UnknownReference(field, one)
        wanted.append(selector_of(field, one))
    return wanted, {}
