"""Parity: how far a channel's price may lie from the recommended one, and where it lies further."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Literal, NamedTuple

from pricing.rules.series import Charge, Priced, charges
from pricing.rules.tax import WHOLE_BP

Parity = Literal["equal", "floor", "band"]
Standing = Literal["policy", "exception", "broken"]
"""Why a price may differ: the market's policy allows it, an exception does, or nothing does."""


class ParityPolicy(NamedTuple):
    """`equal`: as recommended; `floor`: not below it; `band`: not further from it than so many basis points of it."""

    parity: Parity
    band_bp: int | None = None

    def allows(self, recommended: int, own: int) -> bool:
        """Whether a channel may charge this much where that is recommended."""
        if self.parity == "floor":
            return own >= recommended
        return abs(own - recommended) * WHOLE_BP <= recommended * (self.band_bp or 0)


class Excepted(NamedTuple):
    """A recorded exception: what is charged under it may be anything until it expires."""

    id: str
    reason: str
    approved_by: str
    expires_at: datetime


class Deviation(NamedTuple):
    """From one instant to another a channel charges something else than what is recommended."""

    channel: str
    valid_from: datetime
    valid_to: datetime | None
    recommended: int
    own: int
    standing: Standing
    exception: Excepted | None


def deviations(
    policy: ParityPolicy,
    recommended: Sequence[Priced],
    channels: Mapping[str, Sequence[Priced]],
    exceptions: Mapping[str, Excepted],
    since: datetime,
) -> list[Deviation]:
    """Every stretch of a sku's time, from an instant on, in which a channel does not charge what is recommended.

    By channel and beginning; what goes on as it is counts as one stretch. `exceptions` by id.
    """
    found: list[Deviation] = []
    for channel, own in sorted(channels.items()):
        for charge in charges(recommended, own):
            if charge.own is None or charge.own.amount == charge.recommended.amount:
                continue
            if charge.valid_to is not None and charge.valid_to <= since:
                continue
            exception = exceptions.get(charge.own.exception_id or "")
            for one in _judged(policy, channel, charge, charge.own, exception):
                _add(found, one)
    return found


def broken_parity(
    policy: ParityPolicy,
    recommended: Sequence[Priced],
    channels: Mapping[str, Sequence[Priced]],
    exceptions: Mapping[str, Excepted],
    since: datetime,
) -> list[Deviation]:
    """Those stretches that neither the policy nor an exception allows."""
    every = deviations(policy, recommended, channels, exceptions, since)
    return [one for one in every if one.standing == "broken"]


def standing_of(
    policy: ParityPolicy, recommended: int, own: int, ends: datetime | None, exception: Excepted | None
) -> Standing:
    """Why a channel may charge this until then, if it may."""
    if policy.allows(recommended, own):
        return "policy"
    lasts = exception is not None and ends is not None and ends <= exception.expires_at
    return "exception" if lasts else "broken"


def _judged(
    policy: ParityPolicy, channel: str, charge: Charge, own: Priced, exception: Excepted | None
) -> list[Deviation]:
    """A stretch, cut where its exception expires before it ends."""
    cuts = [charge.valid_from, charge.valid_to]
    expires = exception.expires_at if exception else None
    if expires and charge.valid_from < expires and (charge.valid_to is None or expires < charge.valid_to):
        cuts.insert(1, expires)
    amounts = charge.recommended.amount, own.amount
    found = []
    for begins, ends in pairwise(cuts):
        standing = standing_of(policy, *amounts, ends, exception)
        found.append(Deviation(channel, begins or charge.valid_from, ends, *amounts, standing, exception))
    return found


def _add(found: list[Deviation], new: Deviation) -> None:
    """Put a stretch behind the others, or let the last one go on."""
    last = found[-1] if found else None
    if (
        last
        and last.valid_to == new.valid_from
        and new == last._replace(valid_from=new.valid_from, valid_to=new.valid_to)
    ):
        found[-1] = last._replace(valid_to=new.valid_to)
    else:
        found.append(new)
