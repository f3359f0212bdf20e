"""What a unit of a sku costs in a channel at an instant, and what it cost before."""

from pricing.rules.book import Item, Price
from pricing.rules.history import history_of
from pricing.rules.prepared import ALWAYS, LineFacts, Prepared, channel_prices, edges_of_prices, price_at
from pricing.rules.prior import Prior, prior_of
from pricing.rules.quoted import CannotQuote

SHIPPING_CLASS = "standard"
"""The tax class of what bringing it costs."""


def facts_of(prepared: Prepared, channel: str, sku: str, at: int) -> LineFacts:
    """What is known of a sku in a channel at an instant. Raises CannotQuote where it is not sold."""
    known = prepared.line_facts.get((channel, sku))
    if known is not None and known.begins <= at < known.ends:
        return known
    item = prepared.items.get(sku)
    if item is None:
        raise _missing(prepared, at, "unknown_sku", f"{sku!r} is not in this book.")
    found = _facts(prepared, channel, item, at)
    if found is None:
        raise _missing(prepared, at, "not_priced", f"{sku!r} has no price at this instant.")
    history = history_of(prepared, channel, item, at)
    prior = prior_of(history.steps, prepared.book.prior, at)
    begins = max(found.begins, prior.begins, history.good_from)
    ends = min(found.ends, history.good_until, ALWAYS if prior.ends is None else prior.ends)
    facts = found._replace(begins=begins, ends=ends, prior=prior.figure, reduced_from=prior.reduced_from)
    prepared.line_facts[channel, sku] = facts
    return facts


def shipping_facts(prepared: Prepared, channel: str, amount: int, at: int) -> LineFacts:
    """What bringing it costs, taxed at the standard rate; promotions on shipping find it by themselves."""
    del channel
    return LineFacts(at, at, amount, amount, _rate(prepared, SHIPPING_CLASS, at).amount, 0, None, 0, ())


def prior_at(prepared: Prepared, channel: str, sku: str, at: int) -> Prior:
    """The prior price of a sku in a channel at an instant, and the steps that it was found in."""
    return prior_of(history_of(prepared, channel, prepared.items[sku], at).steps, prepared.book.prior, at)


def _facts(prepared: Prepared, channel: str, item: Item, at: int) -> LineFacts | None:
    """Everything but the prior price; None where it is not sold."""
    recommended = price_at(item.recommended, at)
    if recommended is None:
        return None
    own = channel_prices(item, channel)
    price = price_at(own, at) or recommended
    rate = _rate(prepared, item.tax_class, at)
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
        prepared.at_cost(item, at),
        None,
        0,
        tuple(one for one in concerns if one.runner.runs(at)),
    )


def _rate(prepared: Prepared, tax_class: str, at: int) -> Price:
    rate = price_at(prepared.taxes.get(tax_class, ()), at)
    if rate is None:
        raise _missing(prepared, at, "not_taxed", f"There is no {tax_class} tax rate at this instant.")
    return rate


def _missing(prepared: Prepared, at: int, code: str, detail: str) -> CannotQuote:
    """Why something is not to be found. Beyond what the book foresees it does not say that there is nothing."""
    if at < prepared.book.complete_until:
        return CannotQuote(code, None, detail)
    return CannotQuote("beyond_book", None, f"{detail} The book is not complete so far ahead: a newer one may know.")
