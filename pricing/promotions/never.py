"""Never: why a promotion can never apply as it stands, with the clause to blame. Pure.

A basket is bought in one channel, so it is looked at channel by channel: what none of them makes possible by itself,
all of them together do not make possible either.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pricing.promotions.reach import is_on_shipping, landing, landing_clause
from pricing.promotions.rules import ORDER_UNITS_MAX, Definition
from pricing.rules.promotion import Benefit, Bundle, FixedPrice, Floor, Hours, Tiers

A_WEEK = timedelta(days=7)

Found = Mapping[str, frozenset[str]]
"""The skus that each clause finds in the catalog."""


class Never(NamedTuple):
    """A clause because of which it can never apply."""

    clause: str
    code: str
    reason: str


class Opened(NamedTuple):
    """The first and the last day on which a store is open; None where nobody said."""

    first: date | None
    last: date | None


class Place(NamedTuple):
    """A channel in which it would run."""

    channel: str
    kind: str
    dearest: Mapping[str, int]
    """The most that each sku costs there while it runs, of those that are sold."""


def never_by_time(
    starts_at: datetime, ends_at: datetime | None, hours: Sequence[Hours], zone: str, now: datetime
) -> Iterator[Never]:
    """What its window and its hours rule out between them."""
    if ends_at is not None and ends_at <= max(now, starts_at):
        yield Never("ends_at", "window_over", "Its time is over.")
    elif hours and not _meets(starts_at, ends_at, hours, zone):
        yield Never("conditions.hours", "hours_never", "None of these hours falls between its start and its end.")


def never_by_start(starts_at: datetime, earliest: datetime) -> Iterator[Never]:
    """What a start that nobody can be told of in time rules out, where it is written and not in the book yet."""
    if starts_at < earliest:
        yield Never("starts_at", "starts_too_soon", "It cannot start then any more; write it with a later start.")


def never_by_stores(
    stores: Iterable[Opened], starts_at: datetime, ends_at: datetime | None, zone: str
) -> Iterator[Never]:
    """What its stores rule out: if it is for some, one of them is open on some day that it runs."""
    local = ZoneInfo(zone)
    first = starts_at.astimezone(local).date()
    last = date.max if ends_at is None else (ends_at - timedelta(microseconds=1)).astimezone(local).date()
    each = list(stores)
    if each and not any((one.first or date.min) <= last and first <= (one.last or date.max) for one in each):
        yield Never("conditions.stores", "stores_closed", "None of these stores is open on any day that it runs.")


def _meets(starts_at: datetime, ends_at: datetime | None, hours: Sequence[Hours], zone: str) -> bool:
    if ends_at is None or ends_at - starts_at > A_WEEK + timedelta(days=1):
        return True
    local = ZoneInfo(zone)
    day = starts_at.astimezone(local).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    while day.replace(tzinfo=local) < ends_at:
        for window in hours:
            opens = (day + timedelta(minutes=window.begins)).replace(tzinfo=local)
            closes = (day + timedelta(minutes=window.until)).replace(tzinfo=local)
            if day.weekday() in window.days and max(opens, starts_at) < min(closes, ends_at):
                return True
        day += timedelta(days=1)
    return False


def never_by_place(
    definition: Definition, places: Sequence[Place], found: Found, costs: Mapping[str, int]
) -> list[Never]:
    """What keeps it from applying in every one of its channels; nothing, if there is one where it can apply.

    `costs` has the least that a unit of each sku costs us while it runs, where that is known all the time.
    """
    stores = definition.conditions.stores
    open_to_it = [one for one in places if one.kind == "retail" or not stores]
    said = []
    if not open_to_it and places:
        why = "It is for stores, and none of its channels sells in stores."
        said.append(Never("conditions.stores", "no_store_channel", why))
    each = {one.channel: list(_in(one, definition, found, costs)) for one in open_to_it or places}
    return [*said, *_together(each)] if all(each.values()) else said


def _together(each: Mapping[str, Sequence[Never]]) -> list[Never]:
    """What the channels say, each clause once; where one thing is not so everywhere, with the channels where it is."""
    where: dict[tuple[str, str], dict[str, list[str]]] = {}
    for channel, said in each.items():
        for one in said:
            where.setdefault((one.clause, one.code), {}).setdefault(one.reason, []).append(channel)
    return [Never(clause, code, _reason(reasons, len(each))) for (clause, code), reasons in where.items()]


def _reason(reasons: Mapping[str, Sequence[str]], channels: int) -> str:
    return " ".join(
        reason if len(where) == channels else f"In {', '.join(where)}: {reason}" for reason, where in reasons.items()
    )


def _in(place: Place, definition: Definition, found: Found, costs: Mapping[str, int]) -> Iterator[Never]:
    """What keeps it from applying in a channel."""
    if is_on_shipping(definition.benefit) and place.kind == "retail":
        yield Never("benefit.on", "nothing_is_shipped", "What is sold in stores is carried away; there is no shipping.")
    yield from _by_items(found, place)
    yield from _by_buying(found, place)
    yield from _by_subtotal(definition, found, place)
    yield from _by_price(definition, found, place, costs)


def _by_items(found: Found, place: Place) -> Iterator[Never]:
    """Clauses that find nothing, or nothing that is sold there while it runs."""
    for clause, skus in found.items():
        if not skus:
            left = " that an earlier part has not taken" if clause.startswith("benefit.parts") else ""
            yield Never(clause, "no_sku", f"No sku of the catalog is one of these{left}.")
        elif skus.isdisjoint(place.dearest):
            yield Never(clause, "not_sold", "None of these is listed, certified and priced where and while it runs.")


def _by_buying(found: Found, place: Place) -> Iterator[Never]:
    """Where all that could be bought for it is what is got: what is got does not count as bought."""
    got = found.get("benefit.gets", found.get("benefit.sku", frozenset()))
    bought = found.get("conditions.items", frozenset()) & place.dearest.keys()
    if bought and bought <= got:
        yield Never("conditions.items", "all_is_got", "These are what is got, and what is got opens nothing.")


def _by_subtotal(definition: Definition, found: Found, place: Place) -> Iterator[Never]:
    """What so many units as an order can have of the dearest of them come to."""
    counted = [place.dearest[sku] for sku in found.get("conditions.items", place.dearest) if sku in place.dearest]
    benefit, wanted = definition.benefit, definition.conditions.subtotal
    most = ORDER_UNITS_MAX * max(counted, default=0)
    why = f"No order of what it is about comes to so much; the most is {most}."
    if counted and wanted > most:
        yield Never("conditions.subtotal", "out_of_reach", why)
    if counted and isinstance(benefit, Tiers) and benefit.by == "subtotal" and benefit.steps[0].at > most:
        yield Never("benefit.steps[0].at", "out_of_reach", why)


def falling_steps(benefit: Benefit) -> Iterator[int]:
    """The steps, counted from nought, at which whoever buys more is given less."""
    if isinstance(benefit, Tiers):
        for n, (one, further) in enumerate(pairwise(benefit.steps), 1):
            gives = [(step.share, step.amount, None if step.price is None else -step.price) for step in (one, further)]
            if any(was is not None and is_ is not None and is_ < was for was, is_ in zip(*gives, strict=True)):
                yield n


def _by_price(definition: Definition, found: Found, place: Place, costs: Mapping[str, int]) -> Iterator[Never]:
    """Floors and prices above whatever its skus cost there."""
    benefit = definition.benefit
    prices = {sku: place.dearest[sku] for sku in landing(definition, found) if sku in place.dearest}
    if not prices:
        return
    top = max(prices.values())
    if not top and not isinstance(benefit, Bundle):
        yield Never(landing_clause(benefit), "costs_nothing", "Nothing that it is about costs anything.")
        return
    yield from _by_floor(definition.floor, prices, costs)
    too_high = f"Nothing that it is about costs more; the dearest is {top}."
    if isinstance(benefit, FixedPrice) and benefit.price >= top:
        yield Never("benefit.price", "price_too_high", too_high)
    if isinstance(benefit, Tiers) and all(step.price is not None and step.price >= top for step in benefit.steps):
        yield Never("benefit.steps", "price_too_high", too_high)
    if isinstance(benefit, Bundle):
        yield from _by_bundle(benefit, found, place.dearest)


def _by_bundle(benefit: Bundle, found: Found, dearest: Mapping[str, int]) -> Iterator[Never]:
    """A bundle of which a part is not sold has no price to compare with; that is another flag."""
    whole = 0
    for n, part in enumerate(benefit.parts):
        prices = [dearest[sku] for sku in found[f"benefit.parts[{n}].items"] if sku in dearest]
        if not prices:
            return
        whole += part.quantity * max(prices)
    if benefit.price >= whole:
        yield Never("benefit.price", "price_too_high", f"The dearest of each part together cost {whole}.")


def _by_floor(floor: Floor, prices: Mapping[str, int], costs: Mapping[str, int]) -> Iterator[Never]:
    top = max(prices.values())
    if floor.minimum >= top and floor.minimum:
        yield Never("floor.minimum", "floor_too_high", f"Nothing that it is about costs more; the dearest is {top}.")
    elif floor.cost and all(max(floor.minimum, costs.get(sku, 0)) >= price for sku, price in prices.items()):
        yield Never("floor.cost", "floor_too_high", "Nothing that it is about costs more than it costs us.")
