"""The shelf: what a buyer finds in a channel now, what it costs, and how many there are."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from catalog.browse import BrowseFilter, ProductRow, VariantRow, browse
from catalog.known import channel_must_be_known
from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession, Session
from commerce.kernel.pages import Page, page_of
from commerce.kernel.refusals import NotFound
from inventory.available_to_promise import available_to_promise
from orders.basket_facts import Asking, facts_of_baskets
from orders.quote import micros
from pricing.books.current import CurrentBooks
from pricing.rules import Prepared, UnitPrice, unit_price
from pricing.rules.quoted import CannotQuote


class ShelfVariant(msgspec.Struct, frozen=True):
    """A variant on the shelf. It may be bought when `buyable`: it is certified here and has a price."""

    sku: str
    name: str
    brand: str | None
    gtin: str | None
    attributes: dict[str, Any]
    serial_numbered: bool
    price: Annotated[Amount | None, Meta(description="What it costs here, before promotions.")]
    recommended_price: Annotated[Amount | None, Meta(description="What is recommended in this market.")]
    reduced_price: Annotated[
        Amount | None,
        Meta(description="What one unit costs now whoever comes in, promotions and all, if that is less; else null."),
    ]
    prior_price: Annotated[
        Amount | None,
        Meta(
            description="Where that is less than before: the lowest that it was here in the days before (98/6/EC, 6a)."
        ),
    ]
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


class Shelf(NamedTuple):
    """Where somebody looks: in a channel, and in which of its stores where that is known."""

    channel: str
    store: str | None = None


async def look_at_shelf(
    books: CurrentBooks, tx: Session, shelf: Shelf, wanted: BrowseFilter, now: datetime
) -> Page[ShelfProduct]:
    """A page of what a channel shows, with prices and availability: three statements, however many products.

    One more where promotions run whose uses are counted. What a unit costs is what a quote of it says where nobody is
    named; as for a quote, a book that is over is followed by the next one first. Raises UnknownReference for a channel
    that does not exist.
    """
    products = await browse(tx, msgspec.structs.replace(wanted, channel=shelf.channel), now)
    if not products:
        await channel_must_be_known(tx, shelf.channel)
    skus = [variant.sku for product in products for variant in product.variants]
    book = await books.of_channel(tx, shelf.channel, now)
    prices = await _prices(tx, book, shelf, skus, now) if book is not None else {}
    free = await available_to_promise(tx, shelf.channel, skus, now)

    def shown(product: ProductRow) -> ShelfProduct:
        variants = [
            _variant(variant, prices.get(variant.sku, _NOT_SOLD), free[variant.sku], now)
            for variant in product.variants
        ]
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


async def look_at_product(books: CurrentBooks, tx: Session, shelf: Shelf, code: str, now: datetime) -> ShelfProduct:
    """One product as the channel shows it now. Raises UnknownReference for the channel, NotFound for the product."""
    page = await look_at_shelf(books, tx, shelf, BrowseFilter(product=code, limit=1), now)
    if not page.items:
        raise NotFound("product", code)
    return page.items[0]


class _Shown(NamedTuple):
    price: Amount | None
    recommended: Amount | None
    reduced: Amount | None
    prior: Amount | None


_NOT_SOLD = _Shown(None, None, None, None)


async def _prices(
    tx: ReadSession, book: Prepared, shelf: Shelf, skus: Sequence[str], now: datetime
) -> Mapping[str, _Shown]:
    """What each sku costs by a book, for a buyer whom nobody knows; what is not sold is left out."""
    at, shown = micros(now), {}
    [stranger] = await facts_of_baskets(tx, [Asking(shelf.channel, codes=(), buyer=None, book=book)], at)
    for sku in skus:
        with suppress(CannotQuote):
            unit = unit_price(book, shelf.channel, sku, at, shelf.store, stranger.customer)
            shown[sku] = _shown(unit, book.book.currency)
    return shown


def _shown(unit: UnitPrice, currency: str) -> _Shown:
    return _Shown(
        Amount(unit.price, currency),
        Amount(unit.recommended, currency),
        Amount(unit.reduced, currency) if unit.reduced < unit.price else None,
        Amount(unit.prior.amount, currency) if unit.prior is not None else None,
    )


def _variant(variant: VariantRow, shown: _Shown, available: int, now: datetime) -> ShelfVariant:
    certified = variant.certified_from is not None and variant.certified_from <= now
    return ShelfVariant(
        variant.sku,
        variant.name,
        variant.brand,
        variant.gtin,
        variant.attributes or {},
        variant.serial_numbered,
        shown.price,
        shown.recommended,
        shown.reduced,
        shown.prior,
        available,
        variant.certified_from,
        certified and shown.price is not None,
    )
