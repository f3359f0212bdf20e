"""A book made ready to be asked: who runs where, what concerns which sku, and what was found out already.

What is remembered here follows from the book alone, so that the same question always has the same answer.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pricing.rules.book import Book, Category, Item, Price
from pricing.rules.matching import Index, Look, Looks, Matcher
from pricing.rules.promotion import Bundle, BuyGet, Gift, Matching, Promotion
from pricing.rules.quoted import PriorPrice, Verdict
from pricing.rules.tax import price_for

NO_PART = -1


class Runner:
    """A promotion, ready to be asked."""

    __slots__ = ("is_for_all", "is_public", "matcher", "parts", "place", "promotion", "rank")

    def __init__(self, promotion: Promotion, place: int) -> None:
        self.promotion = promotion
        self.place = place
        """Among the promotions of the book, which are by id."""
        self.matcher = Matcher(promotion.conditions.items)
        self.parts = _part_matchers(promotion)
        self.rank = (-promotion.priority, place)
        """Where two save as much, the lower rank wins: the higher priority, then the lower id."""
        asks = promotion.conditions
        self.is_public = not (asks.groups or asks.first_purchase or asks.code_hashes or asks.unique_codes)
        self.is_for_all = self.is_public and not (promotion.limited or asks.stores or asks.hours)
        """Nothing is asked but what is in the basket."""

    def role(self, item: Item, above: Mapping[str, frozenset[str]]) -> tuple[bool, int] | None:
        """What an item is to the promotion: whether it counts for it, and which part of its benefit it is.

        None for what it has nothing to do with. What is got does not count among what must be bought for it.
        """
        part = next((n for n, matcher in enumerate(self.parts) if matcher.matches(item, above)), NO_PART)
        got = part != NO_PART and not isinstance(self.promotion.benefit, Bundle)
        counts = not got and self.matcher.matches(item, above)
        return (counts, part) if counts or part != NO_PART else None

    def runs(self, at: int) -> bool:
        """Whether an instant is in its time."""
        promotion = self.promotion
        return promotion.starts <= at and (promotion.ends is None or at < promotion.ends)


def _part_matchers(promotion: Promotion) -> list[Matcher]:
    benefit = promotion.benefit
    if isinstance(benefit, Bundle):
        return [Matcher(part.items) for part in benefit.parts]
    if isinstance(benefit, BuyGet) and benefit.gets is not None:
        return [Matcher(benefit.gets)]
    return [Matcher(Matching(skus=[benefit.sku]))] if isinstance(benefit, Gift) else []


class Concern(NamedTuple):
    """A promotion that has to do with a sku, and what the sku is to it."""

    runner: Runner
    counts: bool
    part: int


class LineFacts(NamedTuple):
    """What a unit of a sku costs in a channel from one instant to another, and what may be taken off."""

    begins: int
    ends: int
    recommended: int
    price: int
    tax_rate_bp: int
    at_cost: int
    """The price at which a unit brings in just what it costs us; 0: not known."""
    """0 where it is not known."""
    prior: PriorPrice | None
    reduced_from: int
    """What a unit cost before the reduction that the prior price is of; 0 where there is none."""
    concerns: Sequence[Concern]


class Step(NamedTuple):
    """From this instant on a unit cost this, until the next step; None while it was not sold."""

    begins: int
    price: int | None


class History(NamedTuple):
    """What a unit of a sku cost anybody in a channel, for prior prices from one instant to another."""

    good_from: int
    good_until: int
    steps: Sequence[Step]


class Way(NamedTuple):
    """How something is taken off one unit by itself: a share of what is left of its price, and an amount more."""

    rank: tuple[int, int]
    exclusive: bool
    share: int
    more: int
    """Less than nought where what is left is a price."""
    begins: int
    """For units of at least this price, before promotions, and of less than `until`."""
    until: int
    minimum: int
    above_cost: bool
    """No further down than to `minimum`; and not below cost."""
    cap: int


Lanes = tuple[tuple[Way, ...], ...]
"""The ways of each lane, by rank."""


class Course(NamedTuple):
    """What public promotions did to one unit by itself, for histories from one instant to another."""

    good_from: int
    good_until: int
    since: int
    edges: Sequence[int]
    """From each of these on something else holds, until the next; the first is `since`."""
    places: Sequence[tuple[Lanes, ...]]
    """What holds from each of them on: in no store, and in stores where it is something else."""


class Running(NamedTuple):
    """The promotions that run in a channel from one instant to another, and the verdict on each that finds nothing."""

    begins: int
    ends: int
    places: Mapping[int, int]
    """Of a runner among the verdicts, by its place in the book."""
    verdicts: Sequence[Verdict]


ALWAYS = 2**62
"""Later than any instant."""


class Prepared:
    """A book with its indexes, and what was found out so far."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.items = {item.sku: item for item in book.items}
        self.channels = frozenset(channel.code for channel in book.channels)
        self.online = frozenset(channel.code for channel in book.channels if channel.kind == "online")
        self.above = _above(book.categories)
        self.taxes = {tax.tax_class: tax.rates for tax in book.taxes}
        self._by_channel: dict[str, list[Runner]] = {}
        self._runners = runners = [Runner(promotion, place) for place, promotion in enumerate(book.promotions)]
        for channel in self.channels:
            self._by_channel[channel] = [
                one
                for one in runners
                if not one.promotion.conditions.channels or channel in one.promotion.conditions.channels
            ]
        self._indexes = {
            channel: Index((one.place, matcher) for one in mine for matcher in (one.matcher, *one.parts))
            for channel, mine in self._by_channel.items()
        }
        self.line_facts: dict[tuple[str, str], LineFacts] = {}
        self.histories: dict[tuple[str, str], History] = {}
        self.courses: dict[tuple[str, tuple[Concern, ...]], Course] = {}
        self._looks = Looks(matcher for one in runners for matcher in (one.matcher, *one.parts))
        self._concerns: dict[tuple[str, Look], tuple[Concern, ...]] = {}
        self._running: dict[str, Running] = {}

    def at_cost(self, item: Item, at: int) -> int:
        """The price at which a unit brings in just what it costs us, once tax is paid; 0 where that is not known."""
        cost, rate = price_at(item.costs, at), price_at(self.taxes.get(item.tax_class, ()), at)
        if cost is None or rate is None:
            return 0
        return price_for(cost.amount, rate.amount, included=self.book.prices_include_tax)

    def concerns(self, channel: str, item: Item) -> tuple[Concern, ...]:
        """Every promotion of a channel that has to do with an item, whenever it runs; by id."""
        look = self._looks.of(item)
        known = self._concerns.get((channel, look))
        if known is None:
            runners = (self._runners[place] for place in self._indexes[channel].candidates(item, self.above))
            found = ((runner, runner.role(item, self.above)) for runner in runners)
            known = tuple(Concern(runner, *role) for runner, role in found if role is not None)
            self._concerns[channel, look] = known
        return known

    def runners(self, channel: str, at: int) -> list[Runner]:
        """The promotions that run in a channel at an instant, by id."""
        return [one for one in self._by_channel.get(channel, ()) if one.runs(at)]

    def running(self, channel: str, at: int) -> Running:
        """What runs in a channel at an instant."""
        known = self._running.get(channel)
        if known is None or not known.begins <= at < known.ends:
            known = self._running[channel] = self._look(channel, at)
        return known

    def _look(self, channel: str, at: int) -> Running:
        runners = self._by_channel[channel]
        edges = {edge for one in runners for edge in (one.promotion.starts, one.promotion.ends) if edge is not None}
        begins = max((edge for edge in edges if edge <= at), default=-ALWAYS)
        ends = min((edge for edge in edges if edge > at), default=ALWAYS)
        now = [one for one in runners if one.runs(at)]
        verdicts = [Verdict(one.promotion.id, applied=False, reason="no_matching_item", amount=0) for one in now]
        return Running(begins, ends, {one.place: n for n, one in enumerate(now)}, verdicts)


def prepare(book: Book) -> Prepared:
    """Make a book ready to be asked."""
    return Prepared(book)


def price_at(prices: Sequence[Price], at: int) -> Price | None:
    """The price in force at an instant, of prices by beginning."""
    place = bisect_right(prices, at, key=lambda one: one.begins) - 1
    if place < 0:
        return None
    price = prices[place]
    return price if price.ends is None or at < price.ends else None


def edges_of_prices(prices: Sequence[Price]) -> set[int]:
    """Every instant at which one of these begins or ends."""
    return {edge for price in prices for edge in (price.begins, price.ends) if edge is not None}


def channel_prices(item: Item, channel: str) -> Sequence[Price]:
    """What a channel charges where it is not the recommended price."""
    return next((one.prices for one in item.channels if one.channel == channel), ())


def _above(categories: Sequence[Category]) -> dict[str, frozenset[str]]:
    parents = {category.code: category.parent for category in categories}
    above = {}
    for code in parents:
        line: list[str] = []
        at: str | None = code
        while at is not None and at not in line:
            line.append(at)
            at = parents.get(at)
        above[code] = frozenset(line)
    return above
