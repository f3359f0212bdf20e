"""Named sets over HTTP: defined by who works with figures, in versions that answers cite."""

from typing import Annotated

from litestar import get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from commerce.kernel.access import Principal, Role, may
from commerce.kernel.db import Database
from commerce.kernel.pages import Limit, Page, decode_cursor, page_of
from orders.reports.define_set import define_set
from orders.reports.endpoints import READERS
from orders.reports.set_schemas import SetBody, SetDetailView, SetVersionView
from orders.reports.sets import set_detail, set_page

DEFINERS = (Role.ANALYST, Role.MERCHANDISER, Role.ADMIN)

Cursor = Annotated[str | None, QueryParameter(max_length=500, description="The last page's `next_cursor`.")]
SetPath = Annotated[
    str,
    PathParameter(max_length=100, pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*(?!\n)$", description="The set's code."),
]


@put("/v1/reports/sets/{code:str}", opt=may(*DEFINERS), tags=["reports"])
async def put_set(
    code: SetPath, data: JSONBody[SetBody], db: NamedDependency[Database], principal: NamedDependency[Principal]
) -> SetVersionView:
    """Let a name stand for selectors, for reports to ask for `set:CODE`. Another meaning is another version.

    Reports take the version that was in force at their as-of, and cite it.
    """
    async with db.transaction() as tx:
        return await define_set(tx, code, data, principal.id, db.clock.now())


@get("/v1/reports/sets", opt=may(*READERS), tags=["reports"])
async def list_sets(db: NamedDependency[Database], limit: Limit = 50, cursor: Cursor = None) -> Page[SetVersionView]:
    """Every named set as it is now, by code."""
    async with db.read() as tx:
        found = await set_page(tx, (decode_cursor(cursor, 1) or ("",))[0], limit)
    return page_of(found, limit, lambda one: one, lambda one: (one.code,))


@get("/v1/reports/sets/{code:str}", opt=may(*READERS), tags=["reports"])
async def show_set(code: SetPath, db: NamedDependency[Database]) -> SetDetailView:
    """A named set with its versions, and how many skus are in it now."""
    async with db.read() as tx:
        return await set_detail(tx, code, db.clock.now())


ROUTES = (put_set, list_sets, show_set)
