"""When charges turn: what two books say of the same instants, and which instants are new. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pricing.rules.book import Book, Item, Price, Tax
from pricing.rules.promotion import Promotion

Said = tuple[str, Sequence[Price]]
"""What something is called, and its timeline."""


class Parts(NamedTuple):
    """The parts of a book that may differ from another's: what decides charges, by key. And its promotions, all."""

    items: Mapping[str, Item]
    taxes: Mapping[str, Tax]
    promotions: Mapping[str, Promotion]


class Span(NamedTuple):
    """From one instant to another, that one excluded."""

    begins: int
    ends: int


FOR_GOOD = 2**63


class Clash(NamedTuple):
    """Something that two books say differently, and when."""

    what: str
    at: int


def first_clash(old: Parts, new: Parts, since: int, until: int) -> Clash | None:
    """Where two books charge differently at an instant between these two, the last one excluded: the earliest."""
    before, after = dict(_timelines(old)), dict(_timelines(new))
    clashes = (
        Clash(what, at)
        for what in before.keys() | after.keys()
        if (at := _differ(before.get(what, ()), after.get(what, ()), since, until)) is not None
    )
    return min((*clashes, *_promotions_clash(old, new, since, until)), key=lambda one: (one.at, one.what), default=None)


def all_turns(parts: Parts) -> set[tuple[int, str, object]]:
    """Every instant at which a charge turns, with what turns, and to what."""
    found: set[tuple[int, str, object]] = set()
    for what, prices in _timelines(parts):
        for price in prices:
            found.add((price.begins, what, price.amount))
            if price.ends is not None:
                found.add((price.ends, what, None))
    for promotion in parts.promotions.values():
        found.add((promotion.starts, promotion.id, msgspec.json.encode(promotion)))
        if promotion.ends is not None:
            found.add((promotion.ends, promotion.id, None))
    return found


def parts_of(book: Book) -> Parts:
    """Everything in a book that decides charges."""
    return Parts(
        {one.sku: one for one in book.items},
        {one.tax_class: one for one in book.taxes},
        {one.id: one for one in book.promotions},
    )


def _timelines(parts: Parts) -> Iterator[Said]:
    floors = _floors(parts.promotions.values())
    for item in parts.items.values():
        yield f"price of {item.sku}", item.recommended
        yield f"cost of {item.sku}", _while(floors, item.costs)
        for other in item.channels:
            yield f"price of {item.sku} in {other.channel}", other.prices
    for tax in parts.taxes.values():
        yield f"{tax.tax_class} tax", tax.rates


def _floors(promotions: Iterable[Promotion]) -> list[Span]:
    """When promotions run that must not go below what a unit costs: only then costs decide what is charged."""
    found: list[Span] = []
    for starts, ends in sorted((one.starts, _end(one.ends)) for one in promotions if one.floor.cost):
        if found and starts <= found[-1].ends:
            found[-1] = Span(found[-1].begins, max(ends, found[-1].ends))
        else:
            found.append(Span(starts, ends))
    return found


def _while(spans: Sequence[Span], prices: Sequence[Price]) -> list[Price]:
    """A timeline as far as somebody looks at it."""
    seen = []
    for price in prices:
        for span in spans:
            begins, ends = max(price.begins, span.begins), min(_end(price.ends), span.ends)
            if begins < ends:
                seen.append(Price(begins, None if ends == FOR_GOOD else ends, price.amount))
    return seen


def _end(ends: int | None) -> int:
    return FOR_GOOD if ends is None else ends


def _differ(old: Sequence[Price], new: Sequence[Price], since: int, until: int) -> int | None:
    """The first instant in the stretch at which two timelines have different amounts in force."""
    turns = {since, *(at for price in (*old, *new) for at in (price.begins, price.ends) if at is not None)}
    for at in sorted(turn for turn in turns if since <= turn < until):
        if _amount_at(old, at) != _amount_at(new, at):
            return at
    return None


def _amount_at(prices: Sequence[Price], at: int) -> int | None:
    return next((one.amount for one in prices if one.begins <= at and (one.ends is None or one.ends > at)), None)


def _promotions_clash(old: Parts, new: Parts, since: int, until: int) -> Iterator[Clash]:
    """What a promotion gives has no timeline: while it runs, it must be the same in both."""
    for key in old.promotions.keys() | new.promotions.keys():
        one, other = old.promotions.get(key), new.promotions.get(key)
        turns = {since, *_ends_of(one), *_ends_of(other)}
        for at in sorted(turn for turn in turns if since <= turn < until):
            if _gives(one, at) != _gives(other, at):
                yield Clash(f"promotion {key}", at)
                break


def _ends_of(promotion: Promotion | None) -> set[int]:
    if promotion is None:
        return set()
    return {promotion.starts} if promotion.ends is None else {promotion.starts, promotion.ends}


def _gives(promotion: Promotion | None, at: int) -> object:
    """What it gives at an instant, and to whom; None where it does not run."""
    if promotion is None or promotion.starts > at or (promotion.ends is not None and promotion.ends <= at):
        return None
    rank = (promotion.lane, promotion.priority, promotion.exclusive, promotion.limited)
    return (*rank, promotion.conditions, promotion.benefit, promotion.cap, promotion.floor)
