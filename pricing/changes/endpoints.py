"""The routes of price changes: for whoever sets prices, whoever approves them, and whoever asks later."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from commerce.kernel.access import Role, may
from commerce.kernel.db import Database, Session
from commerce.kernel.http import once
from commerce.kernel.idempotency import Call
from commerce.kernel.pages import Limit, Page, decode_cursor, encode_cursor, page_of
from commerce.kernel.refusals import InvalidInput
from pricing.changes import queries
from pricing.changes.approve import approve_change
from pricing.changes.draft import draft_change
from pricing.changes.dry_run import Part, dry_run
from pricing.changes.reject import reject_change
from pricing.changes.roll_back import roll_back_change
from pricing.changes.rules import PriceChangeState
from pricing.changes.schedule import schedule_change
from pricing.changes.schemas import (
    DryRunView,
    NoteBody,
    PriceChangeBody,
    PriceChangeDetailView,
    PriceChangeView,
    RejectBody,
    RollBackBody,
    ScheduleBody,
)
from pricing.changes.submit import submit_change
from pricing.changes.withdraw import withdraw_change

_PRICERS = (Role.MERCHANDISER,)
_APPROVERS = (Role.MERCHANDISER, Role.ADMIN)
_STAFF = (Role.MERCHANDISER, Role.ANALYST, Role.OPERATOR, Role.ADMIN)

ChangePath = Annotated[str, PathParameter(pattern="^pch_[0-9a-f]{32}$", description="The price change's id.")]
Cursor = Annotated[str | None, QueryParameter(max_length=1000, description="The last page's `next_cursor`.")]


@post("/v1/price-changes", opt=may(*_PRICERS, idempotent=True), tags=["prices"])
async def create_price_change(
    data: JSONBody[PriceChangeBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[PriceChangeView]:
    """Draft prices that are to change together: one by one, as a CSV text, or by a rule. Nothing changes yet."""

    async def draft(tx: Session, now: datetime) -> PriceChangeView:
        change_id = await draft_change(tx, data, call.principal.id, now)
        return await queries.change_view(tx, change_id, now)

    return await once(db, call, data, draft)


@get("/v1/price-changes", opt=may(*_STAFF), tags=["prices"])
async def list_price_changes(
    db: NamedDependency[Database],
    market: Annotated[str | None, QueryParameter(max_length=100, description="Only those of this market.")] = None,
    change_state: Annotated[PriceChangeState | None, QueryParameter(name="state")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PriceChangeView]:
    """Price changes, newest first."""
    after = decode_cursor(cursor, 1)
    wanted = queries.Wanted(market, None if change_state is None else str(change_state))
    async with db.read() as tx:
        found = await queries.change_page(tx, wanted, after[0] if after else None, limit, db.clock.now())
    return page_of(found, limit, lambda one: one, lambda one: (one.id,))


@get("/v1/price-changes/{change_id:str}", opt=may(*_STAFF), tags=["prices"])
async def show_price_change(change_id: ChangePath, db: NamedDependency[Database]) -> PriceChangeDetailView:
    """A price change with all of its prices, and who moved it when."""
    async with db.snapshot() as tx:
        return await queries.change_detail(tx, change_id, db.clock.now())


@get("/v1/price-changes/{change_id:str}/dry-run", opt=may(*_STAFF), tags=["prices"])
async def try_price_change(
    change_id: ChangePath, db: NamedDependency[Database], limit: Limit = 50, cursor: Cursor = None
) -> DryRunView:
    """What the change would do as things are now: every price in every channel, and why it would be refused.

    The summary is of all of them; `effects` come in pages.
    """
    after = decode_cursor(cursor, 1)
    start = _place(after[0]) if after else 0
    found = await dry_run(db, change_id, Part(start, limit))
    more = start + limit < found.affected
    return msgspec.structs.replace(found, next_cursor=encode_cursor(str(start + limit)) if more else None)


@post("/v1/price-changes/{change_id:str}/submit", status_code=200, opt=may(*_PRICERS, idempotent=True), tags=["prices"])
async def submit_price_change(
    change_id: ChangePath, data: JSONBody[NoteBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[PriceChangeView]:
    """Submit a draft: somebody else is to look at it."""
    return await _moved(
        db, call, data, change_id, lambda tx, now: submit_change(tx, change_id, call.principal.id, now, data.note)
    )


@post(
    "/v1/price-changes/{change_id:str}/approve",
    status_code=200,
    opt=may(*_APPROVERS, idempotent=True),
    tags=["prices"],
)
async def approve_price_change(
    change_id: ChangePath, data: JSONBody[NoteBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[PriceChangeView]:
    """Approve a change that somebody else drafted and submitted."""
    return await _moved(
        db, call, data, change_id, lambda tx, now: approve_change(tx, change_id, call.principal.id, data.note, now)
    )


@post(
    "/v1/price-changes/{change_id:str}/reject",
    status_code=200,
    opt=may(*_APPROVERS, idempotent=True),
    tags=["prices"],
)
async def reject_price_change(
    change_id: ChangePath, data: JSONBody[RejectBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[PriceChangeView]:
    """Reject a change, and say why. What is to be done instead is drafted anew."""
    return await _moved(
        db, call, data, change_id, lambda tx, now: reject_change(tx, change_id, call.principal.id, data.note, now)
    )


@post(
    "/v1/price-changes/{change_id:str}/schedule", status_code=200, opt=may(*_PRICERS, idempotent=True), tags=["prices"]
)
async def schedule_price_change(
    change_id: ChangePath, data: JSONBody[ScheduleBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[PriceChangeView]:
    """Schedule an approved change: it is in the market's book from now on, and begins by itself."""
    return await _moved(
        db,
        call,
        data,
        change_id,
        lambda tx, now: schedule_change(tx, change_id, data.starts_at, call.principal.id, now),
    )


@post(
    "/v1/price-changes/{change_id:str}/withdraw", status_code=200, opt=may(*_PRICERS, idempotent=True), tags=["prices"]
)
async def withdraw_price_change(
    change_id: ChangePath, data: JSONBody[NoteBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[PriceChangeView]:
    """Withdraw a change that has not begun: what was planned without it holds."""
    return await _moved(
        db, call, data, change_id, lambda tx, now: withdraw_change(tx, change_id, call.principal.id, data.note, now)
    )


@post("/v1/price-changes/{change_id:str}/roll-back", opt=may(*_PRICERS, idempotent=True), tags=["prices"])
async def roll_back_price_change(
    change_id: ChangePath, data: JSONBody[RollBackBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[PriceChangeView]:
    """Submit the change that puts back what a live one changed; it is approved and scheduled like any other."""

    async def roll_back(tx: Session, now: datetime) -> PriceChangeView:
        counter_id = await roll_back_change(tx, change_id, data, call.principal.id, now)
        return await queries.change_view(tx, counter_id, now)

    return await once(db, call, data, roll_back)


async def _moved(
    db: Database, call: Call, data: object, change_id: str, work: Callable[[Session, datetime], Awaitable[None]]
) -> Response[PriceChangeView]:
    """Move a change on, and answer how it is then."""

    async def move(tx: Session, now: datetime) -> PriceChangeView:
        await work(tx, now)
        return await queries.change_view(tx, change_id, now)

    return await once(db, call, data, move, 200)


def _place(said: str) -> int:
    if not said.isdecimal() or not said.isascii():
        raise InvalidInput("cursor", "This is not a cursor of ours.")
    return int(said)


ROUTES = [
    create_price_change,
    list_price_changes,
    show_price_change,
    try_price_change,
    submit_price_change,
    approve_price_change,
    reject_price_change,
    schedule_price_change,
    withdraw_price_change,
    roll_back_price_change,
]
