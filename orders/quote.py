"""Quote baskets: what each costs now, in its channel, or why it cannot be bought. Written for many."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from catalog.on_sale import Sellable, on_sale, why_not_sold
from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import Refusal, UnknownReference
from orders.errors import NotPriced, NotTaxed
from orders.schemas import QuotedLine, QuoteView
from pricing.in_force import in_force
from pricing.rules import tax_of


class Basket(NamedTuple):
    """What somebody wants to buy in a channel: (sku, quantity) line by line."""

    channel: str
    lines: Sequence[tuple[str, int]]


class _Facts(NamedTuple):
    sellable: Mapping[tuple[str, str], Sellable]
    prices: Mapping[tuple[str, str], int]
    rates: Mapping[tuple[str, str], int]


async def quote_many(tx: ReadSession, baskets: Sequence[Basket], now: datetime) -> list[QuoteView | Refusal]:
    """Price every basket by what is in force at `now`; a basket that cannot be bought gets its refusal.

    Two statements, however many baskets and skus.
    """
    facts = await _gather(tx, baskets, now)
    quoted: dict[tuple[object, ...], QuoteView] = {}  # On a launch day most of them want the same.
    verdicts: list[QuoteView | Refusal] = []
    for basket in baskets:
        same = (basket.channel, *basket.lines)
        verdict = quoted.get(same) or _judged(basket, facts, now)
        if isinstance(verdict, QuoteView):
            quoted[same] = verdict
        verdicts.append(verdict)
    return verdicts


async def _gather(tx: ReadSession, baskets: Sequence[Basket], now: datetime) -> _Facts:
    pairs = {(basket.channel, sku) for basket in baskets for sku, _ in basket.lines}
    sellable = await on_sale(tx, sorted(pairs))
    priced = sorted({(thing.market, thing.sku) for thing in sellable.values()})
    now_in_force = await in_force(tx, priced, now)
    return _Facts(sellable, now_in_force.prices, now_in_force.rates)


def _judged(basket: Basket, facts: _Facts, now: datetime) -> QuoteView | Refusal:
    try:
        return _quoted(basket, facts, now)
    except Refusal as refusal:
        return refusal


def _quoted(basket: Basket, facts: _Facts, now: datetime) -> QuoteView:
    lines = []
    for n, (sku, quantity) in enumerate(basket.lines):
        thing = _buyable(basket.channel, sku, facts, now, f"lines[{n}].sku")
        lines.append(_line(n + 1, thing, quantity, facts, f"lines[{n}].sku"))
    return _summed(basket.channel, thing, lines, now)


def _buyable(channel: str, sku: str, facts: _Facts, now: datetime, field: str) -> Sellable:
    thing = facts.sellable.get((channel, sku))
    if thing is None:
        raise UnknownReference("channel", channel)
    refusal = why_not_sold(thing, field, now)
    if refusal is not None:
        raise refusal
    return thing


def _line(number: int, thing: Sellable, quantity: int, facts: _Facts, field: str) -> QuotedLine:
    price = facts.prices.get((thing.market, thing.sku))
    if price is None:
        raise NotPriced(field, thing.sku, thing.market)
    assert thing.tax_class is not None, "what may be sold has a tax class"
    rate = facts.rates.get((thing.market, thing.tax_class))
    if rate is None:
        raise NotTaxed(field, thing.tax_class, thing.market)
    total = price * quantity
    tax = tax_of(total, rate, included=thing.prices_include_tax)
    name = thing.name or thing.sku
    serials = bool(thing.serial_numbered)
    return QuotedLine(number, thing.sku, name, quantity, price, price, 0, rate, tax, total, serials)


def _summed(channel: str, any_thing: Sellable, lines: list[QuotedLine], now: datetime) -> QuoteView:
    currency = any_thing.currency
    subtotal = sum(line.unit_price * line.quantity for line in lines)
    discount = sum(line.discount_total for line in lines)
    tax = sum(line.tax_total for line in lines)
    total = subtotal - discount + (0 if any_thing.prices_include_tax else tax)
    return QuoteView(
        channel,
        any_thing.market,
        currency,
        any_thing.prices_include_tax,
        now,
        lines,
        Amount(subtotal, currency),
        Amount(discount, currency),
        Amount(tax, currency),
        Amount(total, currency),
    )
