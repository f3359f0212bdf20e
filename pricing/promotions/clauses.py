"""Clauses: whatever is wrong with a promotion as it was written, clause by clause, and why. Pure.

What a clause may be at all (a share from 1 to 10,000, a known kind of benefit) is refused as the request is read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from commerce.kernel.bodies import CodeText
from pricing.promotions.errors import Fault, MalformedPromotion
from pricing.promotions.rules import ORDER_UNITS_MAX
from pricing.promotions.schemas import PromotionBody
from pricing.rules.codes import normal_code
from pricing.rules.promotion import (
    AmountOff,
    Benefit,
    Bundle,
    BuyGet,
    Conditions,
    FixedPrice,
    Gift,
    Hours,
    Matching,
    Percent,
    Selector,
    Tiers,
)
from pricing.rules.sound import said_by


class Store(NamedTuple):
    """A place, as far as promotions ask."""

    market: str
    kind: str


class Known(NamedTuple):
    """What there is, of all that the promotion names."""

    skus: frozenset[str]
    products: frozenset[str]
    categories: frozenset[str]
    brands: frozenset[str]
    channels: Mapping[str, str]
    """The market of each."""
    stores: Mapping[str, Store]
    sold: frozenset[str]
    """Skus with a recommended price in the market, now or later."""


def must_make_sense(body: PromotionBody, known: Known) -> None:
    """Let a promotion through of which every clause makes sense. Raises MalformedPromotion with all that do not."""
    found = list(faults(body, known))
    if found:
        raise MalformedPromotion(found[0].clause, found)


def faults(body: PromotionBody, known: Known) -> Iterator[Fault]:
    """Every clause that makes no sense, in the order in which they are written."""
    if body.starts_at is not None and body.ends_at is not None and body.ends_at <= body.starts_at:
        yield Fault("ends_at", "It ends before it starts.")
    yield from _conditions(body, known)
    yield from _benefit(body, known)
    yield from _cap_and_floor(body)
    yield from _limits(body)
    yield from _codes(body)


def named_twice(clause: str, words: Sequence[object]) -> Iterator[Fault]:
    """Each word that stands in a list more than once, where it stands again."""
    seen: Counter[object] = Counter()
    for n, word in enumerate(words):
        seen[word] += 1
        if seen[word] == 2:  # noqa: PLR2004 - once is enough to say so
            yield Fault(f"{clause}[{n}]", f"{word!r} is named twice.")


# Conditions


def _conditions(body: PromotionBody, known: Known) -> Iterator[Fault]:
    at, conditions = "conditions", body.conditions
    yield from _channels(at, conditions, body.market, known)
    yield from _stores(at, conditions, body.market, known)
    yield from _groups(f"{at}.groups", conditions.groups)
    if conditions.code_hashes:
        yield Fault(f"{at}.code_hashes", "Write the codes themselves, in `codes`; their hashes are made of them.")
    yield from _selector(f"{at}.items", conditions.items, known)
    yield from _hours(f"{at}.hours", conditions.hours)


def _channels(at: str, conditions: Conditions, market: str, known: Known) -> Iterator[Fault]:
    yield from named_twice(f"{at}.channels", conditions.channels)
    for n, channel in enumerate(conditions.channels):
        where = known.channels.get(channel)
        if where is None:
            yield Fault(f"{at}.channels[{n}]", f"There is no channel {channel!r}.")
        elif where != market:
            yield Fault(f"{at}.channels[{n}]", f"{channel!r} sells in {where!r}, not in {market!r}.")


def _stores(at: str, conditions: Conditions, market: str, known: Known) -> Iterator[Fault]:
    yield from named_twice(f"{at}.stores", conditions.stores)
    for n, code in enumerate(conditions.stores):
        store = known.stores.get(code)
        if store is None:
            yield Fault(f"{at}.stores[{n}]", f"There is no location {code!r}.")
        elif store.kind != "store":
            yield Fault(f"{at}.stores[{n}]", f"{code!r} is a {store.kind}; nothing is sold there.")
        elif store.market != market:
            yield Fault(f"{at}.stores[{n}]", f"{code!r} is in {store.market!r}, not in {market!r}.")


def _groups(at: str, groups: Sequence[str]) -> Iterator[Fault]:
    yield from named_twice(at, groups)
    for n, group in enumerate(groups):
        try:
            msgspec.convert(group, CodeText)
        except msgspec.ValidationError:
            yield Fault(f"{at}[{n}]", f"No customer can be in a group that is called {group!r}.")


def _selector(at: str, selector: Selector, known: Known) -> Iterator[Fault]:
    yield from _matching(at, selector, known)
    if selector.but_not is not None:
        yield from _matching(f"{at}.but_not", selector.but_not, known)
        if selector.but_not == Matching():
            yield Fault(f"{at}.but_not", "It says nothing, so everything would be left out.")


def _matching(at: str, matching: Matching, known: Known) -> Iterator[Fault]:
    named: tuple[tuple[str, str, list[str], frozenset[str]], ...] = (
        ("skus", "sku", matching.skus, known.skus),
        ("products", "product", matching.products, known.products),
        ("categories", "category", matching.categories, known.categories),
        ("brands", "brand", matching.brands, known.brands),
    )
    for field, what, words, there in named:
        yield from named_twice(f"{at}.{field}", words)
        for n, word in enumerate(words):
            if word not in there:
                yield Fault(f"{at}.{field}[{n}]", f"There is no {what} {word!r}.")
    yield from named_twice(f"{at}.attributes", matching.attributes)


def _hours(at: str, hours: Sequence[Hours]) -> Iterator[Fault]:
    for n, window in enumerate(hours):
        if window.begins >= window.until:
            yield Fault(f"{at}[{n}].until", "It is over before it begins; a window never spans midnight, write two.")
        yield from named_twice(f"{at}[{n}].days", window.days)


# Benefits


def _benefit(body: PromotionBody, known: Known) -> Iterator[Fault]:
    benefit = body.benefit
    match benefit:
        case Percent() | AmountOff() | FixedPrice():
            yield from _simple(body, benefit)
        case BuyGet():
            if benefit.gets is not None:
                yield from _selector("benefit.gets", benefit.gets, known)
        case Bundle():
            yield from _bundle(body, benefit, known)
        case Tiers():
            yield from _tiers(benefit)
        case Gift():
            yield from _gift(benefit, known)


def _simple(body: PromotionBody, benefit: Percent | AmountOff | FixedPrice) -> Iterator[Fault]:
    if benefit.units > 1 and benefit.on != "cheapest":
        yield Fault("benefit.units", f"How many units is said for `cheapest` only, not for {benefit.on!r}.")
    if isinstance(benefit, AmountOff) and benefit.amount == 0:
        yield Fault("benefit.amount", "It takes nothing off.")
    if benefit.on == "shipping":
        yield from _items_count_for_something(body.conditions, "Shipping is none of them")


def _items_count_for_something(conditions: Conditions, why: str) -> Iterator[Fault]:
    """Items beside a benefit that does not land on them say something only where they are counted."""
    if conditions.items != Selector() and not conditions.quantity and not conditions.subtotal:
        yield Fault("conditions.items", f"{why}; say with `quantity` or `subtotal` how much of them must be there.")


def _bundle(body: PromotionBody, benefit: Bundle, known: Known) -> Iterator[Fault]:
    yield from _items_count_for_something(body.conditions, "A bundle says itself what belongs to it")
    everything: int | None = None
    for n, part in enumerate(benefit.parts):
        at = f"benefit.parts[{n}].items"
        yield from _selector(at, part.items, known)
        if everything is not None:
            yield Fault(at, f"Nothing is left for it: benefit.parts[{everything}] takes everything.")
        elif any(part.items == earlier.items for earlier in benefit.parts[:n]):
            yield Fault(at, "An earlier part takes just this; say there how many.")
        elif part.items == Selector():
            everything = n
    if len(benefit.parts) == 1 and benefit.parts[0].quantity == 1:
        yield Fault("benefit.parts", "One unit is no bundle; a fixed price says the same.")


def _tiers(benefit: Tiers) -> Iterator[Fault]:
    for n, step in enumerate(benefit.steps):
        at = f"benefit.steps[{n}]"
        said = said_by(step)
        if len(said) != 1:
            found = " and ".join(said) if said else "none of them"
            yield Fault(at, f"A step says one of share, amount and price; this one says {found}.")
        if step.amount == 0:
            yield Fault(f"{at}.amount", "It takes nothing off.")
        if benefit.by == "quantity" and step.at > ORDER_UNITS_MAX:
            yield Fault(f"{at}.at", f"No order has more than {ORDER_UNITS_MAX} units; an amount goes by `subtotal`.")
        if n and step.at <= benefit.steps[n - 1].at:
            yield Fault(f"{at}.at", f"It is not further than the step before, which is at {benefit.steps[n - 1].at}.")


def _gift(benefit: Gift, known: Known) -> Iterator[Fault]:
    if benefit.sku not in known.skus:
        yield Fault("benefit.sku", f"There is no sku {benefit.sku!r}.")
    elif benefit.sku not in known.sold:
        yield Fault("benefit.sku", f"{benefit.sku!r} is not sold in this market: it has no price there.")


def _cap_and_floor(body: PromotionBody) -> Iterator[Fault]:
    benefit = body.benefit
    if body.cap is not None and _promises_a_price(benefit):
        yield Fault("cap", "With a cap the price would not be what was promised.")
    if isinstance(benefit, Percent | AmountOff | FixedPrice) and benefit.on == "shipping":
        if body.floor.minimum:
            yield Fault("floor.minimum", "A floor is for units; shipping has none.")
        if body.floor.cost:
            yield Fault("floor.cost", "A floor is for units; nobody knows what shipping costs us.")


def _promises_a_price(benefit: Benefit) -> bool:
    """Whether it says what something costs, and not only what is taken off."""
    if isinstance(benefit, Tiers):
        return any(step.price is not None for step in benefit.steps)
    return isinstance(benefit, FixedPrice | Bundle | Gift)


# Limits and codes


def _limits(body: PromotionBody) -> Iterator[Fault]:
    limits = body.limits
    if limits.per_code is not None and not body.conditions.unique_codes:
        yield Fault("limits.per_code", "Uses are counted code by code only for unique codes.")
    if limits.codes is not None and not body.conditions.unique_codes:
        yield Fault("limits.codes", "It has no unique codes; conditions.unique_codes says so.")
    for name in ("per_person", "per_code"):
        most: int | None = getattr(limits, name)
        if most is not None and limits.total is not None and most > limits.total:
            yield Fault(f"limits.{name}", f"It is more than there are in total ({limits.total}).")


def _codes(body: PromotionBody) -> Iterator[Fault]:
    if body.codes and body.conditions.unique_codes:
        yield Fault("codes", "With unique codes nobody may type a shared one.")
    normal = [normal_code(code) for code in body.codes]
    for n, code in enumerate(normal):
        if code is None:
            yield Fault(f"codes[{n}]", "A code has 3 to 40 letters, digits and hyphens, and no hyphen first.")
    yield from _codes_named_twice(normal)


def _codes_named_twice(normal: Iterable[str | None]) -> Iterator[Fault]:
    seen: set[str] = set()
    for n, code in enumerate(normal):
        if code is not None and code in seen:
            yield Fault(f"codes[{n}]", f"{code!r} is named twice; upper and lower case are the same.")
        seen.add(code or "")
