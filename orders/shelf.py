"""The shelf: what a buyer finds in a channel now, what it costs, and how many there are."""

from datetime import datetime
from typing import Any

import msgspec

from catalog.browse import BrowseFilter, ProductRow, VariantRow, browse
from catalog.known import channel_must_be_known
from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.pages import Page, page_of
from commerce.kernel.refusals import NotFound
from inventory.available_to_promise import available_to_promise
from pricing.prices import ChannelPrice, prices_in_channel


class ShelfVariant(msgspec.Struct, frozen=True):
    """A variant on the shelf. It may be bought when `buyable`: it is certified here and has a price."""

    sku: str
    name: str
    brand: str | None
    gtin: str | None
    attributes: dict[str, Any]
    serial_numbered: bool
    price: Amount | None
    available: int
    """Units that can be shipped now (online), or that lie in stores (retail): a reading, not a promise."""
    certified_from: datetime | None
    buyable: bool


class ShelfProduct(msgspec.Struct, frozen=True):
    """A product on the shelf; its warranty is the same in every channel."""

    code: str
    title: str
    description: str
    category: str
    warranty_months: int
    warranty_terms: str
    variants: list[ShelfVariant]


async def look_at_shelf(tx: ReadSession, channel: str, wanted: BrowseFilter, now: datetime) -> Page[ShelfProduct]:
    """A page of what a channel shows, with prices and availability: three statements, however many products.

    Raises UnknownReference for a channel that does not exist.
    """
    products = await browse(tx, msgspec.structs.replace(wanted, channel=channel), now)
    if not products:
        await channel_must_be_known(tx, channel)
    skus = [variant.sku for product in products for variant in product.variants]
    prices = await prices_in_channel(tx, channel, skus, now)
    free = await available_to_promise(tx, channel, skus, now)

    def shown(product: ProductRow) -> ShelfProduct:
        variants = [_variant(variant, prices.get(variant.sku), free[variant.sku], now) for variant in product.variants]
        return ShelfProduct(
            product.code,
            product.title,
            product.description,
            product.variants[0].category,
            product.warranty_months,
            product.warranty_terms,
            variants,
        )

    return page_of(products, wanted.limit, shown, lambda product: (product.code,))


async def look_at_product(tx: ReadSession, channel: str, code: str, now: datetime) -> ShelfProduct:
    """One product as the channel shows it now. Raises UnknownReference for the channel, NotFound for the product."""
    page = await look_at_shelf(tx, channel, BrowseFilter(product=code, limit=1), now)
    if not page.items:
        raise NotFound("product", code)
    return page.items[0]


def _variant(variant: VariantRow, price: ChannelPrice | None, available: int, now: datetime) -> ShelfVariant:
    certified = variant.certified_from is not None and variant.certified_from <= now
    return ShelfVariant(
        variant.sku,
        variant.name,
        variant.brand,
        variant.gtin,
        variant.attributes or {},
        variant.serial_numbered,
        Amount(*price) if price else None,
        available,
        variant.certified_from,
        certified and price is not None,
    )
