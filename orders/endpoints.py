"""The orders' routes: quoting, placing, selling, and looking at what was ordered."""

from typing import Annotated, cast

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from commerce.kernel.access import Principal, Role, may, must_sell_in, must_stand_in
from commerce.kernel.committer import GroupCommitter
from commerce.kernel.db import Database
from commerce.kernel.http import AnyRequest, provide_call, render_refusal, replay
from commerce.kernel.idempotency import Answer
from commerce.kernel.pages import LIMIT_MAX, Page, decode_cursor
from commerce.kernel.refusals import InvalidInput, NotFound
from inventory.errors import NotEnoughStock
from orders import queries
from orders.buyers import must_be_findable, who
from orders.fulfilment_endpoints import ROUTES as FULFILMENT
from orders.place import PlaceOrder
from orders.quote import Basket
from orders.quote_desk import QuoteDesk
from orders.rules import OrderState
from orders.schemas import OrderHistoryView, OrderRow, OrderView, PlaceOrderBody, QuoteBody, QuoteView, TillSaleBody
from orders.sell import BookSale


class Placing(GroupCommitter[PlaceOrder, Answer]):
    """Commits online orders together; a class of its own, since the framework is slow to recognise a generic one."""


class Selling(GroupCommitter[BookSale, Answer]):
    """Commits till sales together."""


OrderPath = Annotated[str, PathParameter(pattern="^ord_[0-9a-f]{32}$", description="The order's id.")]


@post("/v1/quotes", status_code=200, opt=may(Role.STOREFRONT, Role.TERMINAL), tags=["orders"])
async def quote_basket(
    data: JSONBody[QuoteBody], quoting: NamedDependency[QuoteDesk], principal: NamedDependency[Principal]
) -> QuoteView:
    """What a basket costs now, in the key's own channel; a till's, in its store. By the price book that holds now."""
    must_sell_in(principal, data.channel)
    must_be_findable(data.buyer)
    lines = [(line.sku, line.quantity) for line in data.lines]
    codes, buyer = tuple(data.codes), who(data.buyer)
    basket = Basket(data.channel, lines, principal.location, codes, buyer, data.shipping, data.explain)
    return await quoting.quote(basket)


@post("/v1/orders", opt=may(Role.STOREFRONT, idempotent=True), tags=["orders"])
async def place_order(
    data: JSONBody[PlaceOrderBody], request: AnyRequest, placing: NamedDependency[Placing]
) -> Response[OrderView]:
    """Place an order: goods held, price fixed, payment on collection or delivery.

    Orders that arrive together share a commit; the answer comes after it.
    """
    call = provide_call(request)  # not a dependency: resolving two of them costs a task group for each order
    must_sell_in(call.principal, data.channel)
    must_be_findable(data.buyer)
    try:
        return replay(await placing.submit(PlaceOrder(call, data)), OrderView)
    except NotEnoughStock as sold_out:
        # What a launch day answers most often goes straight back: the way of an exception out of a route is long.
        return cast("Response[OrderView]", render_refusal(request, sold_out))


@post("/v1/till-sales", opt=may(Role.TERMINAL, idempotent=True), tags=["orders"])
async def book_sale(
    data: JSONBody[TillSaleBody], request: AnyRequest, selling: NamedDependency[Selling]
) -> Response[OrderView]:
    """Book a sale at a till: goods gone, money taken. Units we thought were not there do not stop it."""
    call = provide_call(request)
    must_sell_in(call.principal, data.channel)
    must_stand_in(call.principal, data.location)
    must_be_findable(data.buyer)
    return replay(await selling.submit(BookSale(call, data)), OrderView)


@get("/v1/orders", opt=may(Role.OPERATOR, Role.ADMIN, Role.TERMINAL, Role.STOREFRONT), tags=["orders"])
async def list_orders(  # noqa: PLR0913, PLR0917 - each is a filter of the list
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
    channel: Annotated[str | None, QueryParameter(max_length=100)] = None,
    location: Annotated[str | None, QueryParameter(max_length=100)] = None,
    customer: Annotated[str | None, QueryParameter(max_length=40)] = None,
    order_state: Annotated[OrderState | None, QueryParameter(name="state")] = None,
    number: Annotated[
        str | None, QueryParameter(max_length=100, description="The order number people read out.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
) -> Page[OrderRow]:
    """Orders, newest first. A till sees those of its own store: sold or collected there, or with goods that wait there.

    A storefront looks up an order of its own channel by `number`.
    """
    if principal.role is Role.STOREFRONT:
        channel = channel or principal.channel or ""
        must_sell_in(principal, channel)
        if number is None:
            raise InvalidInput("number", "Name the number of the order.")
    if principal.role is Role.TERMINAL:
        location = location or principal.location or ""
        must_stand_in(principal, location)
    wanted = queries.Wanted(channel, location, customer, order_state, number)
    async with db.read() as tx:
        return await queries.list_orders(tx, wanted, decode_cursor(cursor, 2), limit)


@get(
    "/v1/orders/{order_id:str}",
    opt=may(Role.STOREFRONT, Role.TERMINAL, Role.OPERATOR, Role.ADMIN),
    tags=["orders"],
)
async def show_order(
    order_id: OrderPath, db: NamedDependency[Database], principal: NamedDependency[Principal]
) -> OrderHistoryView:
    """An order with all that happened to it.

    A storefront sees the orders of its own channel; a till those sold or collected in its store, or with goods that
    wait there or were sent from there.
    """
    async with db.read() as tx:
        history = await queries.order_history(tx, order_id, principal.role)
    if principal.role is Role.STOREFRONT:
        must_sell_in(principal, history.order.channel)
    if principal.role is Role.TERMINAL and principal.location not in _stores_of(history):
        raise NotFound("order", order_id)
    return history


def _stores_of(history: OrderHistoryView) -> set[str]:
    """The places that have to do with an order."""
    own = {history.order.location} if history.order.location else set()
    return own | {goods.location for goods in history.waiting} | {shipment.location for shipment in history.shipments}


ROUTES = [quote_basket, place_order, book_sale, list_orders, show_order, *FULFILMENT]
