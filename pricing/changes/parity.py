"""Parity: where a change would leave a channel's price further from the recommended one than it may be."""

from collections.abc import Collection, Mapping
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
    """The deviations, by sku, that nothing allows and that were not there before.

    Those that a change of policy left behind are in the report, and keep nobody from changing other prices.
    """
    found = []
    for sku, history in sorted(after.items()):
        was = before[sku]
        known = {
            (one.channel, one.recommended, one.own)
            for one in broken_parity(policy, was.recommended, was.channels, exceptions, since)
        }
        found += [
            (sku, one)
            for one in broken_parity(policy, history.recommended, history.channels, exceptions, since)
            if (one.channel, one.recommended, one.own) not in known
        ]
    return found
