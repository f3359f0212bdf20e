"""What a unit of a sku cost anybody in a channel, step by step: what prior prices are found in.

What promotions did to a unit is the same for every sku that they are alike about, so it is worked out once for all of
them (`Course`), and then walked along beside the prices of each.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from pricing.rules.alone import lanes_of, net_of
from pricing.rules.book import Item
from pricing.rules.local_time import DAY, edges_of, is_within
from pricing.rules.prepared import (
    ALWAYS,
    Concern,
    Course,
    History,
    Lanes,
    Prepared,
    channel_prices,
    edges_of_prices,
    price_at,
)
from pricing.rules.prior import steps_of

BEHIND, AHEAD = DAY, 7 * DAY
"""How much further than it must a history reaches, so that it is not made anew at each hour of the week."""

_NOTHING: Sequence[Lanes] = ((),)
"""Everywhere nothing is taken off."""

Offsets = Sequence[tuple[int, int]]


def history_of(prepared: Prepared, channel: str, item: Item, at: int) -> History:
    """The steps of a sku's price in a channel, as far back as the prior price at an instant may have to look."""
    known = prepared.histories.get((channel, item.sku))
    if known is None or not known.good_from <= at < known.good_until:
        course = _course_of(prepared, channel, item, at)
        known = prepared.histories[channel, item.sku] = _made(prepared, channel, item, course)
    return known


def unit_net(prepared: Prepared, channel: str, item: Item, at: int) -> int | None:
    """What one unit costs anybody in a channel, in no store of it, at an instant; None where it is not sold.

    That is what `unit_price` says is left, for whoever asks about thousands of skus, and not who reduces them.
    """
    if price_at(prepared.taxes.get(item.tax_class, ()), at) is None:
        return None
    course = _course_of(prepared, channel, item, at)
    return _lowest(prepared, channel, item, at, _places_at(course, at)[:1])


def _course_of(prepared: Prepared, channel: str, item: Item, at: int) -> Course:
    concerns = prepared.concerns(channel, item)
    known = prepared.courses.get((channel, concerns))
    if known is None or not known.good_from <= at < known.good_until:
        known = prepared.courses[channel, concerns] = _course(prepared, channel, concerns, at)
    return known


def _course(prepared: Prepared, channel: str, concerns: Iterable[Concern], at: int) -> Course:
    """What ran when, as far back as a prior price at an instant may have to look, and some days ahead."""
    rule, offsets = prepared.book.prior, prepared.book.time_zone.offsets
    good_from, until = at - BEHIND, at + AHEAD
    since = good_from - (rule.announced_days + rule.window_days) * DAY
    public = [one for one in concerns if one.runner.is_public]
    turns = {since}.union(*(_edges_of(one, offsets, since, until) for one in public))
    known: dict[tuple[int, ...], tuple[Lanes, ...]] = {}
    edges: list[int] = []
    places: list[tuple[Lanes, ...]] = []
    for edge in sorted(turn for turn in turns if since <= turn <= until):
        running = [one for one in public if one.runner.runs(edge) and _is_hour(one, offsets, edge)]
        those = tuple(one.runner.place for one in running)
        if those not in known:
            known[those] = tuple(_places(running, in_stores=channel not in prepared.online))
        if not places or places[-1] != known[those]:
            edges.append(edge)
            places.append(known[those])
    return Course(good_from, until, since, edges, places)


def _edges_of(concern: Concern, offsets: Offsets, since: int, until: int) -> set[int]:
    """When a promotion begins and ends, and when it does so within a week."""
    promotion = concern.runner.promotion
    ends = ALWAYS if promotion.ends is None else promotion.ends
    first, last = max(since, promotion.starts), min(until, ends)
    edges = {promotion.starts, ends}
    if promotion.conditions.hours and first < last:
        edges |= set(edges_of(promotion.conditions.hours, offsets, first, last))
    return edges


def _is_hour(concern: Concern, offsets: Offsets, at: int) -> bool:
    hours = concern.runner.promotion.conditions.hours
    return not hours or is_within(hours, offsets, at)


def _places(running: Sequence[Concern], *, in_stores: bool) -> Iterator[Lanes]:
    """What holds in no store, then in each group of stores where it is the same, and not the same as before."""
    stores = {store for one in running for store in one.runner.promotion.conditions.stores} if in_stores else set()
    seen: set[Lanes] = set()
    for store in (None, *sorted(stores)):
        lanes = lanes_of(one for one in running if _is_in(one, store))
        if lanes not in seen:
            seen.add(lanes)
            yield lanes


def _is_in(concern: Concern, store: str | None) -> bool:
    stores = concern.runner.promotion.conditions.stores
    return not stores or store in stores


def _places_at(course: Course, at: int) -> tuple[Lanes, ...]:
    return course.places[bisect_right(course.edges, at) - 1]


def _made(prepared: Prepared, channel: str, item: Item, course: Course) -> History:
    """Walk along the prices of a sku and the course of promotions, side by side."""
    edges = set(course.edges)
    for prices in (item.recommended, channel_prices(item, channel), item.costs, prepared.taxes.get(item.tax_class, ())):
        edges |= {edge for edge in edges_of_prices(prices) if course.since <= edge <= course.good_until}
    steps = steps_of(sorted(edges), lambda at: _lowest(prepared, channel, item, at, _places_at(course, at)))
    return History(course.good_from, course.good_until, steps)


def _lowest(prepared: Prepared, channel: str, item: Item, at: int, places: Sequence[Lanes]) -> int | None:
    """What one unit cost anybody at an instant: the lowest, where places differed; None where not sold."""
    recommended = price_at(item.recommended, at)
    if recommended is None:
        return None
    price = (price_at(channel_prices(item, channel), at) or recommended).amount
    if places == _NOTHING:
        return price
    at_cost = prepared.at_cost(item, at)
    return min(net_of(lanes, price, at_cost) for lanes in places)
