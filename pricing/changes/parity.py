"""Parity: where a channel's own price stands beside the recommended one, and whether the market's policy allows it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from pricing.rules.series import Priced, priced_at
from pricing.series import Histories

WHOLE_BP = 10_000


class Policy(NamedTuple):
    """How far a channel may differ: not at all (`equal`), upwards (`floor`), or so far both ways (`band`)."""

    parity: str
    band_bp: int | None

    def allows(self, recommended: int, price: int) -> bool:
        """Whether a channel may charge this beside that recommended price."""
        if self.parity == "floor":
            return price >= recommended
        if self.parity == "band":
            return abs(price - recommended) * WHOLE_BP <= (self.band_bp or 0) * recommended
        return price == recommended


class Deviation(NamedTuple):
    """Where a channel's price is not as the policy wants it."""

    channel: str
    begins: datetime
    ends: datetime | None
    recommended: int
    price: int
    exception_id: str | None


def deviations(history: Histories, policy: Policy, since: datetime) -> Iterator[Deviation]:
    """Every deviation of a sku's channel prices from an instant on, those that an exception allows included.

    Where there is no recommended price nothing is sold, and nothing deviates.
    """
    for channel, prices in sorted(history.channels.items()):
        for price in prices:
            yield from _of_price(channel, price, history, policy, since)


def _of_price(channel: str, price: Priced, history: Histories, policy: Policy, since: datetime) -> Iterator[Deviation]:
    for base in history.recommended:
        begins = max(price.valid_from, base.valid_from, since)
        ends = min((end for end in (price.valid_to, base.valid_to) if end is not None), default=None)
        if (ends is None or begins < ends) and not policy.allows(base.amount, price.amount):
            yield Deviation(channel, begins, ends, base.amount, price.amount, price.exception_id)


def in_parity(history: Histories, channel: str, policy: Policy, at: datetime) -> tuple[bool, bool]:
    """Whether a channel's price is as the policy wants it at an instant; if not, whether an exception allows it."""
    base, own = priced_at(history.recommended, at), priced_at(history.channels.get(channel, []), at)
    if base is None or own is None or policy.allows(base.amount, own.amount):
        return True, False
    return False, own.exception_id is not None


def newly_broken(
    before: Mapping[str, Histories], after: Mapping[str, Histories], policy: Policy, since: datetime
) -> list[tuple[str, Deviation]]:
    """The deviations, by sku, that no exception allows and that were not there before.

    Those that a change of policy left behind are in the report, and keep nobody from changing other prices.
    """
    found = []
    for sku in sorted(after):
        known = {(*one[3:5], one.channel) for one in deviations(before[sku], policy, since) if not one.exception_id}
        found += [
            (sku, one)
            for one in deviations(after[sku], policy, since)
            if one.exception_id is None and (*one[3:5], one.channel) not in known
        ]
    return found
