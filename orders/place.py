"""Place orders: promise the goods, fix the price, and say how it will be paid - all or nothing, for many at once."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import msgspec

from commerce.kernel.access import WrongLocation
from commerce.kernel.db import Session
from commerce.kernel.idempotency import Answer, Call, Replay
from commerce.kernel.ids import new_id, order_number
from commerce.kernel.outbox import told
from commerce.kernel.refusals import InvalidInput, Refusal
from commerce.kernel.rows import Rows
from inventory.confirm import Confirmation, confirm_holds
from inventory.rules import merge_wants
from inventory.sourcing import Sources, Way, find_sources
from inventory.take import HoldWanted, take_holds, why_hopeless
from orders.buyers import find_buyers, who
from orders.desk import Desk
from orders.errors import HoldMismatch, MixedCurrency, StaleTotal
from orders.events import OrderPlaced
from orders.payments.ledger import Entry, entered
from orders.payments.plans import Planned, plan_rows
from orders.payments.rules import PAY_WITHIN, RELEASE_AFTER, Settled, due_for
from orders.payments.tenders import promised, shown
from orders.promotion_uses import claim_at_the_end, claim_or_refuse, drop_refused
from orders.quote import Basket, Quoted, quote_many
from orders.record import Happening, line_view, noted, order_rows
from orders.reports.facts import write_sold
from orders.rules import COLLECT_WITHIN, Delivery, Fulfilment, OrderState, PaymentPlan
from orders.schemas import OrderView, PlaceOrderBody, QuoteView
from pricing.books.current import CurrentBooks


class PlaceOrder(msgspec.Struct, frozen=True):
    """A storefront's wish, and the call that must be safe to repeat."""

    call: Call
    body: PlaceOrderBody


class _Case(msgspec.Struct):
    """One wish on its way to becoming an order."""

    wish: PlaceOrder
    order_id: str
    quote: QuoteView
    uses: tuple[tuple[str, str | None], ...]
    first_for: str | None
    ranked: list[str]
    due: list[Settled]
    customer: str | None = None

    @property
    def units(self) -> dict[str, int]:
        return merge_wants((line.sku, line.quantity) for line in self.wish.body.lines)

    def expires_at(self, now: datetime) -> datetime | None:
        """Until when the goods are kept: briefly for whoever is to pay first."""
        if self.wish.body.payment is not PaymentPlan.ON_COLLECTION:
            return now + PAY_WITHIN + RELEASE_AFTER
        return now + COLLECT_WITHIN if self.wish.body.fulfilment is Delivery.COLLECT else None


async def place_orders(
    books: CurrentBooks, tx: Session, wishes: Sequence[PlaceOrder], now: datetime
) -> list[Answer | Refusal | Replay]:
    """Decide many wishes in one transaction, in the order they came; each is answered as if it had come alone.

    A wish that is refused leaves no trace. An answer is kept with its key, in the transaction of the order itself.
    Raises NotTogetherError for wishes that must see what became of others.
    """
    desk: Desk[PlaceOrder, _Case] = Desk(wishes)
    await desk.set_aside_what_was_answered(tx, lambda wish: (wish.call, wish.body))
    await desk.refuse_known_orders(tx, lambda wish: wish.body.id)
    sources = await _prepare(books, tx, desk, now)
    _refuse_hopeless(desk, sources, now)
    claimed = await claim_or_refuse(tx, desk)
    await _hold_goods(tx, desk, sources, now)
    await drop_refused(tx, desk, claimed)
    cases = desk.cases()
    if not cases:
        return desk.verdicts()
    buyers = await find_buyers(tx, [case.wish.body.buyer for case in cases], now)
    for case, customer in zip(cases, buyers, strict=True):
        case.customer = customer
    orders = [_order(case, now) for case in cases]
    await write_sold(tx, [*_rows(cases, orders, now), desk.settle(orders, now)], now)
    await claim_at_the_end(tx, desk, now)
    return desk.verdicts()


async def _prepare(books: CurrentBooks, tx: Session, desk: Desk[PlaceOrder, _Case], now: datetime) -> Sources:
    """Quote every basket, compare with what the buyer was shown, and see where its goods may come from."""
    wishes = desk.open()
    baskets = [basket_of(wish.body) for _, wish in wishes]
    quotes = await quote_many(books, tx, baskets, now)
    wanted = {
        (Way(quote.view.market, wish.body.collect_at), line.sku)
        for (_, wish), quote in zip(wishes, quotes, strict=True)
        if isinstance(quote, Quoted)
        for line in wish.body.lines
    }
    sources = await find_sources(tx, wanted, now) if wanted else Sources({}, {})
    for (n, wish), quote in zip(wishes, quotes, strict=True):
        desk.decide(n, partial(_case, wish, quote, sources, now))
    return sources


def _case(
    wish: PlaceOrder,
    quoted: Quoted | Refusal,
    sources: Sources,
    now: datetime,
) -> _Case:
    if isinstance(quoted, Refusal):
        raise quoted
    quote = quoted.view
    shown = wish.body.shown_total
    if shown.currency != quote.currency:
        raise MixedCurrency("shown_total.currency", quote.currency, shown.currency)
    if shown.amount != quote.total.amount:
        raise StaleTotal("shown_total.amount", shown.amount, quote.total.amount, quote.currency)
    ranked = _ranked(wish.body, quote.market, sources)
    due = due_for(wish.body.payment, quote.total.amount)
    _must_fit(wish.body, quote)
    return _Case(wish, wish.body.id or new_id("ord", now), quote, quoted.uses, quoted.first_for, ranked, due)


def basket_of(body: PlaceOrderBody) -> Basket:
    """What a storefront wants to be quoted."""
    lines = [(line.sku, line.quantity) for line in body.lines]
    return Basket(body.channel, lines, None, tuple(body.codes), who(body.buyer), body.shipping)


def _must_fit(body: PlaceOrderBody, quote: QuoteView) -> None:
    """Let a way of paying through that can be kept. Raises InvalidInput, MixedCurrency."""
    if body.payment is not PaymentPlan.ON_COLLECTION and not quote.total.amount:
        raise InvalidInput("payment", "There is nothing to pay.")
    if body.payment is PaymentPlan.ON_SHIPMENT and body.fulfilment is not Delivery.SHIP:
        raise InvalidInput("payment", "What is collected is paid now, later, or on collection.")
    if body.shipping is not None and body.fulfilment is not Delivery.SHIP:
        raise InvalidInput("shipping", "What is collected is not shipped.")
    if body.deposit is None:
        return
    if body.payment is not PaymentPlan.LATER:
        raise InvalidInput("deposit", "Only an order that is paid later takes a deposit.")
    if body.deposit.currency != quote.currency:
        raise MixedCurrency("deposit.currency", quote.currency, body.deposit.currency)
    if not 0 < body.deposit.amount < quote.total.amount:
        raise InvalidInput("deposit", "A deposit is a part of the total.")


def _ranked(body: PlaceOrderBody, market: str, sources: Sources) -> list[str]:
    """Where goods may come from, best first. Raises InvalidInput, WrongLocation."""
    collected = body.fulfilment is Delivery.COLLECT
    if collected and body.collect_at is None:
        raise InvalidInput("collect_at", "Name the store where it will be collected.")
    if not collected and body.collect_at is not None:
        raise InvalidInput("collect_at", "An order that is shipped is not collected.")
    ranked = sources.ranked.get(Way(market, body.collect_at), [])
    if body.collect_at is not None and not ranked:
        raise WrongLocation("collect_at", body.collect_at, "It is not an open store of this market.")
    return ranked


def _refuse_hopeless(desk: Desk[PlaceOrder, _Case], sources: Sources, now: datetime) -> None:
    """Refuse whose goods are not there to be seen, before they claim a use that somebody else could have."""
    for n, case in desk.pending():
        hopeless = None if case.wish.body.hold else why_hopeless(_wanted(case, now), sources.free)
        if hopeless is not None:
            desk.refuse(n, hopeless)


async def _hold_goods(tx: Session, desk: Desk[PlaceOrder, _Case], sources: Sources, now: datetime) -> None:
    """Take over the holds that were cited, then take new ones: rows that lead to pools are locked before pools."""
    cited = [(n, case, case.wish.body.hold) for n, case in desk.pending() if case.wish.body.hold]
    confirmations = [_confirmation(case, hold, now) for _, case, hold in cited]
    for (n, _, hold), fits in zip(cited, await confirm_holds(tx, confirmations, now), strict=True):
        if not fits:
            desk.refuse(n, HoldMismatch("hold", hold))
    fresh = [(n, case) for n, case in desk.pending() if not case.wish.body.hold]
    wanted = [_wanted(case, now) for _, case in fresh]
    for (n, _), verdict in zip(fresh, await take_holds(tx, wanted, now, sources.free), strict=True):
        if isinstance(verdict, Refusal):
            desk.refuse(n, verdict)


def _wanted(case: _Case, now: datetime) -> HoldWanted:
    return HoldWanted(case.order_id, case.units, case.ranked, case.expires_at(now))


def _confirmation(case: _Case, hold: str, now: datetime) -> Confirmation:
    wish = case.wish
    owner = wish.call.principal.id
    return Confirmation(hold, owner, case.order_id, case.units, case.expires_at(now), case.ranked)


def _order(case: _Case, now: datetime) -> OrderView:
    """The order as it is stored and answered."""
    quote, body = case.quote, case.wish.body
    return OrderView(
        case.order_id,
        order_number(case.order_id),
        "api",
        body.channel,
        body.collect_at,
        case.customer,
        Fulfilment(body.fulfilment),
        OrderState.PLACED,
        now,
        quote.prices_include_tax,
        [line_view(line, quote.book) for line in quote.lines],
        quote.subtotal,
        quote.discount_total,
        quote.tax_total,
        quote.total,
        shown(case.due, "due", quote.currency),
        quote.shipping,
    )


def _planned(case: _Case) -> Planned:
    deposit = case.wish.body.deposit
    return case.order_id, case.wish.body.payment, deposit.amount if deposit else 0


def _rows(cases: Sequence[_Case], orders: Sequence[OrderView], now: datetime) -> list[Rows]:
    placed = [
        Happening(order.id, "placed", case.wish.call.principal.id) for case, order in zip(cases, orders, strict=True)
    ]
    return [
        *order_rows(orders),
        promised([(case.order_id, case.due) for case in cases], now),
        plan_rows([_planned(case) for case in cases]),
        noted(placed, now),
        entered([Entry(order.id, "charge", order.total.amount, order.total.currency) for order in orders], now),
        told([OrderPlaced(order.id, order.order_number, order.channel) for order in orders], now),
    ]
