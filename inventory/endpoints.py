"""Inventory over HTTP."""

from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from commerce.kernel.access import Principal, Role, may, must_sell_in, must_stand_in
from commerce.kernel.db import Database
from commerce.kernel.http import once
from commerce.kernel.idempotency import Call
from commerce.kernel.ids import is_id
from commerce.kernel.pages import LIMIT_MAX, Page, decode_cursor, page_of
from commerce.kernel.refusals import NotFound
from inventory.adjust import adjust_stock
from inventory.close_overdraft import close_overdraft
from inventory.count import count_stock
from inventory.give_back import give_back
from inventory.hold import hold_basket
from inventory.queries import hold_view, movement_page, overdraft_page, stock_page
from inventory.receive import receive_goods
from inventory.schemas import (
    AdjustmentBody,
    CloseOverdraftBody,
    CountBody,
    HoldBody,
    HoldView,
    MovementView,
    OverdraftView,
    ReceiptBody,
    StockChangeView,
    StockView,
    TransferBody,
)
from inventory.transfer import transfer_stock

# Litestar reads the limits of a query parameter from QueryParameter; msgspec's Meta would go unheard there.
Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="How many rows at the most.")]
Cursor = Annotated[str | None, QueryParameter(max_length=1000, description="The last page's `next_cursor`.")]
SkuWanted = Annotated[str | None, QueryParameter(max_length=100, description="Only this sku.")]
LocationWanted = Annotated[str | None, QueryParameter(max_length=100, description="Only this location.")]
OnlyOpen = Annotated[bool, QueryParameter(description="Leave out the cases that are closed.")]


@post("/v1/stock/receipts", opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True), tags=["stock"])
async def create_receipt(
    data: JSONBody[ReceiptBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[StockChangeView]:
    """Put goods that arrived on hand."""
    return await once(db, call, data, lambda tx, now: receive_goods(tx, data, call.principal.id, now))


@post("/v1/stock/adjustments", opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True), tags=["stock"])
async def create_adjustment(
    data: JSONBody[AdjustmentBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[StockChangeView]:
    """Correct one quantity and say why."""
    return await once(db, call, data, lambda tx, now: adjust_stock(tx, data, call.principal.id, now))


@post("/v1/stock/counts", opt=may(Role.TERMINAL, Role.OPERATOR, Role.ADMIN, idempotent=True), tags=["stock"])
async def create_count(
    data: JSONBody[CountBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[StockChangeView]:
    """Set quantities to what was counted on the shelf. A terminal counts its own store only."""
    must_stand_in(call.principal, data.location)
    return await once(db, call, data, lambda tx, now: count_stock(tx, data, call.principal.id, now))


@post("/v1/stock/transfers", opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True), tags=["stock"])
async def create_transfer(
    data: JSONBody[TransferBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[StockChangeView]:
    """Move free units from one location to another, all lines or none."""
    return await once(db, call, data, lambda tx, now: transfer_stock(tx, data, call.principal.id, now))


@get(
    "/v1/stock",
    opt=may(Role.STOREFRONT, Role.TERMINAL, Role.OPERATOR, Role.ADMIN, Role.MERCHANDISER, Role.ANALYST),
    tags=["stock"],
)
async def list_stock(
    db: NamedDependency[Database],
    sku: SkuWanted = None,
    location: LocationWanted = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[StockView]:
    """What is on hand, held and free, by sku and location."""
    async with db.read() as tx:
        pools = await stock_page(tx, sku, location, decode_cursor(cursor, 3), limit)
    return page_of(pools, limit, lambda pool: pool, lambda pool: (pool.sku, pool.location, pool.purpose))


@get("/v1/stock/movements", opt=may(Role.OPERATOR, Role.ANALYST, Role.ADMIN), tags=["stock"])
async def list_movements(
    db: NamedDependency[Database],
    sku: SkuWanted = None,
    location: LocationWanted = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MovementView]:
    """The diary of every unit that came or went, newest first."""
    async with db.read() as tx:
        moves = await movement_page(tx, sku, location, decode_cursor(cursor, 1), limit)
    return page_of(moves, limit, lambda move: move, lambda move: (move.id,))


@post("/v1/holds", opt=may(Role.STOREFRONT, idempotent=True), tags=["stock"])
async def create_hold(
    data: JSONBody[HoldBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[HoldView]:
    """Keep a basket for a buyer for a while, whole or not at all."""
    must_sell_in(call.principal, data.channel)
    return await once(db, call, data, lambda tx, now: hold_basket(tx, data, call.principal.id, now))


@get("/v1/holds/{reference:str}", opt=may(Role.STOREFRONT), tags=["stock"])
async def show_hold(
    reference: FromPath[str], db: NamedDependency[Database], principal: NamedDependency[Principal]
) -> HoldView:
    """How a hold stands. Only the key that took it sees it; an order that took it over has it now."""
    _must_be_a_hold(reference)
    async with db.read() as tx:
        view = await hold_view(tx, reference, principal.id, db.clock.now())
    if view is None:
        raise NotFound("hold", reference)
    return view


@post("/v1/holds/{reference:str}/release", status_code=200, opt=may(Role.STOREFRONT, idempotent=True), tags=["stock"])
async def release_hold(
    reference: FromPath[str], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[HoldView]:
    """Give the goods back. Releasing what is released changes nothing; what expired or was bought cannot be."""
    _must_be_a_hold(reference)
    return await once(db, call, reference, lambda tx, now: give_back(tx, reference, call.principal.id, now), 200)


@get("/v1/overdrafts", opt=may(Role.OPERATOR, Role.ADMIN), tags=["stock"])
async def list_overdrafts(
    db: NamedDependency[Database],
    location: LocationWanted = None,
    only_open: OnlyOpen = True,  # noqa: FBT002 - a query parameter has a name
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[OverdraftView]:
    """Cases of stock that was promised or sold and was not there, oldest first."""
    async with db.read() as tx:
        cases = await overdraft_page(tx, location, decode_cursor(cursor, 1), limit, only_open=only_open)
    return page_of(cases, limit, lambda case: case, lambda case: (case.id,))


@post(
    "/v1/overdrafts/{overdraft_id:str}/close",
    status_code=200,
    opt=may(Role.OPERATOR, Role.ADMIN, idempotent=True),
    tags=["stock"],
)
async def create_overdraft_closing(
    overdraft_id: FromPath[str],
    data: JSONBody[CloseOverdraftBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[OverdraftView]:
    """Close a case and note what was done."""
    return await once(
        db, call, data, lambda tx, now: close_overdraft(tx, overdraft_id, data.note, call.principal.id, now), 200
    )


def _must_be_a_hold(reference: str) -> None:
    if not is_id(reference, "hld"):
        raise NotFound("hold", reference)


ROUTES = [
    create_receipt,
    create_adjustment,
    create_count,
    create_transfer,
    list_stock,
    list_movements,
    create_hold,
    show_hold,
    release_hold,
    list_overdrafts,
    create_overdraft_closing,
]
