"""Foresee: the market's book as it is, and as it would be with a change laid over it, asked side by side; pure.

What anybody would pay and which prior price would be announced is the engine's to say, here as everywhere else.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from pricing.books.zones import instant_of, microseconds
from pricing.rules import Prepared, prepare, unit_price
from pricing.rules.book import Book, ChannelPrices, Item, Price
from pricing.rules.facts import prior_at
from pricing.rules.prior import Prior
from pricing.rules.promotion import Promotion
from pricing.rules.quoted import CannotQuote
from pricing.rules.series import Priced
from pricing.series import Histories


class Outlook(NamedTuple):
    """What comes of a price in a channel at the instant at which a change begins there."""

    paid: int | None
    """By anybody, for one unit, as things are planned now; None where it is not sold."""
    pays: int | None
    """The same, with the change."""
    prior_today: int | None
    prior: Prior
    """With the change."""


class Foreseen:
    """Two books that differ by a change, and by nothing else."""

    def __init__(self, book: Book, before: Mapping[str, Histories], after: Mapping[str, Histories]) -> None:
        """Lay both prices over a book of the items that the change is about."""
        self._without = prepare(_laid(book, before))
        self._with = prepare(_laid(book, after))

    def outlook(self, sku: str, channel: str, begins: datetime, now: datetime) -> Outlook:
        """What the engine says of a price before and after."""
        at = microseconds(begins)
        today = prior_at(self._without, channel, sku, microseconds(now)).figure
        return Outlook(
            _paid(self._without, channel, sku, at),
            _paid(self._with, channel, sku, at),
            None if today is None else today.amount,
            prior_at(self._with, channel, sku, at),
        )

    def meets(self, sku: str, channel: str, begins: datetime, ends: datetime | None) -> list[Promotion]:
        """The promotions that run while the change holds and have to do with a sku there, by start."""
        first, last = microseconds(begins), None if ends is None else microseconds(ends)
        concerned = (one.runner.promotion for one in self._with.concerns(channel, self._with.items[sku]))
        return sorted(
            (
                one
                for one in concerned
                if (one.ends is None or one.ends > first) and (last is None or one.starts < last)
            ),
            key=in_order,
        )


def in_order(promotion: Promotion) -> tuple[int, str]:
    """What promotions are sorted by: when they start."""
    return promotion.starts, promotion.id


def evidence_of(prior: Prior) -> list[tuple[datetime, datetime, int | None]]:
    """The steps that a prior price was found in: from when until when, and what a unit cost; the last one is over."""
    if prior.figure is None:
        return []
    begins = [instant_of(step.begins) for step in prior.evidence]
    ends = [*begins[1:], instant_of(prior.figure.since)]
    return list(zip(begins, ends, [step.price for step in prior.evidence], strict=True))


def _paid(prepared: Prepared, channel: str, sku: str, at: int) -> int | None:
    try:
        return unit_price(prepared, channel, sku, at).reduced
    except CannotQuote:
        return None


def _laid(book: Book, histories: Mapping[str, Histories]) -> Book:
    items = [_priced(item, histories[item.sku]) for item in book.items]
    return msgspec.structs.replace(book, items=items)


def _priced(item: Item, history: Histories) -> Item:
    own = [ChannelPrices(channel, _prices(series)) for channel, series in sorted(history.channels.items())]
    return msgspec.structs.replace(item, recommended=_prices(history.recommended), channels=own)


def _prices(series: Sequence[Priced]) -> list[Price]:
    return [
        Price(microseconds(one.valid_from), None if one.valid_to is None else microseconds(one.valid_to), one.amount)
        for one in series
    ]
