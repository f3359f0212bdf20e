"""How long a quote holds, and what must be known of a customer to give it."""

from typing import NamedTuple

from pricing.rules.basket import Basket
from pricing.rules.book import Price
from pricing.rules.facts import facts_of
from pricing.rules.local_time import DAY, edges_of
from pricing.rules.prepared import Prepared, edges_of_prices


class Needs(NamedTuple):
    """What decides about promotions that run in a channel, besides the basket itself."""

    customer: bool
    """Groups or earlier purchases."""
    unique_codes: bool
    limited: tuple[str, ...]
    """Promotions that may be used up."""
    first_purchase: tuple[str, ...]
    """Promotions that are for a first purchase."""


def needs_of(prepared: Prepared, channel: str, at: int) -> Needs:
    """What must be looked up before a basket is quoted in a channel."""
    running = [one.promotion for one in prepared.runners(channel, at)]
    asked = [promotion.conditions for promotion in running]
    return Needs(
        any(asks.groups or asks.first_purchase for asks in asked),
        any(asks.unique_codes for asks in asked),
        tuple(promotion.id for promotion in running if promotion.limited),
        tuple(promotion.id for promotion in running if promotion.conditions.first_purchase),
    )


def holds_until(prepared: Prepared, basket: Basket, at: int) -> int:
    """Up to which instant the same basket costs the same by this book. Raises CannotQuote where it has no price."""
    edges = {facts_of(prepared, basket.channel, line.sku, at).ends for line in basket.lines}
    edges.add(prepared.running(basket.channel, at).ends)
    rates: list[Price] = [rate for rates in prepared.taxes.values() for rate in rates]
    edges |= {edge for edge in edges_of_prices(rates) if edge > at}
    for one in prepared.runners(basket.channel, at):
        hours = one.promotion.conditions.hours
        edges |= set(edges_of(hours, prepared.book.time_zone.offsets, at, at + 8 * DAY)) if hours else set()
    return min(edges)
