"""The catalog's own reads."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import select, text

from catalog.browse import VARIANT_JSON, decode_stored
from catalog.models import Category, Channel, Listing, Location, Market, Pairing
from catalog.schemas import (
    CategoryView,
    ChannelView,
    ListingView,
    LocationView,
    MarketView,
    PairingView,
    ProductView,
    VariantView,
)
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import NotFound

View = TypeVar("View")

_TREE = """
    WITH RECURSIVE tree (code, parent, name, path) AS (
        SELECT code, parent, name, ARRAY[code] FROM categories WHERE parent IS NULL
        UNION ALL
        SELECT c.code, c.parent, c.name, t.path || c.code FROM categories c JOIN tree t ON c.parent = t.code
    ) SELECT code, parent, name, path FROM tree
"""
_VARIANT = f"""
    json_build_object({VARIANT_JSON}, 'listings', coalesce(
        (SELECT json_agg(json_build_object('channel', l.channel, 'visible_from', l.visible_from,
                                           'visible_to', l.visible_to, 'certified_from', l.certified_from)
                         ORDER BY l.channel)
           FROM listings l WHERE l.sku = v.sku), CAST('[]' AS json)))
"""  # noqa: S608 - made of this module's constants; what a caller gave is bound
_CATEGORIES = text(f"{_TREE} ORDER BY path")
_CATEGORY = text(f"{_TREE} WHERE code = :code")
_PRODUCT = text(f"""
    SELECT p.code, p.title, p.description, p.warranty_months, p.warranty_terms,
           (SELECT CAST(json_agg({_VARIANT} ORDER BY v.sku) AS text) FROM variants v WHERE v.product = p.code)
      FROM products p WHERE p.code = :code
""")  # noqa: S608 - as above
_VARIANT_BY_SKU = text(f"SELECT CAST({_VARIANT} AS text) FROM variants v WHERE v.sku = :sku")  # noqa: S608 - as above


async def markets(tx: ReadSession, after: str, limit: int) -> list[MarketView]:
    """Markets by code; one more than the limit if there is more."""
    rows = await tx.execute(select(Market).where(Market.code > after).order_by(Market.code).limit(limit + 1))
    return _shown(rows.scalars().all(), MarketView)


async def market_by_code(tx: ReadSession, code: str) -> MarketView:
    """One market as it is stored now. Raises NotFound."""
    return _one(await tx.get(Market, code, populate_existing=True), MarketView, "market", code)


async def channels(tx: ReadSession, market: str | None, after: str, limit: int) -> list[ChannelView]:
    """Channels by code, of one market or all; one more than the limit if there is more."""
    wanted = select(Channel).where(Channel.code > after).order_by(Channel.code).limit(limit + 1)
    rows = await tx.execute(wanted if market is None else wanted.where(Channel.market == market))
    return _shown(rows.scalars().all(), ChannelView)


async def channel_by_code(tx: ReadSession, code: str) -> ChannelView:
    """One channel as it is stored now. Raises NotFound."""
    return _one(await tx.get(Channel, code, populate_existing=True), ChannelView, "channel", code)


async def locations(tx: ReadSession, market: str | None, after: str, limit: int) -> list[LocationView]:
    """Locations by code, of one market or all; one more than the limit if there is more."""
    wanted = select(Location).where(Location.code > after).order_by(Location.code).limit(limit + 1)
    rows = await tx.execute(wanted if market is None else wanted.where(Location.market == market))
    return _shown(rows.scalars().all(), LocationView)


async def location_by_code(tx: ReadSession, code: str) -> LocationView:
    """One location as it is stored now. Raises NotFound."""
    return _one(await tx.get(Location, code, populate_existing=True), LocationView, "location", code)


async def categories(tx: ReadSession) -> list[CategoryView]:
    """The whole tree, each category after the one it hangs below."""
    return [CategoryView(*row) for row in await tx.execute(_CATEGORIES)]


async def category_by_code(tx: ReadSession, code: str) -> CategoryView:
    """One category and its path. Raises NotFound."""
    row = (await tx.execute(_CATEGORY, {"code": code})).one_or_none()
    if row is None:
        raise NotFound("category", code)
    return CategoryView(*row)


async def parents(tx: ReadSession) -> dict[str, str | None]:
    """What each category hangs below."""
    return {row.code: row.parent for row in await tx.execute(select(Category.code, Category.parent))}


async def product_by_code(tx: ReadSession, code: str) -> ProductView:
    """A product with every variant and listing, in one statement. Raises NotFound."""
    row = (await tx.execute(_PRODUCT, {"code": code})).one_or_none()
    if row is None:
        raise NotFound("product", code)
    title, description, months, terms, variants = row[1:]
    return ProductView(code, title, description, months, terms, decode_stored(variants or "[]", list[VariantView]))


async def variant_by_sku(tx: ReadSession, sku: str) -> VariantView:
    """A variant with its listings, in one statement. Raises NotFound."""
    found = (await tx.execute(_VARIANT_BY_SKU, {"sku": sku})).scalar_one_or_none()
    if found is None:
        raise NotFound("variant", sku)
    return decode_stored(found, VariantView)


async def listing_of(tx: ReadSession, channel: str, sku: str) -> ListingView:
    """One variant's listing in one channel. Raises NotFound."""
    return _one(await tx.get(Listing, (channel, sku)), ListingView, "listing", f"{channel} {sku}")


async def pairings(tx: ReadSession, after: str, limit: int) -> list[PairingView]:
    """Pairings by code; one more than the limit if there is more."""
    rows = await tx.execute(select(Pairing).where(Pairing.code > after).order_by(Pairing.code).limit(limit + 1))
    return _shown(rows.scalars().all(), PairingView)


async def pairing_by_code(tx: ReadSession, code: str) -> PairingView:
    """One pairing as it is stored now. Raises NotFound."""
    return _one(await tx.get(Pairing, code, populate_existing=True), PairingView, "pairing", code)


def _shown(rows: Sequence[Any], shape: type[View]) -> list[View]:
    return [msgspec.convert(row, shape, from_attributes=True) for row in rows]


def _one(row: object | None, shape: type[View], what: str, code: str) -> View:
    if row is None:
        raise NotFound(what, code)
    return msgspec.convert(row, shape, from_attributes=True)
