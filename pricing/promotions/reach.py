"""Reach: which skus a promotion is about, what they cost while it runs, and why it can never apply. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pricing.promotions.rules import Definition
from pricing.rules import series
from pricing.rules.book import Item
from pricing.rules.matching import Matcher
from pricing.rules.promotion import (
    AmountOff,
    Bundle,
    BuyGet,
    FixedPrice,
    Floor,
    Gift,
    Hours,
    Percent,
    Selector,
)
from pricing.rules.series import Priced

A_WEEK = timedelta(days=7)


Above = Mapping[str, frozenset[str]]
"""Each category with all that it hangs below, itself too."""


def above(parents: Mapping[str, str | None]) -> Above:
    """What each category hangs below, by what it hangs from."""

    def line(code: str | None) -> Iterator[str]:
        while code is not None:
            yield code
            code = parents.get(code)

    return {code: frozenset(line(code)) for code in parents}


def matching(selector: Selector, items: Iterable[Item], over: Above) -> frozenset[str]:
    """The skus that a selector is about."""
    matcher = Matcher(selector)
    return frozenset(item.sku for item in items if matcher.matches(item, over))


def clauses_about_items(definition: Definition) -> list[tuple[str, Selector]]:
    """Each clause that says which items, none of which may find nothing, and its path.

    Where the benefit names its own, `conditions.items` counts only if it says something.
    """
    benefit, own = definition.benefit, ("conditions.items", definition.conditions.items)
    if isinstance(benefit, Bundle):
        parts = [(f"benefit.parts[{n}].items", part.items) for n, part in enumerate(benefit.parts)]
        return parts if definition.conditions.items == Selector() else [own, *parts]
    if isinstance(benefit, BuyGet) and benefit.gets is not None:
        return [own, ("benefit.gets", benefit.gets)]
    if isinstance(benefit, Gift):
        return [own, ("benefit.sku", Selector(skus=[benefit.sku]))]
    return [own]


def found_by_clause(definition: Definition, items: Sequence[Item], over: Above) -> dict[str, frozenset[str]]:
    """What each of these clauses finds; of a bundle's parts, what the earlier ones left."""
    found: dict[str, frozenset[str]] = {}
    taken: frozenset[str] = frozenset()
    for clause, selector in clauses_about_items(definition):
        skus = matching(selector, items, over)
        if clause.startswith("benefit.parts"):
            skus, taken = skus - taken, taken | skus
        found[clause] = skus
    return found


def landing(definition: Definition, found: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The skus whose price it may lower."""
    benefit = definition.benefit
    if isinstance(benefit, Percent | AmountOff | FixedPrice) and benefit.on == "shipping":
        return frozenset()
    if isinstance(benefit, Gift):
        return found["benefit.sku"]
    if isinstance(benefit, BuyGet) and benefit.gets is not None:
        return found["benefit.gets"]
    if isinstance(benefit, Bundle):
        return frozenset(sku for clause, skus in found.items() if clause != "conditions.items" for sku in skus)
    return found["conditions.items"]


# What it costs


class Charge(NamedTuple):
    """What a unit costs from an instant on."""

    since: datetime
    amount: int


def charges(
    recommended: Sequence[Priced], own: Sequence[Priced], starts_at: datetime, ends_at: datetime | None
) -> list[Charge]:
    """What a channel charges in an interval; gaps are left out."""
    return [
        Charge(max(one.valid_from, starts_at), one.counted.amount)
        for one in series.charges(recommended, own)
        if (one.valid_to is None or one.valid_to > starts_at) and (ends_at is None or one.valid_from < ends_at)
    ]


# Why it can never apply


class Never(NamedTuple):
    """A clause because of which it can never apply."""

    clause: str
    code: str
    reason: str


def never_by_time(
    starts_at: datetime, ends_at: datetime | None, hours: Sequence[Hours], zone: str, now: datetime
) -> Iterator[Never]:
    """What its window and its hours rule out between them."""
    if ends_at is not None and ends_at <= max(now, starts_at):
        yield Never("ends_at", "window_over", "Its time is over.")
    elif hours and not _meets(starts_at, ends_at, hours, zone):
        yield Never("conditions.hours", "hours_never", "None of these hours falls between its start and its end.")


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


def never_by_place(definition: Definition, kinds: Mapping[str, str]) -> Iterator[Never]:
    """What its channels and stores rule out between them; `kinds` are of the market's channels."""
    conditions = definition.conditions
    wanted = conditions.channels or list(kinds)
    if conditions.stores and not any(kinds.get(channel) == "retail" for channel in wanted):
        yield Never(
            "conditions.stores", "no_store_channel", "It is for stores, and none of its channels sells in stores."
        )


def never_by_items(found: Mapping[str, frozenset[str]], sold: Collection[str]) -> Iterator[Never]:
    """Clauses that find nothing, or nothing that is sold while it runs where it runs."""
    for clause, skus in found.items():
        if not skus:
            left = " that an earlier part has not taken" if clause.startswith("benefit.parts") else ""
            yield Never(clause, "no_sku", f"No sku of the catalog is one of these{left}.")
        elif skus.isdisjoint(sold):
            yield Never(clause, "not_sold", "None of these is listed, certified and priced where and while it runs.")


def never_by_buying(found: Mapping[str, frozenset[str]]) -> Iterator[Never]:
    """Where all that could be bought for it is what is got: what is got does not count as bought."""
    got = found.get("benefit.gets", found.get("benefit.sku", frozenset()))
    bought = found.get("conditions.items", frozenset())
    if bought and bought <= got:
        yield Never("conditions.items", "all_is_got", "These are what is got, and what is got opens nothing.")


def never_by_price(
    definition: Definition, found: Mapping[str, frozenset[str]], dearest: Mapping[str, int]
) -> Iterator[Never]:
    """Floors and prices above whatever its skus cost; `dearest` is the most that each costs while it runs."""
    benefit = definition.benefit
    top = max((dearest[sku] for sku in landing(definition, found) if sku in dearest), default=None)
    if top is None:
        return
    yield from _by_floor(definition.floor, top)
    if isinstance(benefit, FixedPrice) and benefit.price >= top:
        yield Never("benefit.price", "price_too_high", f"Nothing that it is about costs more; the dearest is {top}.")
    if isinstance(benefit, Bundle):
        yield from _by_bundle(benefit, found, dearest)


def _by_bundle(benefit: Bundle, found: Mapping[str, frozenset[str]], dearest: Mapping[str, int]) -> Iterator[Never]:
    """A bundle of which a part is not sold has no price to compare with; that is another flag."""
    whole = 0
    for n, part in enumerate(benefit.parts):
        prices = [dearest[sku] for sku in found[f"benefit.parts[{n}].items"] if sku in dearest]
        if not prices:
            return
        whole += part.quantity * max(prices)
    if benefit.price >= whole:
        yield Never("benefit.price", "price_too_high", f"The dearest of each part together cost {whole}.")


def _by_floor(floor: Floor, top: int) -> Iterator[Never]:
    if floor.minimum >= top and floor.minimum:
        yield Never("floor.minimum", "floor_too_high", f"Nothing that it is about costs more; the dearest is {top}.")
