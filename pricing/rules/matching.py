"""Whether an item is what a promotion is about."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

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

    @property
    def handles(self) -> Sequence[tuple[str, ...]]:
        """An item that matches has one of these; none: it may be any item."""
        if self._skus:
            return [("sku", one) for one in self._skus]
        if self._products:
            return [("product", one) for one in self._products]
        if self._categories:
            return [("category", one) for one in self._categories]
        if self._brands:
            return [("brand", one) for one in self._brands]
        name = next(iter(self._attributes), "")
        return [("attribute", name, one) for one in self._attributes.get(name, ())]

    @property
    def words(self) -> Iterator[tuple[str, str]]:
        """What it tells items apart by, besides their categories; of attributes only the name is said."""
        yield from (("sku", one) for one in self._skus)
        yield from (("product", one) for one in self._products)
        yield from (("brand", one) for one in self._brands)
        yield from (("attribute", one) for one in self._attributes)
        if self._but_not is not None:
            yield from self._but_not.words

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


Look = tuple[object, ...]
"""Of an item: what some matchers can see of it."""


class Looks:
    """What matchers see of items: of those that look alike, each matches all or none."""

    __slots__ = ("_words",)

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self._words = frozenset(word for matcher in matchers for word in matcher.words)

    def of(self, item: Item) -> Look:
        """How an item looks."""
        named = [("sku", item.sku), ("product", item.product), ("brand", item.brand or "")]
        attributes = (each for each in item.attributes if ("attribute", each[0]) in self._words)
        return item.category, tuple(one for one in named if one in self._words), tuple(attributes)


class Index:
    """Who may have to do with an item, by number: a few, so that not everybody need be asked about every item."""

    __slots__ = ("_any", "_by_handle")

    def __init__(self, matchers: Iterable[tuple[int, Matcher]]) -> None:
        self._any: set[int] = set()
        """Those that may be about anything."""
        self._by_handle: dict[tuple[str, ...], set[int]] = {}
        for number, matcher in matchers:
            for handle in matcher.handles:
                self._by_handle.setdefault(handle, set()).add(number)
            if not matcher.handles:
                self._any.add(number)

    def candidates(self, item: Item, above: Mapping[str, frozenset[str]]) -> list[int]:
        """In the order of their numbers."""
        handles: list[tuple[str, ...]] = [("sku", item.sku), ("product", item.product)]
        handles += [("category", code) for code in above.get(item.category, ())]
        handles += [("attribute", name, value) for name, value in item.attributes]
        if item.brand is not None:
            handles.append(("brand", item.brand))
        found = self._any.union(*(self._by_handle.get(handle, ()) for handle in handles))
        return sorted(found)
