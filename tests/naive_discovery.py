"""Pairs and gaps by the letter of their definitions: slow, plain, with every test worked out in fractions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import comb

from tests import naive_attach as plain
from tests.attach_world import Asked, History
from tests.naive_attach import Known, Seen

Which = tuple[str, str, str]
"""The group, the anchor and the attach."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of pairs beside the scope (and the window) of a question."""

    basis: str
    level: str
    per: str | None = None
    later_only: bool = False


@dataclass(frozen=True)
class Numbers:
    """What is counted for a pair."""

    whole: int
    anchors: int
    attaches: int
    both: int
    open: int | None


def pairs(history: History, asked: Asked, wanted: Wanted) -> dict[Which, Numbers]:
    """The numbers of every two things in every group, also of those that never came together."""
    known = plain.all_known(history, asked)
    found = {}
    for group in groups(history, wanted.per):
        scoped = [one for one in scope(known, asked) if group in {"", named(one, wanted.per)}]
        of_all = things(known, known.orders, wanted.level)
        for anchor, attach in product(of_all, of_all):
            if anchor != attach:
                count = of_orders if wanted.basis == "orders" else of_customers
                found[group, anchor, attach] = count(known, asked, scoped, wanted, (anchor, attach))
    return found


def groups(history: History, per: str | None) -> list[str]:
    """Every channel, or every kind, or everything as one."""
    return sorted({"" if per is None else channel_name(one.code, one.kind, per) for one in history.channels})


def named(order: Seen, per: str | None) -> str:
    """The group of an order."""
    return "" if per is None else channel_name(order.channel.code, order.channel.kind, per)


def channel_name(code: str, kind: str, per: str) -> str:
    """What a channel's orders are counted under."""
    return {"channel": code, "channel_kind": kind}[per]


def scope(known: Known, asked: Asked) -> list[Seen]:
    """The orders of which something is left, in the period, as filtered."""
    return [one for one in known.orders if left(one) and plain.is_in_period(one, asked) and plain.is_wanted(one, asked)]


def left(order: Seen) -> list[str]:
    """The skus of which something is left."""
    return [sku for sku, units in order.units.items() if units > 0]


def things(known: Known, orders: Iterable[Seen], level: str) -> list[str]:
    """All that orders hold."""
    return sorted({thing for one in orders for thing in held(known, one, level)})


def held(known: Known, order: Seen, level: str) -> set[str]:
    """What an order holds."""
    return {called(known, sku, level) for sku in left(order)}


def called(known: Known, sku: str, level: str) -> str:
    """What a sku is a part of."""
    [one] = [one for one in known.variants if one.code == sku]
    names = {"sku": one.code, "product": one.product, "category": one.category}
    return plain.branch_of(known, one.category)[-1] if level == "top_category" else names[level]


def of_orders(known: Known, asked: Asked, scoped: Sequence[Seen], wanted: Wanted, two: tuple[str, str]) -> Numbers:
    """Orders, those with one, with the other, with both."""
    del asked
    anchor, attach = two
    kept = [held(known, one, wanted.level) for one in scoped]
    return Numbers(
        len(kept),
        sum(anchor in one for one in kept),
        sum(attach in one for one in kept),
        sum(anchor in one and attach in one for one in kept),
        None,
    )


def of_customers(known: Known, asked: Asked, scoped: Sequence[Seen], wanted: Wanted, two: tuple[str, str]) -> Numbers:
    """Customers, those with the anchor, those who came by the attach in time, those with both."""
    anchor, attach = two
    people = {one.person for one in scoped if one.person is not None}
    anchors, attaches, both, still_open = 0, 0, 0, 0
    for person in people:
        theirs = in_order(one for one in scoped if one.person == person)
        with_anchor = [one for one in theirs if anchor in held(known, one, wanted.level)]
        followed_from = first(with_anchor or theirs)
        came = comes(known, asked, followed_from, attach, wanted)
        attaches += came
        if with_anchor:
            anchors += 1
            both += came
            still_open += is_open(followed_from, asked)
    return Numbers(len(people), anchors, attaches, both, still_open)


def in_order(orders: Iterable[Seen]) -> list[Seen]:
    """Orders as they came."""
    return sorted(orders, key=lambda one: one.place)


def first(orders: Sequence[Seen]) -> Seen:
    """The first of them."""
    return orders[0]


def comes(known: Known, asked: Asked, order: Seen, attach: str, wanted: Wanted) -> bool:
    """Whether the attach is in this order, or in a later one of the same customer in time."""
    return any(
        attach in held(known, other, wanted.level) and counts(order, other, asked, wanted)
        for other in known.of_person[order.person or ""]
    )


def counts(order: Seen, other: Seen, asked: Asked, wanted: Wanted) -> bool:
    """Whether what an order holds counts for one that is followed."""
    if other.sale.number == order.sale.number:
        return not wanted.later_only
    return plain.is_before(order, other) and plain.is_in_window(order, other, asked)


def is_open(order: Seen, asked: Asked) -> bool:
    """Whether the window is not over."""
    return not plain.is_over(order, asked)


def gaps(history: History, asked: Asked, level: str) -> dict[str, dict[str, tuple[int, int]]]:
    """Units and orders of each thing (and of everything, as "") by kind of channel."""
    known = plain.all_known(history, asked)
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for thing in ("", *things(known, known.orders, level)):
        found[thing] = {}
        for kind in ("online", "retail"):
            scoped = [one for one in scope(known, asked) if one.channel.kind == kind]
            units = [units_of(known, one, thing, level) for one in scoped]
            found[thing][kind] = sum(units), sum(number > 0 for number in units)
    return found


def units_of(known: Known, order: Seen, thing: str, level: str) -> int:
    """How many units of a thing an order holds, or of everything."""
    return sum(units for sku, units in order.units.items() if units > 0 and thing in {"", called(known, sku, level)})


def at_least(hits: int, marked: int, drawn: int, whole: int) -> Fraction:
    """The chance of so many hits or more."""
    ways = sum(comb(marked, one) * comb(whole - marked, drawn - one) for one in range(hits, min(marked, drawn) + 1))
    return Fraction(ways, comb(whole, drawn))


def either_way(hits: int, marked: int, drawn: int, whole: int) -> Fraction:
    """Twice the rarer of so many or more, and so few or fewer."""
    fewer = 1 - at_least(hits + 1, marked, drawn, whole)
    return min(Fraction(1), 2 * min(at_least(hits, marked, drawn, whole), fewer))


def guarded(chance: Fraction, chances: Sequence[Fraction]) -> Fraction:
    """Benjamini and Hochberg: the least that any chance at least as great comes to, by how many are no greater."""
    return min(
        Fraction(len(chances)) * one / sum(other <= one for other in chances) for one in chances if one >= chance
    )
