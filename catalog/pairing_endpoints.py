"""Pairings over HTTP: what goes with what, as merchandisers see it."""

from typing import Annotated

from litestar import Response, delete, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from catalog import queries
from catalog.pair import pair
from catalog.schemas import PairingBody, PairingView
from catalog.unpair import unpair
from commerce.kernel.access import Role, may
from commerce.kernel.db import Database
from commerce.kernel.etags import with_etag
from commerce.kernel.http import AnyRequest
from commerce.kernel.pages import LIMIT_MAX, Page, decode_cursor, page_of

_EDITORS = (Role.MERCHANDISER, Role.ADMIN)
_STAFF = (Role.MERCHANDISER, Role.ANALYST, Role.OPERATOR, Role.ADMIN)

CodePath = Annotated[
    str,
    PathParameter(
        max_length=100, pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*(?!\n)$", description="The pairing's code."
    ),
]


@put("/v1/catalog/pairings/{code:str}", opt=may(*_EDITORS), tags=["catalog"])
async def put_pairing(code: CodePath, data: JSONBody[PairingBody], db: NamedDependency[Database]) -> PairingView:
    """Say what goes with what, such as cases with phones. Reports start attach programs from it."""
    async with db.transaction() as tx:
        return await pair(tx, code, data, db.clock.now())


@get("/v1/catalog/pairings", opt=may(*_STAFF), tags=["catalog"])
async def list_pairings(
    request: AnyRequest,
    db: NamedDependency[Database],
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="How many rows at the most.")] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=500, description="Where the page before ended.")] = None,
) -> Response[Page[PairingView]]:
    """What goes with what, by the pairings' codes."""
    async with db.read() as tx:
        rows = await queries.pairings(tx, (decode_cursor(cursor, 1) or ("",))[0], limit)
    return with_etag(request, page_of(rows, limit, lambda row: row, lambda row: (row.code,)))


@get("/v1/catalog/pairings/{code:str}", opt=may(*_STAFF), tags=["catalog"])
async def show_pairing(request: AnyRequest, code: CodePath, db: NamedDependency[Database]) -> Response[PairingView]:
    """One pairing."""
    async with db.read() as tx:
        return with_etag(request, await queries.pairing_by_code(tx, code))


@delete("/v1/catalog/pairings/{code:str}", opt=may(*_EDITORS), tags=["catalog"])
async def delete_pairing(code: CodePath, db: NamedDependency[Database]) -> None:
    """Say no more that these go together. What was made from the pairing stays."""
    async with db.transaction() as tx:
        await unpair(tx, code)


ROUTES = [put_pairing, list_pairings, show_pairing, delete_pairing]
