"""Reach: which skus a promotion is about, what they cost while it runs, and why it can never apply. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from commerce.kernel.money import half_up
from pricing.promotions.rules import Definition
from pricing.rules.promotion import (
    AmountOff,
    Bundle,
    BuyGet,
    FixedPrice,
    Floor,
    Gift,
    Hours,
    Matching,
    Percent,
    Selector,
)
from pricing.rules.series import Priced, priced_at
from pricing.rules.tax import WHOLE_BP

A_WEEK = timedelta(days=7)


class Item(NamedTuple):
    """A sku, as far as promotions ask."""

    sku: str
    product: str
    category: str
    brand: str | None
    attributes: frozenset[tuple[str, str]]


def below(categories: Iterable[str], parents: Mapping[str, str | None]) -> frozenset[str]:
    """These categories, and all that hang below them."""
    wanted = set(categories)

    def hangs(code: str | None) -> bool:
        while code is not None:
            if code in wanted:
                return True
            code = parents.get(code)
        return False

    return frozenset(code for code in {*parents, *wanted} if hangs(code))


def matching(selector: Selector, items: Iterable[Item], parents: Mapping[str, str | None]) -> frozenset[str]:
    """The skus that a selector is about."""
    wanted = _Wanted(selector, parents)
    unwanted = None if selector.but_not is None else _Wanted(selector.but_not, parents)
    return frozenset(
        item.sku for item in items if wanted.has(item) and not (unwanted is not None and unwanted.has(item))
    )


class _Wanted:
    """A selector made ready: each field that is not empty must hold, by any of its words."""

    def __init__(self, said: Matching, parents: Mapping[str, str | None]) -> None:
        self._skus, self._products, self._brands = set(said.skus), set(said.products), set(said.brands)
        self._categories = below(said.categories, parents)
        self._attributes: dict[str, set[tuple[str, str]]] = {}
        for name, value in said.attributes:
            self._attributes.setdefault(name, set()).add((name, value))

    def has(self, item: Item) -> bool:
        """Whether an item is one of them."""
        fields = (
            (self._skus, item.sku),
            (self._products, item.product),
            (self._categories, item.category),
            (self._brands, item.brand),
        )
        if any(words and word not in words for words, word in fields):
            return False
        return all(not values.isdisjoint(item.attributes) for values in self._attributes.values())


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


def found_by_clause(
    definition: Definition, items: Sequence[Item], parents: Mapping[str, str | None]
) -> dict[str, frozenset[str]]:
    """What each of these clauses finds; of a bundle's parts, what the earlier ones left."""
    found: dict[str, frozenset[str]] = {}
    taken: frozenset[str] = frozenset()
    for clause, selector in clauses_about_items(definition):
        skus = matching(selector, items, parents)
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
    """What a channel charges in an interval: its own price if it has one, else the recommended one; gaps left out."""
    begins = {one.valid_from for one in (*recommended, *own)} | {
        one.valid_to for one in own if one.valid_to is not None
    }
    instants = {starts_at} | {at for at in begins if at > starts_at and (ends_at is None or at < ends_at)}
    found = []
    for at in sorted(instants):
        usual, special = priced_at(recommended, at), priced_at(own, at)
        if usual is not None:
            found.append(Charge(at, (special or usual).amount))
    return found


def unit_price(definition: Definition, price: int) -> int | None:
    """What a single unit costs with this promotion alone; None where that depends on what else is in the basket."""
    benefit, conditions = definition.benefit, definition.conditions
    if conditions.quantity > 1 or conditions.subtotal > price:
        return None
    match benefit:
        case Percent(on="lines"):
            off = half_up(price * benefit.share, WHOLE_BP)
        case AmountOff(on="lines"):
            off = min(benefit.amount, price)
        case FixedPrice(on="lines"):
            off = max(0, price - benefit.price)
        case _:
            return None
    if definition.cap is not None:
        off = min(off, definition.cap)
    return max(price - off, min(price, definition.floor.minimum))


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
