"""Reach: which skus a promotion is about, and what they cost while it runs. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pricing.promotions.rules import Definition
from pricing.rules import series
from pricing.rules.book import Item
from pricing.rules.matching import Matcher
from pricing.rules.promotion import (
    AmountOff,
    Benefit,
    Bundle,
    BuyGet,
    FixedPrice,
    Gift,
    Percent,
    Selector,
)
from pricing.rules.series import Priced

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


def is_on_shipping(benefit: Benefit) -> bool:
    """Whether it takes something off what bringing it costs, and off nothing else."""
    return isinstance(benefit, Percent | AmountOff | FixedPrice) and benefit.on == "shipping"


def landing_clause(benefit: Benefit) -> str:
    """The clause that says what it lands on, of all benefits but bundles and those on shipping."""
    if isinstance(benefit, Gift):
        return "benefit.sku"
    return "benefit.gets" if isinstance(benefit, BuyGet) and benefit.gets is not None else "conditions.items"


def landing(definition: Definition, found: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The skus whose price it may lower."""
    benefit = definition.benefit
    if is_on_shipping(benefit):
        return frozenset()
    if isinstance(benefit, Bundle):
        return frozenset(sku for clause, skus in found.items() if clause != "conditions.items" for sku in skus)
    return found[landing_clause(benefit)]


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
