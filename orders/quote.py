"""Quote baskets: what each costs now, in its channel, or why it cannot be bought. Written for many.

Prices, promotions and taxes come from the market's price book and from nowhere else, by the same engine that a till
has: whoever holds the book can work out every figure again.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from catalog.on_sale import Sellable, on_sale, why_not_sold
from commerce.kernel.bodies import Amount
from commerce.kernel.db import Session
from commerce.kernel.refusals import Refusal, UnknownReference
from orders.basket_facts import Asking, BasketFacts, UniqueCode, facts_of_baskets
from orders.customers.identities import Who
from orders.errors import MixedCurrency, NotPriced, NotTaxed
from orders.schemas import DiscountView, GiftView, PriorPriceView, QuotedLine, QuoteView, ShippingView, VerdictView
from pricing.books.current import CurrentBooks
from pricing.rules import SHIPPING_CLASS, Prepared, holds_until, quote
from pricing.rules import basket as engine
from pricing.rules.quoted import CannotQuote, PriorPrice, QuotedShipping
from pricing.rules.quoted import Quote as Worked
from pricing.rules.quoted import QuotedLine as WorkedLine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNTOUCHED = frozenset({"no_matching_item"})


class Basket(NamedTuple):
    """What somebody wants to buy in a channel: (sku, quantity) line by line; at a till, also in which store."""

    channel: str
    lines: Sequence[tuple[str, int]]
    store: str | None = None
    codes: tuple[str, ...] = ()
    buyer: Who | None = None
    shipping: Amount | None = None
    explain: bool = False


class Quoted(NamedTuple):
    """What a basket costs, and what must be counted if it is bought."""

    view: QuoteView
    uses: tuple[tuple[str, str | None], ...]
    """Promotions whose uses are counted, with the unique code that opened each, if one did."""
    first_for: str | None
    """A promotion that was given because this is the buyer's first purchase."""
    book: Prepared
    asked: engine.Basket
    """What the book was asked."""
    worked: Worked
    """What it said."""
    unique: Sequence[UniqueCode]
    """The unique codes that were shown and that somebody made."""
    off_the_shelf: datetime
    """When the first of what it shows is sold no more."""

    def holds_until(self, now: datetime) -> datetime:
        """Until when it stays so, by the book and the catalog as they are. Only who keeps a quote has to know."""
        return instant_of(min(holds_until(self.book, self.asked, micros(now)), micros(self.off_the_shelf)))


class _Facts(NamedTuple):
    sellable: Mapping[tuple[str, str], Sellable]
    books: Mapping[str, Prepared]


async def quote_many(
    books: CurrentBooks, tx: Session, baskets: Sequence[Basket], now: datetime
) -> list[Quoted | Refusal]:
    """Price every basket by the book that holds now; a basket that cannot be bought gets its refusal.

    Two statements, however many baskets and skus; up to four more where promotions that run ask who buys, which codes
    are good, or whether their uses are gone.
    """
    pairs = {(basket.channel, sku) for basket in baskets for sku, _ in basket.lines}
    sellable = await on_sale(tx, sorted(pairs))
    markets = {thing.market for thing in sellable.values()}
    facts = _Facts(sellable, await books.exactly(tx, markets, now) if markets else {})
    known = await facts_of_baskets(tx, [_asking(basket, facts) for basket in baskets], micros(now))
    quoted: dict[tuple[object, ...], Quoted] = {}  # On a launch day most of them want the same.
    verdicts: list[Quoted | Refusal] = []
    for basket, about in zip(baskets, known, strict=True):
        same = (basket.channel, basket.store, basket.codes, basket.shipping, basket.explain, about, *basket.lines)
        verdict = quoted.get(same) or _judged(basket, about, facts, now)
        if isinstance(verdict, Quoted):
            quoted[same] = verdict
        verdicts.append(verdict)
    return verdicts


def micros(instant: datetime) -> int:
    """An instant as books have it."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(microseconds: int) -> datetime:
    """An instant of a book as everybody else has it."""
    return _EPOCH + microseconds * _MICROSECOND


def _asking(basket: Basket, facts: _Facts) -> Asking:
    things = (facts.sellable.get((basket.channel, sku)) for sku, _ in basket.lines)
    market = next((thing.market for thing in things if thing is not None), None)
    return Asking(basket.channel, basket.codes, basket.buyer, facts.books.get(market) if market is not None else None)


def _judged(basket: Basket, about: BasketFacts, facts: _Facts, now: datetime) -> Quoted | Refusal:
    try:
        return _quoted(basket, about, facts, now)
    except Refusal as refusal:
        return refusal


def _quoted(basket: Basket, about: BasketFacts, facts: _Facts, now: datetime) -> Quoted:
    things = [_buyable(basket.channel, sku, facts, now, f"lines[{n}].sku") for n, (sku, _) in enumerate(basket.lines)]
    prepared = facts.books.get(things[0].market)
    if prepared is None:
        raise NotPriced("lines[0].sku", things[0].sku, things[0].market)
    keys = keys_of(basket.lines)
    asked = engine.Basket(
        channel=basket.channel,
        store=basket.store,
        lines=[engine.BasketLine(key, sku, units) for key, (sku, units) in zip(keys, basket.lines, strict=True)],
        codes=list(basket.codes),
        shipping=_shipping_asked(basket, prepared.book.currency),
        customer=about.customer,
    )
    try:
        worked = quote(prepared, asked, micros(now))
    except CannotQuote as no:
        raise _refusal(no, keys, things) from no
    limited = set(about.limited)
    uses = tuple(
        (one.promotion, about.code_for(one.promotion)) for one in worked.verdicts
        if one.applied and one.promotion in limited
    )  # fmt: skip
    first_for = next(
        (one.promotion for one in worked.verdicts if one.applied and one.promotion in about.for_first), None
    )
    view = _view(basket, things, worked, keys, now)
    return Quoted(view, uses, first_for, prepared, asked, worked, about.unique, _catalog_until(things, now))


def _shipping_asked(basket: Basket, currency: str) -> int:
    if basket.shipping is None:
        return 0
    if basket.shipping.currency != currency:
        raise MixedCurrency("shipping.currency", currency, basket.shipping.currency)
    return basket.shipping.amount


def keys_of(lines: Sequence[tuple[str, int]]) -> list[str]:
    """A key for each line by its place among them all: by sku, and the largest of a sku first.

    So the order in which they came decides nothing, and a line more leaves the others in theirs.
    """
    keys = [""] * len(lines)
    for rank, n in enumerate(sorted(range(len(lines)), key=lambda n: (lines[n][0], -lines[n][1], n))):
        keys[n] = f"{rank:04d}"
    return keys


def _buyable(channel: str, sku: str, facts: _Facts, now: datetime, field: str) -> Sellable:
    thing = facts.sellable.get((channel, sku))
    if thing is None:
        raise UnknownReference("channel", channel)
    refusal = why_not_sold(thing, field, now)
    if refusal is not None:
        raise refusal
    return thing


def _catalog_until(things: Sequence[Sellable], now: datetime) -> datetime:
    """When the first of these is taken off the shelf."""
    return min((thing.visible_to for thing in things if thing.visible_to is not None), default=now + timedelta(days=1))


def _refusal(no: CannotQuote, keys: Sequence[str], things: Sequence[Sellable]) -> Refusal:
    if no.code == "not_taxed" and no.line is None:  # Of all that is taxed only the shipping is no line.
        return NotTaxed("shipping", SHIPPING_CLASS, things[0].market)
    n = keys.index(no.line) if no.line in keys else 0
    thing, field = things[n], f"lines[{n}].sku"
    if no.code == "not_taxed":
        return NotTaxed(field, thing.tax_class or "standard", thing.market)
    return NotPriced(field, thing.sku, thing.market)


def _view(basket: Basket, things: Sequence[Sellable], worked: Worked, keys: Sequence[str], now: datetime) -> QuoteView:
    by_key = {line.key: line for line in worked.lines}
    lines = [_line(n + 1, thing, by_key[key]) for n, (key, thing) in enumerate(zip(keys, things, strict=True))]
    shown = frozenset() if basket.explain else _UNTOUCHED

    def amount(minor: int) -> Amount:
        return Amount(minor, worked.currency)

    return QuoteView(
        basket.channel,
        worked.market,
        worked.currency,
        worked.prices_include_tax,
        now,
        lines,
        amount(worked.subtotal),
        amount(worked.discount),
        amount(worked.tax),
        amount(worked.total),
        worked.book,
        [VerdictView(v.promotion, v.applied, v.reason, v.amount) for v in worked.verdicts if v.reason not in shown],
        [GiftView(gift.promotion, gift.sku, gift.quantity) for gift in worked.gifts],
        _shipping(worked.shipping),
    )


def _line(number: int, thing: Sellable, worked: WorkedLine) -> QuotedLine:
    return QuotedLine(
        number,
        thing.sku,
        thing.name or thing.sku,
        worked.quantity,
        worked.recommended,
        worked.price,
        worked.discount,
        worked.tax_rate_bp,
        worked.tax,
        worked.total,
        bool(thing.serial_numbered),
        [DiscountView(one.promotion, one.amount) for one in worked.discounts],
        prior_view(worked.prior),
    )


def _shipping(worked: QuotedShipping | None) -> ShippingView | None:
    if worked is None:
        return None
    discounts = [DiscountView(one.promotion, one.amount) for one in worked.discounts]
    return ShippingView(worked.amount, worked.total, worked.tax, discounts)


def prior_view(prior: PriorPrice | None) -> PriorPriceView | None:
    """A prior price as everybody sees it."""
    return None if prior is None else PriorPriceView(prior.amount, instant_of(prior.since))
