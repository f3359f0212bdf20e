"""The routes a storefront's pages are made from."""

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from catalog.browse import BrowseFilter, attribute_pairs
from commerce.kernel.access import EVERY_ROLE, Principal, may, must_sell_in
from commerce.kernel.db import Database
from commerce.kernel.etags import with_etag
from commerce.kernel.http import AnyRequest
from commerce.kernel.pages import Limit, Page, decode_cursor
from orders.shelf import Shelf, ShelfProduct, look_at_product, look_at_shelf
from pricing.books.current import CurrentBooks

Text = Annotated[str, QueryParameter(max_length=200, pattern=r"^[^\x00]*$")]


@get("/v1/products", opt=may(*EVERY_ROLE), tags=["catalog"])
async def list_products(  # noqa: PLR0913, PLR0917 - each is a filter of the list
    request: AnyRequest,
    db: NamedDependency[Database],
    books: NamedDependency[CurrentBooks],
    principal: NamedDependency[Principal],
    channel: Annotated[str, QueryParameter(max_length=100, description="The channel whose shelf it is.")],
    q: Annotated[Text | None, QueryParameter(description="Words to look for.")] = None,
    category: Annotated[Text | None, QueryParameter(description="A category, with all below it.")] = None,
    attribute: Annotated[
        list[str] | None, QueryParameter(max_items=20, description="`name:value`, repeated as needed.")
    ] = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=500)] = None,
) -> Response[Page[ShelfProduct]]:
    """What a channel shows now, with prices and availability. Send the ETag back to learn whether anything changed."""
    shelf = _shelf_of(principal, channel)
    after = decode_cursor(cursor, 1)
    wanted = BrowseFilter(
        q=q,
        category=category,
        attributes=attribute_pairs(attribute or []),
        after=after[0] if after else None,
        limit=limit,
    )
    async with db.transaction() as tx:
        page = await look_at_shelf(books, tx, shelf, wanted, db.clock.now())
    return with_etag(request, page)


@get("/v1/products/{code:str}", opt=may(*EVERY_ROLE), tags=["catalog"])
async def show_product(
    request: AnyRequest,
    code: Annotated[str, PathParameter(max_length=100, description="The product's code.")],
    db: NamedDependency[Database],
    books: NamedDependency[CurrentBooks],
    principal: NamedDependency[Principal],
    channel: Annotated[str, QueryParameter(max_length=100, description="The channel whose shelf it is.")],
) -> Response[ShelfProduct]:
    """One product as a channel shows it now. Send the ETag back to learn whether anything changed."""
    shelf = _shelf_of(principal, channel)
    async with db.transaction() as tx:
        product = await look_at_product(books, tx, shelf, code, db.clock.now())
    return with_etag(request, product)


def _shelf_of(principal: Principal, channel: str) -> Shelf:
    """Let staff look at any shelf, and keys that sell at their own, a till at its store's. Raises WrongChannel."""
    if principal.channel is not None:
        must_sell_in(principal, channel)
    return Shelf(channel, principal.location)


ROUTES = [list_products, show_product]
