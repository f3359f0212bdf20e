"""What one unit costs whoever walks in: what a shelf shows, and what a quote of one unit charges."""

from typing import NamedTuple

from pricing.rules.basket import Customer
from pricing.rules.discounting import Asked, discount
from pricing.rules.facts import facts_of
from pricing.rules.prepared import Prepared
from pricing.rules.quoted import PriorPrice
from pricing.rules.working import Line

ANYBODY = Customer()
"""Somebody of whom nothing is known, while no use is gone."""


class UnitPrice(NamedTuple):
    """A unit's prices, in minor units."""

    recommended: int
    price: int
    """The channel's, before promotions."""
    reduced: int
    """After the promotions that apply to just this."""
    prior: PriorPrice | None
    """Where it costs less than it did before it was reduced."""
    promotions: tuple[str, ...]
    """Those that reduce it."""


def unit_price(
    prepared: Prepared, channel: str, sku: str, at: int, store: str | None = None, customer: Customer = ANYBODY
) -> UnitPrice:
    """What one unit costs in a channel, or in a store of it, at an instant. Raises CannotQuote where it is not sold.

    By itself it knows of no promotion whose uses are gone: `customer` says so.
    """
    facts = facts_of(prepared, channel, sku, at)
    line = Line(sku, 0, sku, 1, facts)
    discount([line], Asked(at, prepared.book.time_zone.offsets, store, customer, frozenset(), None))
    landed = tuple(one.promotion for one in line.reductions)
    return UnitPrice(facts.recommended, facts.price, line.net, line.prior, landed)
