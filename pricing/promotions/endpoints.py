"""Promotions over HTTP: drafted, decided by two, scheduled, stopped; their codes; and what would come of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.response import Stream

from commerce.kernel.access import Principal, Role, may
from commerce.kernel.bodies import CodeText
from commerce.kernel.db import Database, Session
from commerce.kernel.http import once
from commerce.kernel.idempotency import Call
from commerce.kernel.pages import Limit, Page, decode_cursor, page_of
from pricing.promotions import queries
from pricing.promotions.draft import copy_promotion, draft_promotion, edit_promotion
from pricing.promotions.dry_run import dry_run
from pricing.promotions.make_codes import make_codes
from pricing.promotions.review import approve, reject, submit
from pricing.promotions.rules import PromotionState
from pricing.promotions.schedule import schedule, stop, withdraw
from pricing.promotions.schemas import (
    ApproveBody,
    CodesMadeView,
    CodeView,
    CopyBody,
    DryRunView,
    MakeCodesBody,
    PromotionBody,
    PromotionDetailView,
    PromotionView,
    RejectBody,
    ScheduleBody,
    StopBody,
    SubmitBody,
    WithdrawBody,
)
from pricing.promotions.stored import Stored
from pricing.promotions.watch import all_codes

_MAKERS = (Role.MERCHANDISER, Role.ADMIN)
_STAFF = (Role.MERCHANDISER, Role.ANALYST, Role.OPERATOR, Role.ADMIN)
_STOPPERS = (Role.MERCHANDISER, Role.OPERATOR, Role.ADMIN)
"""Codes that are in memory while they are written out."""

PromotionPath = Annotated[str, PathParameter(pattern="^prm_[0-9a-f]{32}$", description="The promotion's id.")]
Cursor = Annotated[str | None, QueryParameter(max_length=1000, description="The last page's `next_cursor`.")]
BatchQuery = Annotated[int | None, QueryParameter(ge=0, le=2**31 - 1, description="Only those made in this go.")]


@post("/v1/promotions", opt=may(*_MAKERS, idempotent=True), tags=["promotions"])
async def create_promotion(
    data: JSONBody[PromotionBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[PromotionView]:
    """Draft a promotion. Whatever makes no sense in it is refused, every clause by name."""
    return await _done(db, call, data, lambda tx, now: draft_promotion(tx, data, call.principal.id, now), 201)


@get("/v1/promotions", opt=may(*_STAFF), tags=["promotions"])
async def list_promotions(
    db: NamedDependency[Database],
    market: Annotated[CodeText | None, QueryParameter(description="Only this market's.")] = None,
    where: Annotated[
        PromotionState | None, QueryParameter(name="state", description="Only those that stand there now.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PromotionView]:
    """Promotions, the newest first."""
    before = decode_cursor(cursor, 1)
    wanted = queries.Wanted(market, None if where is None else str(where))
    async with db.read() as tx:
        found = await queries.promotions(tx, wanted, before[0] if before else None, limit, db.clock.now())
    return page_of(found, limit, lambda one: one, lambda one: (one.id,))


@get("/v1/promotions/{promotion_id:str}", opt=may(*_STAFF), tags=["promotions"])
async def show_promotion(promotion_id: PromotionPath, db: NamedDependency[Database]) -> PromotionDetailView:
    """A promotion with the codes that anybody may type, and the diary of what was done to it."""
    async with db.read() as tx:
        return await queries.promotion_detail(tx, promotion_id, db.clock.now())


@put("/v1/promotions/{promotion_id:str}", opt=may(*_MAKERS), tags=["promotions"])
async def rewrite_promotion(
    promotion_id: PromotionPath,
    data: JSONBody[PromotionBody],
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
) -> PromotionView:
    """Write a draft anew. What was submitted is not changed any more: withdraw it, and copy it."""
    async with db.transaction() as tx:
        now = db.clock.now()
        return await queries.promotion_view(tx, await edit_promotion(tx, promotion_id, data, principal.id, now), now)


@post(
    "/v1/promotions/{promotion_id:str}/submit",
    status_code=200,
    opt=may(*_MAKERS, idempotent=True),
    tags=["promotions"],
)
async def submit_promotion(
    promotion_id: PromotionPath,
    data: JSONBody[SubmitBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[PromotionView]:
    """Hand a draft to somebody else, who approves or rejects it."""
    return await _done(db, call, data, lambda tx, now: submit(tx, promotion_id, data.note, call.principal.id, now))


@post(
    "/v1/promotions/{promotion_id:str}/approve",
    status_code=200,
    opt=may(*_MAKERS, idempotent=True),
    tags=["promotions"],
)
async def approve_promotion(
    promotion_id: PromotionPath,
    data: JSONBody[ApproveBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[PromotionView]:
    """Say yes to a promotion that somebody else wrote and submitted. Look at its dry run first."""
    return await _done(db, call, data, lambda tx, now: approve(tx, promotion_id, data.note, call.principal.id, now))


@post(
    "/v1/promotions/{promotion_id:str}/reject",
    status_code=200,
    opt=may(*_MAKERS, idempotent=True),
    tags=["promotions"],
)
async def reject_promotion(
    promotion_id: PromotionPath,
    data: JSONBody[RejectBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[PromotionView]:
    """Say no, and why."""
    return await _done(db, call, data, lambda tx, now: reject(tx, promotion_id, data.note, call.principal.id, now))


@post(
    "/v1/promotions/{promotion_id:str}/schedule",
    status_code=200,
    opt=may(*_MAKERS, idempotent=True),
    tags=["promotions"],
)
async def schedule_promotion(
    promotion_id: PromotionPath,
    data: JSONBody[ScheduleBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[PromotionView]:
    """Put an approved promotion into its market's book: it starts as approved, in every channel at once."""
    return await _done(
        db, call, data, lambda tx, now: schedule(tx, promotion_id, data.starts_at, call.principal.id, now)
    )


@post(
    "/v1/promotions/{promotion_id:str}/withdraw",
    status_code=200,
    opt=may(*_MAKERS, idempotent=True),
    tags=["promotions"],
)
async def withdraw_promotion(
    promotion_id: PromotionPath,
    data: JSONBody[WithdrawBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[PromotionView]:
    """Take a promotion back that has not begun."""
    return await _done(db, call, data, lambda tx, now: withdraw(tx, promotion_id, data.note, call.principal.id, now))


@post(
    "/v1/promotions/{promotion_id:str}/stop",
    status_code=200,
    opt=may(*_STOPPERS, idempotent=True),
    tags=["promotions"],
)
async def stop_promotion(
    promotion_id: PromotionPath,
    data: JSONBody[StopBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[PromotionView]:
    """End a promotion that runs, ten seconds from now: in every channel at once."""
    return await _done(db, call, data, lambda tx, now: stop(tx, promotion_id, data.note, call.principal.id, now))


@post("/v1/promotions/{promotion_id:str}/copy", opt=may(*_MAKERS, idempotent=True), tags=["promotions"])
async def draft_again(
    promotion_id: PromotionPath,
    data: JSONBody[CopyBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[PromotionView]:
    """Draft the same again, without its time, its uses and its unique codes."""
    return await _done(
        db, call, data, lambda tx, now: copy_promotion(tx, promotion_id, data.name, call.principal.id, now), 201
    )


@get("/v1/promotions/{promotion_id:str}/dry-run", opt=may(*_STAFF), tags=["promotions"])
async def try_promotion(promotion_id: PromotionPath, db: NamedDependency[Database]) -> DryRunView:
    """What would come of a promotion as it stands: what it touches, what it meets, and whether it can apply at all."""
    return await dry_run(db, promotion_id, db.clock.now())


@post("/v1/promotions/{promotion_id:str}/codes", opt=may(*_MAKERS, idempotent=True), tags=["promotions"])
async def create_codes(
    promotion_id: PromotionPath,
    data: JSONBody[MakeCodesBody],
    db: NamedDependency[Database],
    call: NamedDependency[Call],
) -> Response[CodesMadeView]:
    """Make up to a million unique codes. They are read page by page, or all at once as CSV."""
    return await once(db, call, data, partial(_make, promotion_id, data, call.principal.id))


async def _make(promotion_id: str, data: MakeCodesBody, actor: str, tx: Session, now: datetime) -> CodesMadeView:
    return await make_codes(tx, promotion_id, data, actor, now)


@get("/v1/promotions/{promotion_id:str}/codes", opt=may(*_MAKERS), tags=["promotions"])
async def list_codes(
    promotion_id: PromotionPath,
    db: NamedDependency[Database],
    batch: BatchQuery = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CodeView]:
    """The codes of a promotion, and how often each was used."""
    after = decode_cursor(cursor, 1)
    async with db.read() as tx:
        found = await queries.codes(tx, promotion_id, batch, after[0] if after else "", limit)
    return page_of(found, limit, lambda one: one, lambda one: (one.code,))


@get("/v1/promotions/{promotion_id:str}/codes.csv", opt=may(*_MAKERS), tags=["promotions"], media_type="text/csv")
async def download_codes(
    promotion_id: PromotionPath, db: NamedDependency[Database], batch: BatchQuery = None
) -> Stream:
    """All codes of a promotion as CSV: code, batch, uses, most. However many, they are never in memory together."""
    async with db.read() as tx:
        await queries.codes(tx, promotion_id, batch, "", 1)  # A promotion that there is not is said before we begin.
    return Stream(_lines(db, promotion_id, batch), media_type="text/csv; charset=utf-8")


async def _lines(db: Database, promotion_id: str, batch: int | None) -> AsyncIterator[bytes]:
    """Line by line, as the reader takes them."""
    yield b"code,batch,uses,most\r\n"
    async for some in all_codes(db, promotion_id, batch):
        yield "".join(f"{one.code},{one.batch},{one.uses},{one.most or ''}\r\n" for one in some).encode()


async def _done(
    db: Database, call: Call, data: object, work: Callable[[Session, datetime], Awaitable[Stored]], status: int = 200
) -> Response[PromotionView]:
    """Take a step with a promotion, and answer how it stands then."""

    async def done(tx: Session, now: datetime) -> PromotionView:
        return await queries.promotion_view(tx, await work(tx, now), now)

    return await once(db, call, data, done, status)


ROUTES = [
    create_promotion,
    list_promotions,
    show_promotion,
    rewrite_promotion,
    submit_promotion,
    approve_promotion,
    reject_promotion,
    schedule_promotion,
    withdraw_promotion,
    stop_promotion,
    draft_again,
    try_promotion,
    create_codes,
    list_codes,
    download_codes,
]
