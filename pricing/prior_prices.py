"""Prior prices: what is to be announced beside a reduced price (Directive 98/6/EC, article 6a), and the evidence."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import msgspec

from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import NotFound, UnknownReference
from pricing.beliefs import charge_history
from pricing.books.compile import known_since
from pricing.books.current import CurrentBooks
from pricing.books.zones import instant_of, microseconds
from pricing.errors import BeyondTheBooks
from pricing.rules import Prepared, prepare, unit_price
from pricing.rules.book import Book
from pricing.rules.facts import prior_at
from pricing.rules.prior import Prior
from pricing.rules.quoted import CannotQuote
from pricing.schemas import ChargeView, PriorEvidenceView, PriorPriceView, PriorRuleView


class _Asked(NamedTuple):
    """A sku in a channel, and a book of what has to do with it."""

    book: Prepared
    channel: str
    sku: str
    stores: Sequence[str | None]
    """No store, and each that some promotion names."""

    def unit(self, at: int) -> tuple[int, str | None, list[str]] | None:
        """What a unit cost anybody, where it cost the least, and by which promotions; None where it was not sold."""
        try:
            found = [(unit_price(self.book, self.channel, self.sku, at, store), store) for store in self.stores]
        except CannotQuote:
            return None
        unit, store = min(found, key=lambda one: one[0].reduced)
        return unit.reduced, store, list(unit.promotions)


async def prior_price(books: CurrentBooks, tx: ReadSession, channel: str, sku: str, at: datetime) -> PriorPriceView:
    """The prior price of a sku in a channel at an instant, with what each price of the days before it came from.

    It is said by the current book, or, where that does not reach back so far, by the one that was current then. Best
    asked in a snapshot, once `of_channel` has seen to it that the current book is not over. Raises UnknownReference,
    NotFound for a market without a book, BeyondTheBooks.
    """
    history = await charge_history(tx, channel, sku, None)
    current = await books.last_of_channel(tx, channel)
    if current is None:
        raise NotFound("price book", history.market)
    found = _found(current, channel, sku, at)
    if found is None:
        then = await books.that_was_current(tx, channel, at)
        found = None if then is None else _found(then, channel, sku, at)
    if found is None:
        book = current.book
        raise BeyondTheBooks("at", at, book.number, known_since(book), instant_of(book.complete_until))
    # It is worked out anew for each piece of the evidence, in which others want answers.
    return await asyncio.to_thread(_view, *found, history.prices, at)


def _found(whole: Prepared, channel: str, sku: str, at: datetime) -> tuple[_Asked, Prior] | None:
    """What a book says; None where it does not know all that the answer depends on.

    Raises UnknownReference for a sku that was not sold in any of the time around the instant that the book knows.
    """
    known, until = known_since(whole.book), instant_of(whole.book.complete_until)
    if not known <= at < until:
        return None
    item = whole.items.get(sku)
    if item is None:
        raise UnknownReference("sku", sku)
    # Asked by itself: looking back must not push out what the shop has at hand for its quotes.
    promotions = [one.runner.promotion for one in whole.concerns(channel, item)]
    book = prepare(msgspec.structs.replace(whole.book, items=[item], promotions=promotions))
    prior = prior_at(book, channel, sku, microseconds(at))
    if _looks_back_to(book.book, prior, at) < known:
        return None
    named = {store for one in promotions for store in one.conditions.stores}
    stores = [None] if channel in book.online else [None, *sorted(named)]
    return _Asked(book, channel, sku, stores), prior


def _looks_back_to(book: Book, prior: Prior, at: datetime) -> datetime:
    """The earliest instant whose price the answer depends on."""
    window, announced = timedelta(days=book.prior.window_days), timedelta(days=book.prior.announced_days)
    if prior.figure is not None:
        return min(instant_of(prior.figure.since) - window, at - announced)
    return at - announced - window if prior.evidence else at - announced


def _view(asked: _Asked, prior: Prior, charges: Sequence[ChargeView], at: datetime) -> PriorPriceView:
    book = asked.book.book
    figure = prior.figure
    try:
        price = unit_price(asked.book, asked.channel, asked.sku, microseconds(at)).reduced
    except CannotQuote:
        price = None
    return PriorPriceView(
        channel=asked.channel,
        market=book.market,
        sku=asked.sku,
        at=at,
        book=book.number,
        price=_amount(price, book),
        prior=_amount(None if figure is None else figure.amount, book),
        since=None if figure is None else instant_of(figure.since),
        rule=PriorRuleView(**msgspec.structs.asdict(book.prior)),
        evidence=_joined(_evidence(asked, prior, charges)),
    )


def _evidence(asked: _Asked, prior: Prior, charges: Sequence[ChargeView]) -> Iterator[PriorEvidenceView]:
    """The window, cut wherever a price, or what made it, may have changed."""
    if prior.figure is None:
        return
    opens, over = prior.evidence[0].begins, prior.figure.since
    edges = {step.begins for step in prior.evidence}
    edges |= {microseconds(at) for one in charges for at in (one.valid_from, one.valid_to) if at is not None}
    edges |= {at for one in asked.book.book.promotions for at in (one.starts, one.ends) if at is not None}
    within = sorted({opens, over, *(edge for edge in edges if opens < edge < over)})
    for begins, ends in pairwise(within):
        unit, begun = asked.unit(begins), instant_of(begins)
        price, store, promotions = unit if unit is not None else (None, None, [])
        yield PriorEvidenceView(
            begins=begun,
            ends=instant_of(ends),
            price=_amount(price, asked.book.book),
            store=store,
            promotions=promotions,
            charge=next((one for one in charges if _covers(one, begun)), None),
        )


def _covers(charge: ChargeView, at: datetime) -> bool:
    begins, ends = charge.valid_from, charge.valid_to
    return begins is not None and begins <= at and (ends is None or at < ends)


def _joined(pieces: Iterable[PriorEvidenceView]) -> list[PriorEvidenceView]:
    """Neighbours that say the same, as one."""
    joined: list[PriorEvidenceView] = []
    for one in pieces:
        last = joined[-1] if joined else None
        if last is not None and last == msgspec.structs.replace(one, begins=last.begins, ends=last.ends):
            joined[-1] = msgspec.structs.replace(last, ends=one.ends)
        else:
            joined.append(one)
    return joined


def _amount(minor: int | None, book: Book) -> Amount | None:
    return None if minor is None else Amount(minor, book.currency)
