"""Overlay: what the prices would be with a change laid over them; pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pricing.rules.series import Laid, Priced, beside, lay
from pricing.series import Histories


class Planned(NamedTuple):
    """A price of a change, with the instants at which it really begins and ends."""

    place: int
    sku: str
    channel: str | None
    amount: int | None
    begins: datetime
    ends: datetime | None
    exception_id: str | None = None
    """Of the exception it stands on; before there is one, any word."""


def overlaid(before: Mapping[str, Histories], plan: Iterable[Planned], change_id: str) -> dict[str, Histories]:
    """What the prices would be with a change laid over what is believed now, whatever it overwrites."""
    after = {sku: Histories(list(one.recommended), dict(one.channels)) for sku, one in before.items()}
    for one in plan:
        history = after[one.sku]
        laid = Laid(one.begins, one.ends, one.amount, change_id, one.exception_id)
        if one.channel is None:
            history.recommended = lay(history.recommended, laid)
        else:
            history.channels[one.channel] = lay(history.channels.get(one.channel, []), laid)
    return after


class Difference(NamedTuple):
    """Where one series says something else than another one: what the second says there."""

    begins: datetime
    ends: datetime | None
    amount: int | None
    exception_id: str | None


def differences(old: Sequence[Priced], new: Sequence[Priced], since: datetime) -> list[Difference]:
    """Where two series differ in what they say, from an instant on; neighbours that say the same are one."""
    found: list[Difference] = []
    for begins, ends, was, is_ in beside(old, new, since):
        if _said(was) == _said(is_):
            continue
        last = found[-1] if found else None
        if last is not None and last.ends == begins and last[2:] == _said(is_):
            found[-1] = last._replace(ends=ends)
        else:
            found.append(Difference(begins, ends, *_said(is_)))
    return found


def _said(price: Priced | None) -> tuple[int | None, str | None]:
    return (None, None) if price is None else (price.amount, price.exception_id)
