"""Basket facts: what promotions that run must know of whoever buys, for many baskets in a few statements.

Where no promotion asks, nobody is looked up.
"""

from collections.abc import Sequence
from typing import NamedTuple

from commerce.kernel.db import ReadSession
from orders.customers.bought_before import STRANGER, Known, known_of
from orders.customers.identities import Who, identities_of
from pricing.promotions.unlock import Gone, Unlocked, unlocked_by, used_up
from pricing.rules import Needs, Prepared, needs_of
from pricing.rules.basket import Customer
from pricing.rules.codes import normal_code

_NO_NEEDS = Needs(customer=False, unique_codes=False, limited=(), first_purchase=())


class Asking(NamedTuple):
    """A basket as far as promotions ask who buys it; `book` is None where nothing of it can be bought."""

    channel: str
    codes: tuple[str, ...]
    buyer: Who | None
    book: Prepared | None


class UniqueCode(NamedTuple):
    """A unique code that was shown and that somebody made, in normal form."""

    code: str
    promotion: str
    """What it opens."""
    is_good: bool
    """Whether uses are left."""


class BasketFacts(NamedTuple):
    """What is known about a basket; the same for all baskets of which nothing must be known."""

    groups: tuple[str, ...] = ()
    first_purchase: bool = False
    unique: tuple[UniqueCode, ...] = ()
    """In the order in which they were shown."""
    used_up: tuple[str, ...] = ()
    asks_who: tuple[str, ...] = ()
    """Promotions that run and count each person's uses, where nobody in particular buys."""
    limited: tuple[str, ...] = ()
    """Promotions that run and whose uses are counted."""
    for_first: tuple[str, ...] = ()
    """Promotions that run and are for a first purchase."""

    @property
    def customer(self) -> Customer:
        """The same as the engine asks for it."""
        unlocked = sorted({one.promotion for one in self.unique})
        return Customer(list(self.groups), self.first_purchase, unlocked, list(self.used_up), list(self.asks_who))

    def code_for(self, promotion: str) -> str | None:
        """The unique code that opens a promotion, if one was shown: of several, one that has uses left."""
        mine = [one for one in self.unique if one.promotion == promotion]
        return max(mine, key=lambda one: one.is_good).code if mine else None


_PLAIN = BasketFacts()


async def facts_of_baskets(tx: ReadSession, baskets: Sequence[Asking], at: int) -> list[BasketFacts]:
    """What promotions may know of these baskets at an instant (in microseconds). Four statements at the most."""
    needs = _needs(baskets, at)
    if not any(need.customer or need.limited or (need.unique_codes and basket.codes)
               for need, basket in zip(needs, baskets, strict=True)):  # fmt: skip
        return [_PLAIN] * len(baskets)
    ask = [need.customer or bool(need.limited) for need in needs]
    buyers = [basket.buyer if asked else None for basket, asked in zip(baskets, ask, strict=True)]
    known = await known_of(tx, buyers) if any(buyers) else [STRANGER] * len(baskets)
    codes = [_codes(basket, need) for basket, need in zip(baskets, needs, strict=True)]
    unlocked = await unlocked_by(tx, {code for of_basket in codes for code in of_basket})
    limited = sorted({promotion for need in needs for promotion in need.limited})
    customers = sorted({customer for one in known for customer in one.customers})
    gone = await used_up(tx, limited, customers)
    return [
        _about(need, buyer, one, gone, [(unlocked[code], code[1]) for code in shown if code in unlocked])
        for need, buyer, one, shown in zip(needs, buyers, known, codes, strict=True)
    ]


def _about(
    need: Needs, buyer: Who | None, known: Known, gone: Gone, shown: Sequence[tuple[Unlocked, str]]
) -> BasketFacts:
    """What is known about one basket. A code that is used up opens its promotion too, which is used up then."""
    named = buyer is not None and bool(identities_of(buyer))
    unique = tuple(UniqueCode(code, one.promotion_id, one.uses_left > 0) for one, code in shown)
    spent = {one.promotion for one in unique} - {one.promotion for one in unique if one.is_good}
    return BasketFacts(
        known.groups,
        named and not known.bought,
        unique,
        tuple(sorted((gone.for_customers(known.customers) | spent) & set(need.limited))),
        () if named else tuple(sorted(gone.per_person.keys() & set(need.limited))),
        need.limited,
        need.first_purchase,
    )


def _needs(baskets: Sequence[Asking], at: int) -> list[Needs]:
    """What each must be asked about; a channel's promotions are looked through once for all of its baskets."""
    books = {basket.channel: basket.book for basket in baskets if basket.book is not None}
    by_channel = {channel: needs_of(book, channel, at) for channel, book in books.items()}
    return [by_channel.get(basket.channel, _NO_NEEDS) for basket in baskets]


def _codes(basket: Asking, need: Needs) -> list[tuple[str, str]]:
    """The codes to look up, by market and in normal form."""
    if not need.unique_codes or basket.book is None:
        return []
    market = basket.book.book.market
    return [(market, code) for code in map(normal_code, basket.codes) if code is not None]
