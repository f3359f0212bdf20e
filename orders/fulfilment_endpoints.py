"""The routes by which an order reaches its buyer, or is cancelled."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from commerce.kernel.access import Principal, Role, may, must_sell_in, must_stand_in
from commerce.kernel.db import Database, Session
from commerce.kernel.http import once
from commerce.kernel.idempotency import Call
from orders import queries
from orders.cancel import cancel_order
from orders.collect import collect_order
from orders.fulfilment_schemas import CancelBody, CollectBody, HandOverBody, ReadyBody, ShipBody
from orders.hand_over import hand_order_over
from orders.make_ready import make_order_ready
from orders.schemas import OrderHistoryView
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

    async def cancel_theirs(tx: Session, now: datetime) -> None:
        await _must_be_theirs(tx, call.principal, order_id)
        await cancel_order(tx, order_id, data.reason, call.principal.id, now)

    return await _moved(db, call, data, order_id, cancel_theirs)


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
    must_stand_in(call.principal, data.location)
    return await _moved(
        db, call, data, order_id, lambda tx, now: ship_order(tx, order_id, data, call.principal.id, now)
    )


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
    return await _moved(
        db, call, data, order_id, lambda tx, now: hand_order_over(tx, order_id, data.reference, call.principal.id, now)
    )


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
    must_stand_in(call.principal, data.location)
    return await _moved(
        db, call, data, order_id, lambda tx, now: make_order_ready(tx, order_id, data.location, call.principal.id, now)
    )


@post("/v1/orders/{order_id:str}/collect", opt=may(Role.TERMINAL, idempotent=True), status_code=200, tags=["orders"])
async def collect(
    order_id: OrderPath, data: JSONBody[CollectBody], call: NamedDependency[Call], db: NamedDependency[Database]
) -> Response[OrderHistoryView]:
    """Hand an order over at the counter against payment."""
    must_stand_in(call.principal, data.location)
    return await _moved(
        db, call, data, order_id, lambda tx, now: collect_order(tx, order_id, data, call.principal.id, now)
    )


async def _moved(
    db: Database, call: Call, data: object, order_id: str, move: Callable[[Session, datetime], Awaitable[object]]
) -> Response[OrderHistoryView]:
    """Move an order, once, and answer with all that happened to it."""

    async def move_and_look(tx: Session, now: datetime) -> OrderHistoryView:
        await move(tx, now)
        return await queries.order_history(tx, order_id, call.principal.role)

    return await once(db, call, data, move_and_look, 200)


async def _must_be_theirs(tx: Session, principal: Principal, order_id: str) -> None:
    if principal.role is Role.STOREFRONT:
        must_sell_in(principal, (await queries.order_history(tx, order_id)).order.channel, "order_id")


ROUTES = [cancel, ship, hand_over, make_ready, collect]
