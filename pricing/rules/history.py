"""What a unit of a sku cost anybody in a channel, step by step: what prior prices are found in."""

from collections.abc import Callable, Iterable

from pricing.rules.basket import Customer
from pricing.rules.book import Item
from pricing.rules.discounting import Asked, discount
from pricing.rules.local_time import DAY, edges_of, is_within
from pricing.rules.prepared import ALWAYS, Concern, History, LineFacts, Prepared, channel_prices, price_at
from pricing.rules.prior import steps_of
from pricing.rules.working import Line

BEHIND, AHEAD = DAY, 7 * DAY
"""How much further than it must a history reaches, so that it is not made anew at each hour of the week."""
_NOBODY = Customer()


def history_of(prepared: Prepared, channel: str, item: Item, at: int) -> History:
    """The steps of a sku's price in a channel, as far back as the prior price at an instant may have to look."""
    known = prepared.histories.get((channel, item.sku))
    if known is None or not known.good_from <= at < known.good_until:
        known = prepared.histories[channel, item.sku] = _made(prepared, channel, item, at)
    return known


def _made(prepared: Prepared, channel: str, item: Item, at: int) -> History:
    rule = prepared.book.prior
    good_from, until = at - BEHIND, at + AHEAD
    since = good_from - (rule.announced_days + rule.window_days) * DAY
    public = [one for one in prepared.concerns(channel, item) if one.runner.is_public]
    own = channel_prices(item, channel)
    edges = {since}
    for prices in (item.recommended, own, item.costs):
        edges |= {edge for one in prices for edge in (one.begins, one.ends) if edge is not None}
    for one in public:
        edges |= _edges_of(prepared, one, since, until)
    within = sorted(edge for edge in edges if since <= edge <= until)
    return History(good_from, until, steps_of(within, _applied(prepared, channel, item, public)))


def _edges_of(prepared: Prepared, concern: Concern, since: int, until: int) -> set[int]:
    """When a promotion begins and ends, and when it does so within a week."""
    promotion = concern.runner.promotion
    ends = ALWAYS if promotion.ends is None else promotion.ends
    first, last = max(since, promotion.starts), min(until, ends)
    edges = {promotion.starts, ends}
    if promotion.conditions.hours and first < last:
        edges |= set(edges_of(promotion.conditions.hours, prepared.book.time_zone.offsets, first, last))
    return edges


def _applied(prepared: Prepared, channel: str, item: Item, public: Iterable[Concern]) -> Callable[[int], int | None]:
    """What one unit cost anybody at an instant: the lowest, where its stores differed; None where not sold.

    That follows from its price, its cost and what was running, whenever that was: each such state is worked out once.
    """
    known: dict[tuple[object, ...], int] = {}
    own = channel_prices(item, channel)
    offsets = prepared.book.time_zone.offsets

    def at(instant: int) -> int | None:
        recommended = price_at(item.recommended, instant)
        if recommended is None:
            return None
        price = (price_at(own, instant) or recommended).amount
        cost = price_at(item.costs, instant)
        running = tuple(one for one in public if one.runner.runs(instant) and _is_hour(one, offsets, instant))
        if not running:
            return price
        state = (price, cost, *(one.runner.place for one in running))
        if state not in known:
            facts = LineFacts(
                instant, instant, price, price, 0, cost.amount if cost is not None else 0, None, 0, running
            )
            stores = [None] if channel in prepared.online else _unlike_stores(running)
            known[state] = min(
                _net(item.sku, facts, Asked(instant, offsets, store, _NOBODY, frozenset(), None)) for store in stores
            )
        return known[state]

    return at


def _is_hour(concern: Concern, offsets: list[tuple[int, int]], at: int) -> bool:
    hours = concern.runner.promotion.conditions.hours
    return not hours or is_within(hours, offsets, at)


def _net(sku: str, facts: LineFacts, asked: Asked) -> int:
    line = Line(sku, 0, sku, 1, facts)
    discount([line], asked)
    return line.net


def _unlike_stores(concerns: Iterable[Concern]) -> Iterable[str | None]:
    """No store, and one of each group of stores where the same promotions run."""
    runs: dict[str | None, list[int]] = {None: []}
    for one in concerns:
        for store in one.runner.promotion.conditions.stores:
            runs.setdefault(store, []).append(one.runner.place)
    return {tuple(places): store for store, places in runs.items()}.values()
