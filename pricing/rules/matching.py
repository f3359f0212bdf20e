"""Whether an item is what a promotion is about."""

from collections.abc import Mapping

from pricing.rules.book import Item
from pricing.rules.promotion import Matching, Selector


class Matcher:
    """A selector, ready to be asked about many items."""

    __slots__ = ("_attributes", "_brands", "_but_not", "_categories", "_products", "_skus")

    def __init__(self, wanted: Matching) -> None:
        self._skus = frozenset(wanted.skus)
        self._products = frozenset(wanted.products)
        self._categories = frozenset(wanted.categories)
        self._brands = frozenset(wanted.brands)
        self._attributes: dict[str, set[str]] = {}
        for name, value in wanted.attributes:
            self._attributes.setdefault(name, set()).add(value)
        but_not = wanted.but_not if isinstance(wanted, Selector) else None
        self._but_not = Matcher(but_not) if but_not is not None else None

    def matches(self, item: Item, above: Mapping[str, frozenset[str]]) -> bool:
        """Whether it is one of these; `above` gives each category with all that it hangs below, itself too."""
        if self._but_not is not None and self._but_not.matches(item, above):
            return False
        return (
            (not self._skus or item.sku in self._skus)
            and (not self._products or item.product in self._products)
            and (not self._brands or item.brand in self._brands)
            and (not self._categories or not self._categories.isdisjoint(above.get(item.category, frozenset())))
            and (not self._attributes or self._has_attributes(item))
        )

    def _has_attributes(self, item: Item) -> bool:
        return all(
            any(name == wanted and value in values for name, value in item.attributes)
            for wanted, values in self._attributes.items()
        )
