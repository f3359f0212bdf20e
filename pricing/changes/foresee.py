"""Foresee: what the market's book would say of prices, those that are planned or those of a change as well; pure.

What anybody would pay and which prior price would be announced is the engine's to say, here as everywhere else.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from pricing.books.zones import instant_of, microseconds
from pricing.rules import prepare
from pricing.rules.book import Book, ChannelPrices, Item, Price
from pricing.rules.facts import prior_at
from pricing.rules.history import unit_net
from pricing.rules.prepared import Concern, price_at
from pricing.rules.prior import Prior
from pricing.rules.promotion import Promotion
from pricing.rules.series import Priced
from pricing.series import Histories


class Foreseen:
    """A book of the items that have these prices."""

    def __init__(self, book: Book, prices: Mapping[str, Histories]) -> None:
        """Lay prices over a book; what else is in it is left out."""
        items = [_priced(item, prices[item.sku]) for item in book.items if item.sku in prices]
        self._book = prepare(msgspec.structs.replace(book, items=items))
        self._met: dict[tuple[tuple[Concern, ...], int, int | None], list[Promotion]] = {}

    def pays(self, sku: str, channel: str, at: datetime) -> int | None:
        """What anybody pays for one unit at an instant; None where it is not sold."""
        return unit_net(self._book, channel, self._book.items[sku], microseconds(at))

    def prior(self, sku: str, channel: str, at: datetime) -> Prior:
        """The prior price at an instant."""
        return prior_at(self._book, channel, sku, microseconds(at))

    def cost(self, sku: str, at: datetime) -> int | None:
        """What a unit costs us at an instant; None where that is not known."""
        cost = price_at(self._book.items[sku].costs, microseconds(at))
        return None if cost is None else cost.amount

    def tax_rate_bp(self, sku: str, at: datetime) -> int:
        """The tax on it at an instant; nought where there is no rate."""
        rate = price_at(self._book.taxes.get(self._book.items[sku].tax_class, ()), microseconds(at))
        return 0 if rate is None else rate.amount

    def meets(self, sku: str, channel: str, begins: datetime, ends: datetime | None) -> list[Promotion]:
        """The promotions that run from one instant to another and have to do with a sku there, by start."""
        first, last = microseconds(begins), None if ends is None else microseconds(ends)
        concerns = self._book.concerns(channel, self._book.items[sku])
        known = self._met.get((concerns, first, last))
        if known is None:
            found = (one.runner.promotion for one in concerns)
            known = sorted((one for one in found if _runs_between(one, first, last)), key=in_order)
            self._met[concerns, first, last] = known
        return known

    def met(self) -> list[Promotion]:
        """Every promotion that was told of so far, by start."""
        every = {one.id: one for found in self._met.values() for one in found}
        return sorted(every.values(), key=in_order)


def _runs_between(one: Promotion, first: int, last: int | None) -> bool:
    return (one.ends is None or one.ends > first) and (last is None or one.starts < last)


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


def _priced(item: Item, history: Histories) -> Item:
    own = [ChannelPrices(channel, _prices(series)) for channel, series in sorted(history.channels.items())]
    return msgspec.structs.replace(item, recommended=_prices(history.recommended), channels=own)


def _prices(series: Sequence[Priced]) -> list[Price]:
    return [
        Price(microseconds(one.valid_from), None if one.valid_to is None else microseconds(one.valid_to), one.amount)
        for one in series
    ]
