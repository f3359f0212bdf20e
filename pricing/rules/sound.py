"""Sound: what a book must be beyond the shape of its parts, so that whoever reads it can ask it anything."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from pricing.rules.book import Book, Item, Price
from pricing.rules.promotion import Promotion, Step, Tiers

SECTIONS = {"categories": "code", "channels": "code", "items": "sku", "keys": "id", "promotions": "id"} | {
    "taxes": "tax_class"
}
"""The lists of a book that have a key, and which; all else is its header."""


def faults(book: Book) -> Iterator[str]:
    """Why a book must not be used: each list that is out of order, each promotion that says nothing; none is sound."""
    yield from (f"{one} is not in order, or twice there." for one in _disorder(book))
    for promotion in book.promotions:
        if not _says_one_thing(promotion):
            yield f"promotion {promotion.id} has a step that says not one of share, amount and price."


def _disorder(book: Book) -> Iterator[str]:
    """Whatever list is not in the order of its key."""
    for section, key in SECTIONS.items():
        if not _ascending(getattr(one, key) for one in getattr(book, section)):
            yield section
    for tax in book.taxes:
        if not _in_turn(tax.rates):
            yield f"taxes of {tax.tax_class}"
    if not _ascending(since for since, _ in book.time_zone.offsets):
        yield "time_zone.offsets"
    for item in book.items:
        if not _orderly(item):
            yield f"item {item.sku}"


def _orderly(item: Item) -> bool:
    return (
        _ascending(item.attributes)
        and _in_turn(item.recommended)
        and _in_turn(item.costs)
        and _ascending(one.channel for one in item.channels)
        and all(_in_turn(one.prices) for one in item.channels)
    )


def _ascending(keys: Iterable[str] | Iterable[int] | Iterable[tuple[str, str]]) -> bool:
    return all(one < other for one, other in pairwise(keys))  # type: ignore[operator]  # one kind in each list


def _in_turn(prices: list[Price]) -> bool:
    """Each lasts for a while, and none begins before the one before is over."""
    lasting = all(one.ends is None or one.begins < one.ends for one in prices)
    return lasting and all(one.ends is not None and one.ends <= other.begins for one, other in pairwise(prices))


def _says_one_thing(promotion: Promotion) -> bool:
    benefit = promotion.benefit
    return not isinstance(benefit, Tiers) or all(len(said_by(step)) == 1 for step in benefit.steps)


def said_by(step: Step) -> list[str]:
    """What a step of tiers says; it must be one of the three."""
    return [name for name in ("share", "amount", "price") if getattr(step, name) is not None]
