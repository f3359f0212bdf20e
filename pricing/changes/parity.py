"""Parity: where a change would leave a channel's price further from the recommended one than it may be."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from pricing.rules.parity import Deviation, Excepted, ParityPolicy, broken_parity, deviations
from pricing.series import Histories

Exceptions = Mapping[str, Excepted]
"""By id."""

_EXCEPTIONS = text("""
    SELECT id, reason, approved_by, expires_at FROM parity_exceptions WHERE sku = ANY (CAST(:skus AS text[]))
""")


async def exceptions_of(tx: ReadSession, skus: Collection[str]) -> dict[str, Excepted]:
    """Every exception that was ever recorded for these skus."""
    return {row.id: Excepted._make(row) for row in await tx.execute(_EXCEPTIONS, {"skus": sorted(skus)})}


def in_parity(
    history: Histories, channel: str, policy: ParityPolicy, exceptions: Exceptions, at: datetime
) -> tuple[bool, bool]:
    """Whether a channel's price is as the policy wants it at an instant; if not, whether an exception allows it."""
    own = {channel: history.channels.get(channel, [])}
    every = deviations(policy, history.recommended, own, exceptions, at)
    now = (one for one in every if one.valid_from <= at and (one.valid_to is None or at < one.valid_to))
    standing = next((one.standing for one in now), "policy")
    return standing == "policy", standing == "exception"


def newly_broken(
    before: Mapping[str, Histories],
    after: Mapping[str, Histories],
    policy: ParityPolicy,
    exceptions: Exceptions,
    since: datetime,
) -> list[tuple[str, Deviation]]:
    """The stretches of time, by sku, in which nothing allows a deviation that was not there before.

    Those that a change of policy left behind are in the report, and keep nobody from changing other prices; but what
    was about to end is not made to last.
    """
    found = []
    for sku, history in sorted(after.items()):
        was = before[sku]
        known = broken_parity(policy, was.recommended, was.channels, exceptions, since)
        for one in broken_parity(policy, history.recommended, history.channels, exceptions, since):
            found += [(sku, new) for new in _outside(one, [each for each in known if _same(each, one)])]
    return found


def _same(one: Deviation, other: Deviation) -> bool:
    """Whether a channel differs by the same two amounts, be it at another time."""
    return (one.channel, one.recommended, one.own) == (other.channel, other.recommended, other.own)


def _outside(one: Deviation, known: Iterable[Deviation]) -> Iterator[Deviation]:
    """The parts of a stretch that lie in none of the others, which come in order and do not overlap."""
    begins = one.valid_from
    for other in known:
        if one.valid_to is not None and other.valid_from >= one.valid_to:
            break
        if other.valid_from > begins:
            yield one._replace(valid_from=begins, valid_to=other.valid_from)
        if other.valid_to is None:
            return
        begins = max(begins, other.valid_to)
    if one.valid_to is None or begins < one.valid_to:
        yield one._replace(valid_from=begins)
