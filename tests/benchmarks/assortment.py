"""A made-up assortment of 10,000 skus with 200 live promotions, plain enough to be told to any shop's engine.

Categories are ten departments of ten shelves each. Of the promotions 60 are about a shelf or a department, 50 about a
brand, 64 about a list of skus, ten need a code, 12 are multibuys of a shelf and four are about the whole order.
"""

from random import Random
from typing import Any

import msgspec

from pricing.rules.basket import Basket
from pricing.rules.book import Book, Category, Item
from pricing.rules.codes import hash_of
from pricing.rules.promotion import Promotion
from tests.books import MARKET, WEB, basket, book, item, promotion

SKUS = 10_000
DEPARTMENTS = [f"department-{n}" for n in range(10)]
SHELVES = [f"{department}-{n}" for department in DEPARTMENTS for n in range(10)]
BRANDS = [f"brand-{n:02d}" for n in range(50)]


class Product(msgspec.Struct):
    """A thing that is sold."""

    sku: str
    price: int
    shelf: str
    brand: str


class Offer(msgspec.Struct):
    """A promotion: what it is about (any of these, or everything), what it gives, and what it asks for."""

    name: str
    kind: str
    """percent, three_for_two or order"""
    categories: list[str] = []
    brands: list[str] = []
    skus: list[str] = []
    percent: int = 0
    subtotal: int = 0
    code: str | None = None


class Assortment(msgspec.Struct):
    """Everything that is sold, and every promotion."""

    products: list[Product]
    offers: list[Offer]


def make(skus: int = SKUS) -> Assortment:
    """The same assortment every time."""
    dice = Random("assortment")  # noqa: S311 - a benchmark's prices are no secret
    products = [
        Product(f"SKU-{n:05d}", dice.randrange(99, 99_999), dice.choice(SHELVES), dice.choice(BRANDS))
        for n in range(skus)
    ]
    names = [product.sku for product in products]
    offers = [
        *(Offer(f"shelf-{n:02d}", "percent", categories=[dice.choice(SHELVES)]) for n in range(55)),
        *(Offer(f"department-{n}", "percent", categories=[dice.choice(DEPARTMENTS)]) for n in range(5)),
        *(Offer(f"brand-{n:02d}", "percent", brands=[dice.choice(BRANDS)]) for n in range(50)),
        *(Offer(f"list-{n:02d}", "percent", skus=sorted(dice.sample(names, 50))) for n in range(64)),
        *(Offer(f"code-{n}", "percent", categories=[dice.choice(DEPARTMENTS)], code=f"CODE{n}") for n in range(10)),
        *(Offer(f"multibuy-{n:02d}", "three_for_two", categories=[dice.choice(SHELVES)]) for n in range(12)),
        *(Offer(f"order-{n}", "order", subtotal=200_000 * (n + 1)) for n in range(4)),
    ]
    for offer in offers:
        offer.percent = dice.randrange(3, 31)
    return Assortment(products, offers)


def as_book(assortment: Assortment) -> Book:
    """The assortment as our price book."""
    categories = [Category(code, None) for code in DEPARTMENTS]
    categories += [Category(code, code.rpartition("-")[0]) for code in SHELVES]
    return book(
        [as_item(one) for one in assortment.products],
        [as_promotion(one) for one in assortment.offers],
        categories=sorted(categories, key=lambda one: one.code),
    )


def as_item(one: Product) -> Item:
    """A product as a book has it."""
    return item(one.sku, one.price, category=one.shelf, brand=one.brand)


def as_promotion(one: Offer) -> Promotion:
    """A promotion as a book has it: those of the whole order run after the others."""
    benefit: dict[str, Any] = {"kind": "percent", "share": one.percent * 100}
    if one.kind == "three_for_two":
        benefit = {"kind": "buy_get", "buy": 2, "get": 1}
    items = {"categories": one.categories, "brands": one.brands, "skus": one.skus}
    hashes = [hash_of(MARKET, one.code)] if one.code is not None else []
    if one.kind == "order":
        benefit["on"] = "order"
    return promotion(
        one.name,
        benefit,
        conditions={"items": items, "subtotal": one.subtotal, "code_hashes": hashes},
        lane=2 if one.kind == "order" else 1,
    )


def baskets(assortment: Assortment, lines: int, number: int) -> list[Basket]:
    """So many baskets of so many lines, the same ones every time."""
    dice = Random(f"{lines} lines")  # noqa: S311 - as above
    return [
        basket(
            *((one.sku, dice.choice([1, 1, 2, 3])) for one in dice.sample(assortment.products, lines)),
            channel=WEB,
            codes=dice.choice([[], [], [f"CODE{dice.randrange(10)}"]]),
        )
        for _ in range(number)
    ]
