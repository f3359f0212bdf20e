"""Example prices: what a unit costs without a promotion and with it, as the engine says; pure."""

from collections.abc import Collection
from datetime import datetime

import msgspec

from pricing.books.zones import microseconds
from pricing.promotions.schemas import ExampleView
from pricing.promotions.stored import Stored
from pricing.rules import Prepared, UnitPrice, prepare, unit_price
from pricing.rules.book import Book
from pricing.rules.promotion import Promotion
from pricing.rules.quoted import CannotQuote

EXAMPLES_MAX = 3
"""For each channel."""


class Examples:
    """A market's book without a promotion, and with it.

    For whoever may have it: in one of its stores and in its hours, with its code. What others take off is taken off
    both, and where another one is better for the buyer, it takes nothing off.
    """

    def __init__(self, book: Book, stored: Stored, starts_at: datetime, ends_at: datetime | None) -> None:
        """Put the promotion into a book of the items to look at; in the other one it is not, even if it runs."""
        others = [one for one in book.promotions if one.id != stored.id]
        mine = _for_whoever_may(stored, starts_at, ends_at)
        every = sorted([*others, mine], key=lambda one: one.id)
        self._without = prepare(msgspec.structs.replace(book, promotions=others))
        self._with = prepare(msgspec.structs.replace(book, promotions=every))
        self._alone = prepare(msgspec.structs.replace(book, promotions=[mine]))
        self._mine = mine.id
        self._store = next(iter(mine.conditions.stores), None)
        self._at = mine.starts

    def of(self, channel: str, skus: Collection[str]) -> list[ExampleView]:
        """The first few of these, by sku, of which a single unit becomes cheaper as it begins."""
        found: list[ExampleView] = []
        for sku in sorted(skus):
            before, after = (self._paid(book, channel, sku) for book in (self._without, self._with))
            if before is not None and after is not None and after < before:
                found.append(ExampleView(channel, sku, before, after))
            if len(found) == EXAMPLES_MAX:
                break
        return found

    def taken_by(self, channel: str, skus: Collection[str]) -> list[Promotion] | None:
        """Who takes these, where it would reduce a single unit of some and others leave it none; None if it does."""
        found: set[str] = set()
        for sku in skus:
            together, alone = (self._unit(book, channel, sku) for book in (self._with, self._alone))
            if together is not None and self._mine in together.promotions:
                return None
            if together is not None and alone is not None and alone.promotions:
                found.update(together.promotions)
        return [one for one in self._with.book.promotions if one.id in found]

    def _paid(self, book: Prepared, channel: str, sku: str) -> int | None:
        found = self._unit(book, channel, sku)
        return None if found is None else found.reduced

    def _unit(self, book: Prepared, channel: str, sku: str) -> UnitPrice | None:
        try:
            return unit_price(book, channel, sku, self._at, self._store)
        except CannotQuote:
            return None


def _for_whoever_may(stored: Stored, starts_at: datetime, ends_at: datetime | None) -> Promotion:
    said = stored.definition
    conditions = msgspec.structs.replace(
        said.conditions, groups=[], first_purchase=False, code_hashes=[], unique_codes=False, hours=[]
    )
    return Promotion(
        id=stored.id,
        name=stored.name,
        starts=microseconds(starts_at),
        ends=None if ends_at is None else microseconds(ends_at),
        limited=False,
        **{**msgspec.structs.asdict(said), "conditions": conditions},
    )
