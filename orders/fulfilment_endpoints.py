"""The routes by which an order reaches its buyer, or is cancelled."""

from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from commerce.kernel.access import Principal, Role, may
from commerce.kernel.db import Database, Session
from commerce.kernel.http import reply
from commerce.kernel.idempotency import Call, first_time
from orders import queries
from orders.cancel import cancel_order
from orders.collect import collect_order
from orders.errors import WrongChannel, WrongLocation
from orders.hand_over import hand_order_over
from orders.make_ready import make_order_ready
from orders.schemas import CancelBody, CollectBody, HandOverBody, OrderHistoryView, ReadyBody, ShipBody
from orders.ship import ship_order

OrderPath = Annotated[str, PathParameter(pattern="^ord_[0-9a-f]{32}$", description="The order's id.")]


@post(
    "/v1/orders/{order_id:str}/cancel",
    opt=may(Role.STOREFRONT, Role.OPERATOR, Role.ADMIN, idempotent=True),
    status_code=200,
    tags=["orders"],
)
async def cancel(
    order_id: OrderPath, data: JSONBody[CancelBody], call: NamedDependency[Call], db: NamedDependency[Database]
) -> Response[OrderHistoryView]:
    """Cancel an order, or the rest of one that was shipped in part. A storefront cancels orders of its own channel.

    Of an order that was shipped in part, what has left stays owed: it becomes `shipped` and is handed over as usual.
    """
    async with db.transaction() as tx:
        now = db.clock.now()
        await first_time(tx, call, data)
        await _must_be_theirs(tx, call.principal, order_id)
        await cancel_order(tx, order_id, data.reason, call.principal.id, now)
        return await reply(tx, call, data, await queries.order_history(tx, order_id), now, status=200)


@post(
    "/v1/orders/{order_id:str}/ship",
    opt=may(Role.OPERATOR, Role.ADMIN, Role.TERMINAL, idempotent=True),
    status_code=200,
    tags=["orders"],
)
async def ship(
    order_id: OrderPath, data: JSONBody[ShipBody], call: NamedDependency[Call], db: NamedDependency[Database]
) -> Response[OrderHistoryView]:
    """Send goods off: what waits at a location, or the lines that are named. A till sends from its own store."""
    must_stand_here(call.principal, data.location)
    async with db.transaction() as tx:
        now = db.clock.now()
        await first_time(tx, call, data)
        await ship_order(tx, order_id, data, call.principal.id, now)
        return await reply(tx, call, data, await queries.order_history(tx, order_id), now, status=200)


@post(
    "/v1/orders/{order_id:str}/hand-over",
    opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True),
    status_code=200,
    tags=["orders"],
)
async def hand_over(
    order_id: OrderPath, data: JSONBody[HandOverBody], call: NamedDependency[Call], db: NamedDependency[Database]
) -> Response[OrderHistoryView]:
    """Note that a shipped order has reached its buyer, and that the carrier took what was due."""
    async with db.transaction() as tx:
        now = db.clock.now()
        await first_time(tx, call, data)
        await hand_order_over(tx, order_id, data.reference, call.principal.id, now)
        return await reply(tx, call, data, await queries.order_history(tx, order_id), now, status=200)


@post(
    "/v1/orders/{order_id:str}/ready",
    opt=may(Role.TERMINAL, Role.OPERATOR, Role.ADMIN, idempotent=True),
    status_code=200,
    tags=["orders"],
)
async def make_ready(
    order_id: OrderPath, data: JSONBody[ReadyBody], call: NamedDependency[Call], db: NamedDependency[Database]
) -> Response[OrderHistoryView]:
    """Say that an order waits at the counter of the store where it is collected."""
    must_stand_here(call.principal, data.location)
    async with db.transaction() as tx:
        now = db.clock.now()
        await first_time(tx, call, data)
        await make_order_ready(tx, order_id, data.location, call.principal.id, now)
        return await reply(tx, call, data, await queries.order_history(tx, order_id), now, status=200)


@post("/v1/orders/{order_id:str}/collect", opt=may(Role.TERMINAL, idempotent=True), status_code=200, tags=["orders"])
async def collect(
    order_id: OrderPath, data: JSONBody[CollectBody], call: NamedDependency[Call], db: NamedDependency[Database]
) -> Response[OrderHistoryView]:
    """Hand an order over at the counter against payment."""
    must_stand_here(call.principal, data.location)
    async with db.transaction() as tx:
        now = db.clock.now()
        await first_time(tx, call, data)
        await collect_order(tx, order_id, data, call.principal.id, now)
        return await reply(tx, call, data, await queries.order_history(tx, order_id), now, status=200)


async def _must_be_theirs(tx: Session, principal: Principal, order_id: str) -> None:
    if principal.role is not Role.STOREFRONT:
        return
    channel = (await queries.order_history(tx, order_id)).order.channel
    if channel != principal.channel:
        raise WrongChannel("order_id", channel, f"This key sells in {principal.channel or 'no channel'}.")


def must_stand_here(principal: Principal, location: str) -> None:
    """Let a terminal through that stands in this store, and whoever is not a terminal. Raises WrongLocation."""
    if principal.role is Role.TERMINAL and principal.location != location:
        raise WrongLocation("location", location, f"This till stands in {principal.location or 'no store'}.")


ROUTES = [cancel, ship, hand_over, make_ready, collect]
