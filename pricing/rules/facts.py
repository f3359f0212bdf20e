"""What a unit of a sku costs in a channel at an instant, and what it cost before."""

from collections.abc import Iterable

from pricing.rules.basket import Customer
from pricing.rules.book import Item, Price
from pricing.rules.discounting import Asked, discount
from pricing.rules.local_time import DAY, edges_of
from pricing.rules.prepared import (
    ALWAYS,
    Concern,
    LineFacts,
    Prepared,
    channel_prices,
    edges_of_prices,
    price_at,
)
from pricing.rules.prior import Prior, Step, prior_of, steps_of
from pricing.rules.quoted import CannotQuote
from pricing.rules.working import Line

_NOBODY = Customer()
_SHIPPING_CLASS = "standard"


def facts_of(prepared: Prepared, channel: str, sku: str, at: int) -> LineFacts:
    """What is known of a sku in a channel at an instant. Raises CannotQuote where it is not sold."""
    known = prepared.line_facts.get((channel, sku))
    if known is not None and known.begins <= at < known.ends:
        return known
    item = prepared.items.get(sku)
    if item is None:
        raise CannotQuote("unknown_sku", None, f"{sku!r} is not in this book.")
    found = _facts(prepared, channel, item, at)
    if found is None:
        raise CannotQuote("not_priced", None, f"{sku!r} has no price at this instant.")
    prior = prior_at(prepared, channel, sku, at)
    begins = found.begins if prior.begins is None else max(found.begins, prior.begins)
    ends = found.ends if prior.ends is None else min(found.ends, prior.ends)
    begins, ends = _between_hours(prepared, found.concerns, at, (begins, ends))
    facts = found._replace(prior=prior.figure, begins=begins, ends=ends)
    prepared.line_facts[channel, sku] = facts
    return facts


def shipping_facts(prepared: Prepared, channel: str, amount: int, at: int) -> LineFacts:
    """What bringing it costs, taxed at the standard rate; promotions on shipping find it by themselves."""
    del channel
    return LineFacts(at, at, amount, amount, _rate(prepared, _SHIPPING_CLASS, at).amount, 0, None, ())


def prior_at(prepared: Prepared, channel: str, sku: str, at: int) -> Prior:
    """The prior price of a sku in a channel at an instant, and the steps that it was found in."""
    return prior_of(applied_steps(prepared, channel, sku, at), prepared.book.prior, at)


def applied_steps(prepared: Prepared, channel: str, sku: str, at: int) -> list[Step]:
    """What a unit cost anybody in a channel, as far back as the prior price at this instant may have to look."""
    rule = prepared.book.prior
    since = at - (rule.announced_days + rule.window_days) * DAY
    item = prepared.items[sku]
    edges = {since}
    for prices in (item.recommended, channel_prices(item, channel)):
        edges |= {edge for edge in edges_of_prices(prices) if since < edge <= at}
    for concern in prepared.concerns(channel, item):
        edges |= _edges_of(prepared, concern, since, at)
    return steps_of(sorted(edges), lambda edge: _applied(prepared, channel, item, edge))


def _edges_of(prepared: Prepared, concern: Concern, since: int, until: int) -> set[int]:
    """When a promotion that everybody can have begins and ends."""
    promotion = concern.runner.promotion
    if not concern.runner.is_public or promotion.starts > until or (promotion.ends or ALWAYS) <= since:
        return set()
    edges = {edge for edge in (promotion.starts, promotion.ends) if edge is not None and since < edge <= until}
    hours = promotion.conditions.hours
    if hours:
        first, last = max(since, promotion.starts), min(until, promotion.ends or ALWAYS)
        edges |= set(edges_of(hours, prepared.book.time_zone.offsets, first, last))
    return edges


def _applied(prepared: Prepared, channel: str, item: Item, at: int) -> int | None:
    """What one unit cost anybody in a channel: the lowest, where its stores differed. An online channel has none."""
    facts = _facts(prepared, channel, item, at)
    if facts is None:
        return None
    public = facts._replace(concerns=tuple(one for one in facts.concerns if one.runner.is_public))
    if not public.concerns:
        return facts.price
    stores = {store for one in public.concerns for store in one.runner.promotion.conditions.stores}
    if channel in prepared.online:
        stores.clear()
    offsets = prepared.book.time_zone.offsets
    lowest = facts.price
    for store in (None, *sorted(stores)):
        line = Line(item.sku, item.sku, 1, public)
        discount([line], Asked(at, offsets, store, _NOBODY, frozenset(), None))
        lowest = min(lowest, line.net)
    return lowest


def _facts(prepared: Prepared, channel: str, item: Item, at: int) -> LineFacts | None:
    """Everything but the prior price; None where it is not sold."""
    recommended = price_at(item.recommended, at)
    if recommended is None:
        return None
    own = channel_prices(item, channel)
    price = price_at(own, at) or recommended
    rate = _rate(prepared, item.tax_class, at)
    cost = price_at(item.costs, at)
    concerns = prepared.concerns(channel, item)
    edges = edges_of_prices(item.recommended) | edges_of_prices(own) | edges_of_prices(item.costs)
    edges |= edges_of_prices(prepared.taxes[item.tax_class])
    edges |= {
        edge
        for one in concerns
        for edge in (one.runner.promotion.starts, one.runner.promotion.ends)
        if edge is not None
    }
    return LineFacts(
        max((edge for edge in edges if edge <= at), default=-ALWAYS),
        min((edge for edge in edges if edge > at), default=ALWAYS),
        recommended.amount,
        price.amount,
        rate.amount,
        cost.amount if cost is not None else 0,
        None,
        tuple(one for one in concerns if one.runner.runs(at)),
    )


def _rate(prepared: Prepared, tax_class: str, at: int) -> Price:
    rate = price_at(prepared.taxes.get(tax_class, ()), at)
    if rate is None:
        raise CannotQuote("not_taxed", None, f"There is no {tax_class} tax rate at this instant.")
    return rate


def _between_hours(
    prepared: Prepared, concerns: Iterable[Concern], at: int, limits: tuple[int, int]
) -> tuple[int, int]:
    """From when until when a prior price holds that changes with the hours of the week, within these limits."""
    begins, ends = limits
    for one in concerns:
        hours = one.runner.promotion.conditions.hours
        if hours and one.runner.is_public:
            edges = list(edges_of(hours, prepared.book.time_zone.offsets, at - 8 * DAY, at + 8 * DAY))
            begins = max([begins, *(edge for edge in edges if edge <= at)])
            ends = min([ends, *(edge for edge in edges if edge > at)])
    return begins, ends
