"""The dead shelf over HTTP: reactions that kept failing, for a person to look at and try again."""

from typing import Annotated

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import Meta

from commerce.kernel.access import Role, may
from commerce.kernel.db import Database
from commerce.kernel.pages import Limit, Page, decode_cursor, page_of
from commerce.kernel.relay import DeadDelivery, Lag, dead_deliveries, outbox_lag, retry_dead

MessageId = Annotated[
    str, Meta(max_length=100, description="The event's id.", examples=["evt_019a4bd2c0c07b5c8f5b0e6f3d1c2a9e"])
]
ReactionName = Annotated[str, Meta(max_length=200, description="The reaction's name.")]
Cursor = Annotated[str, Meta(max_length=1000, description="Where to go on: the last page's `next_cursor`.")]


@get("/v1/dead-deliveries", opt=may(Role.OPERATOR, Role.ADMIN), tags=["operations"])
async def show_dead_shelf(
    db: NamedDependency[Database], limit: FromQuery[Limit] = 50, cursor: FromQuery[Cursor | None] = None
) -> Page[DeadDelivery]:
    """List the reactions that kept failing, with the event and the last error, the oldest event first."""
    after = decode_cursor(cursor, 2)
    async with db.read() as tx:
        dead = await dead_deliveries(tx, after, limit)
    return page_of(dead, limit, lambda one: one, lambda one: (one.message_id, one.reaction))


@post(
    "/v1/dead-deliveries/{message_id:str}/{reaction:str}/retry",
    opt=may(Role.OPERATOR, Role.ADMIN),
    status_code=204,
    tags=["operations"],
)
async def retry_delivery(
    message_id: FromPath[MessageId], reaction: FromPath[ReactionName], db: NamedDependency[Database]
) -> None:
    """Take a reaction off the shelf and let it be tried anew. What is not on the shelf (any more) is not found."""
    async with db.transaction() as tx:
        await retry_dead(tx, message_id, reaction, db.clock.now())


@get("/v1/outbox", opt=may(Role.OPERATOR, Role.ADMIN), tags=["operations"])
async def show_outbox(db: NamedDependency[Database]) -> Lag:
    """Show how far behind the reactions are: events not seen yet, reactions open and dead, and the oldest one's age."""
    async with db.read() as tx:
        return await outbox_lag(tx, db.clock.now())


ROUTES = [show_dead_shelf, retry_delivery, show_outbox]
