"""Book till sales: the goods have left with the buyer and were paid for. Written for many.

Prices and tenders are checked, since the till asks before the buyer goes. Stock is not: what is gone is gone, and
what we thought was not there becomes a case for a person.
"""

from collections.abc import Container, Sequence
from datetime import datetime
from functools import partial

import msgspec

from catalog.open_locations import OpenLocation, open_locations
from commerce.kernel.access import WrongLocation
from commerce.kernel.db import Session
from commerce.kernel.idempotency import Answer, Call, Replay
from commerce.kernel.ids import order_number
from commerce.kernel.outbox import told
from commerce.kernel.refusals import Refusal
from commerce.kernel.rows import Rows
from inventory.draw import Drawn, Shortfall, draw_stock
from inventory.rules import merge_wants
from orders.buyers import find_buyers, who
from orders.desk import Desk
from orders.errors import MixedCurrency, SerialAlreadySold, StaleTotal
from orders.events import TillSaleBooked
from orders.payments.ledger import Entry, entered
from orders.payments.rules import Settled, settle
from orders.payments.tenders import shown, taken
from orders.promotion_uses import claim_at_the_end, claim_or_refuse
from orders.quote import Basket, Quoted, quote_many
from orders.record import Happening, line_view, noted, order_rows
from orders.reports.facts import write_sold
from orders.rules import Fulfilment, NumberedLine, OrderState, normal_serials, serials_must_fit
from orders.schemas import OrderView, QuotedLine, QuoteView, SoldLineBody, TillSaleBody
from orders.send import Sent, record_shipments
from orders.serials import Claim, Device, claim_devices, sold_before
from pricing.books.current import CurrentBooks


class BookSale(msgspec.Struct, frozen=True):
    """A till's sale, and the call that must be safe to repeat."""

    call: Call
    body: TillSaleBody


class _Case(msgspec.Struct):
    """A sale that adds up."""

    sale: BookSale
    quote: QuoteView
    uses: tuple[tuple[str, str | None], ...]
    first_for: str | None
    tenders: list[Settled]
    serials: list[list[str]]
    """Line by line."""
    customer: str | None = None

    @property
    def order_id(self) -> str:
        """The sale's own id."""
        return self.sale.body.id


async def book_sales(
    books: CurrentBooks, tx: Session, sales: Sequence[BookSale], now: datetime
) -> list[Answer | Refusal | Replay]:
    """Book many sales in one transaction, in the order they came; each is answered as if it had come alone.

    Raises NotTogetherError for sales that must see what became of others.
    """
    desk: Desk[BookSale, _Case] = Desk(sales)
    await desk.set_aside_what_was_answered(tx, lambda sale: (sale.call, sale.body))
    await desk.refuse_known_orders(tx, lambda sale: sale.body.id, replay_same=True)
    await _check(books, tx, desk, now)
    await claim_or_refuse(tx, desk)
    cases = desk.cases()
    if not cases:
        return desk.verdicts()
    shortfalls = await draw_stock(tx, [_drawn(case) for case in cases], now)
    buyers = await find_buyers(tx, [case.sale.body.buyer for case in cases], now)
    for case, buyer in zip(cases, buyers, strict=True):
        case.customer = buyer
    orders = [_order(case, now) for case in cases]
    sold = [*order_rows(orders, desk.fingerprints()), *_rows(cases, orders, shortfalls, now)]
    await write_sold(tx, [*sold, desk.settle(orders, now)], now)
    await record_shipments(tx, [_sent(case) for case in cases], now)
    await _must_be_ours(tx, cases)
    await claim_at_the_end(tx, desk, now)
    return desk.verdicts()


async def _check(books: CurrentBooks, tx: Session, desk: Desk[BookSale, _Case], now: datetime) -> None:
    sales = desk.open()
    if not sales:
        return
    quotes = await quote_many(books, tx, [_basket(sale.body) for _, sale in sales], now)
    markets = {quote.view.market for quote in quotes if isinstance(quote, Quoted)}
    places = await open_locations(tx, markets, now) if markets else {}
    for (n, sale), quote in zip(sales, quotes, strict=True):
        desk.decide(n, partial(_case, sale, quote, places))
    await _refuse_sold_devices(tx, desk)


def _basket(body: TillSaleBody) -> Basket:
    lines = [(line.sku, line.quantity) for line in body.lines]
    return Basket(body.channel, lines, body.location, tuple(body.codes), who(body.buyer))


async def _refuse_sold_devices(tx: Session, desk: Desk[BookSale, _Case]) -> None:
    """Refuse sales of devices that somebody was sold before, be it in this group."""
    sold = await sold_before(tx, {device for _, case in desk.pending() for device in _devices(case)})
    for n, case in desk.pending():
        refusal = _sold_already(case, sold)
        if refusal:
            desk.refuse(n, refusal)
        else:
            sold |= _devices(case).keys()


def _sold_already(case: _Case, sold: Container[Device]) -> SerialAlreadySold | None:
    again = next(((device, n) for device, n in _devices(case).items() if device in sold), None)
    return SerialAlreadySold(f"lines[{again[1]}].serials", *again[0]) if again else None


def _devices(case: _Case) -> dict[Device, int]:
    """The devices of a sale, and the places of their lines in the request."""
    lines = enumerate(zip(case.sale.body.lines, case.serials, strict=True))
    return {Device(line.sku, serial): n for n, (line, serials) in lines for serial in serials}


def _case(sale: BookSale, quoted: Quoted | Refusal, places: dict[str, dict[str, OpenLocation]]) -> _Case:
    if isinstance(quoted, Refusal):
        raise quoted
    body, quote = sale.body, quoted.view
    place = places[quote.market].get(body.location)
    if place is None or place.kind != "store":
        raise WrongLocation("location", body.location, "It is not an open store of this market.")
    if body.shown_total.currency != quote.currency:
        raise MixedCurrency("shown_total.currency", quote.currency, body.shown_total.currency)
    if body.shown_total.amount != quote.total.amount:
        raise StaleTotal("shown_total.amount", body.shown_total.amount, quote.total.amount, quote.currency)
    serials = _checked_serials(body.lines, quote.lines)
    tenders = settle(body.tenders, quote.total.amount, quote.currency)
    return _Case(sale, quote, quoted.uses, quoted.first_for, tenders, serials)


def _checked_serials(lines: Sequence[SoldLineBody], quoted: Sequence[QuotedLine]) -> list[list[str]]:
    serials = [normal_serials(line.serials) for line in lines]
    serials_must_fit(
        NumberedLine(f"lines[{n}].serials", line.sku, line.quantity, priced.serial_numbered, named)
        for n, (line, priced, named) in enumerate(zip(lines, quoted, serials, strict=True))
    )
    return serials


def _drawn(case: _Case) -> Drawn:
    body = case.sale.body
    units = merge_wants((line.sku, line.quantity) for line in body.lines)
    return Drawn(body.id, body.location, units, case.sale.call.principal.id)


def _order(case: _Case, now: datetime) -> OrderView:
    body, quote = case.sale.body, case.quote
    return OrderView(
        body.id,
        order_number(body.id),
        "till",
        body.channel,
        body.location,
        case.customer,
        Fulfilment.CARRIED,
        OrderState.COMPLETED,
        now,
        quote.prices_include_tax,
        [line_view(line, quote.book, sent=line.quantity) for line in quote.lines],
        quote.subtotal,
        quote.discount_total,
        quote.tax_total,
        quote.total,
        shown(case.tenders, "paid", quote.currency),
    )


def _rows(
    cases: Sequence[_Case], orders: Sequence[OrderView], shortfalls: Sequence[Sequence[Shortfall]], now: datetime
) -> list[Rows]:
    happenings = [
        Happening(
            order.id,
            "sold",
            case.sale.call.principal.id,
            {"overdrawn": [{"sku": short.sku, "units": short.units} for short in shorts]} if shorts else {},
        )
        for case, order, shorts in zip(cases, orders, shortfalls, strict=True)
    ]
    entries = [Entry(order.id, "charge", order.total.amount, order.total.currency) for order in orders]
    entries += [
        Entry(order.id, "payment", -tender.amount.amount, tender.amount.currency)
        for order in orders
        for tender in order.tenders
    ]
    booked = [
        TillSaleBooked(o.id, o.order_number, o.channel, case.sale.body.location)
        for o, case in zip(orders, cases, strict=True)
    ]
    tenders = [(case.sale.body.id, case.tenders) for case in cases]
    return [taken(tenders, now), noted(happenings, now), entered(entries, now), told(booked, now)]


async def _must_be_ours(tx: Session, cases: Sequence[_Case]) -> None:
    """Claim the devices of all sales. Raises SerialAlreadySold where somebody was quicker since we looked.

    A sale that came alone is refused by it. In a group it undoes the others too; alone and again, each hears its own.
    """
    claims = [Claim(device, case.sale.body.id, n + 1) for case in cases for device, n in _devices(case).items()]
    lost = await claim_devices(tx, claims)
    for case in cases:
        refusal = _sold_already(case, lost)
        if refusal:
            raise refusal


def _sent(case: _Case) -> Sent:
    body = case.sale.body
    lines = [(n + 1, line.quantity, case.serials[n]) for n, line in enumerate(body.lines)]
    return Sent(body.id, body.location, "carried", case.sale.call.principal.id, lines)
