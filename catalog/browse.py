"""Browse: products with the variants a shopper may see, found by text, category and attributes, in one statement."""

from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from typing import Any, TypeVar

import msgspec
from sqlalchemy import TextClause, text

from catalog.known import category_must_be_known
from catalog.selectors import as_stored
from catalog.words import FOUND, WITH_ALL, WITHOUT_ANY, terms_of
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import InvalidInput

Shape = TypeVar("Shape")


class BrowseFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted. With a channel: only what it shows at that instant; without one: everything there is.

    `attributes` are (name, value) pairs: every name must match, by any of the values given for it.
    """

    channel: str | None = None
    product: str | None = None
    """The code of the one product that is wanted."""
    q: str | None = None
    """Words that each must match, in the variant, its product or its categories; blank is no filter."""
    category: str | None = None
    attributes: Sequence[tuple[str, str]] = ()
    status: str | None = None
    after: str | None = None
    """The code of the last product of the page before."""
    limit: int = 50


class VariantRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A variant that matches. The last three are its listing, left out where no channel was asked for."""

    sku: str
    name: str
    category: str
    brand: str | None
    gtin: str | None
    tax_class: str
    attributes: dict[str, Any] | None
    serial_numbered: bool
    status: str
    visible_from: datetime | None = None
    visible_to: datetime | None = None
    certified_from: datetime | None = None


class ProductRow(msgspec.Struct, frozen=True):
    """A product and those of its variants that match, by sku."""

    code: str
    title: str
    description: str
    warranty_months: int
    warranty_terms: str
    variants: list[VariantRow]


VARIANT_JSON = """
    'sku', v.sku, 'name', v.name, 'category', v.category, 'brand', v.brand, 'gtin', v.gtin,
    'tax_class', v.tax_class, 'attributes', v.attributes, 'serial_numbered', v.serial_numbered, 'status', v.status
"""
"""A variant's columns as pairs for json_build_object; nothing here comes from a caller."""

_LISTED_JSON = ", 'visible_from', l.visible_from, 'visible_to', l.visible_to, 'certified_from', l.certified_from"
_LISTED = """
    JOIN listings l ON l.sku = v.sku AND l.channel = :channel AND v.status = 'active'
     AND l.visible_from <= :now AND (l.visible_to IS NULL OR l.visible_to > :now)
"""
_BELOW = """
    v.category IN (
        WITH RECURSIVE below (code) AS (
            SELECT CAST(:category AS text) COLLATE "C"
            UNION SELECT c.code FROM categories c JOIN below b ON c.parent = b.code
        ) SELECT code FROM below)
"""


async def browse(tx: ReadSession, wanted: BrowseFilter, now: datetime) -> list[ProductRow]:
    """The products with at least one matching variant, by code; one more than the limit if there is more.

    A product comes with those variants only that match the whole filter. Raises UnknownReference for a category that
    does not exist.
    """
    facts: dict[str, Any] = {"after": wanted.after or "", "most": wanted.limit + 1}
    conditions = [
        *_plain_conditions(wanted, facts),
        *_word_conditions(wanted.q or "", facts),
        *_attribute_conditions(wanted.attributes, facts),
    ]
    if wanted.channel is not None:
        facts |= {"channel": wanted.channel, "now": now}
    statement = _statement(conditions, searched="terms" in facts, listed=wanted.channel is not None)
    rows = (await tx.execute(statement, facts)).all()
    if not rows and wanted.category is not None:
        await category_must_be_known(tx, wanted.category)
    return [
        ProductRow(code, title, description, months, terms, decode_stored(variants, list[VariantRow]))
        for code, title, description, months, terms, variants in rows
    ]


def decode_stored(text: str, shape: type[Shape]) -> Shape:
    """Stored JSON as a shape. Imported attributes may hold numbers beyond any machine's; those come as their text."""
    return msgspec.json.Decoder(shape, float_hook=_number).decode(text)


def attribute_pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Read `name:value` filters. Raises InvalidInput for one without a colon, a name or a value."""
    pairs = [tuple(text.partition(":")[::2]) for text in texts]
    if not all(name and value for name, value in pairs):
        raise InvalidInput("attribute", "Write it as name:value, such as color:Black.")
    return [(name, value) for name, value in pairs]


def _number(text: str) -> float | str:
    number = float(text)
    return number if isfinite(number) else text


def _plain_conditions(wanted: BrowseFilter, facts: dict[str, Any]) -> list[str]:
    given = {
        "product": (wanted.product, "v.product = :product"),
        "category": (wanted.category, _BELOW),
        "status": (wanted.status, "v.status = :status"),
    }
    asked = {name: (value, condition) for name, (value, condition) in given.items() if value is not None}
    facts |= {name: value for name, (value, _) in asked.items()}
    return [condition for _, condition in asked.values()]


def _word_conditions(q: str, facts: dict[str, Any]) -> list[str]:
    wanted, unwanted = terms_of(q)
    if wanted or unwanted:
        facts |= {"terms": [*wanted, *unwanted], "places": [*range(len(wanted)), *range(-len(unwanted), 0)]}
    return [*([WITH_ALL] if wanted else []), *([WITHOUT_ANY] if unwanted else [])]


def _attribute_conditions(attributes: Sequence[tuple[str, str]], facts: dict[str, Any]) -> list[str]:
    by_name: dict[str, list[str]] = {}
    for name, value in attributes:
        by_name.setdefault(name, []).append(value)
    conditions = []
    for name, values in by_name.items():
        choices = []
        for held in (held for value in values for held in as_stored(name, value)):
            key = f"attribute_{len(facts)}"
            facts[key] = held
            choices.append(f"v.options @> CAST(:{key} AS jsonb)")
        conditions.append(f"({' OR '.join(choices)})")
    return conditions


def _statement(conditions: Sequence[str], *, searched: bool, listed: bool) -> TextClause:
    """Walk the products in order of their codes and look at each one's variants, so that a page costs a page.

    A filter on variants is asked first by itself, so that its index narrows the walk.
    """
    matching = "".join(f" AND {condition}" for condition in conditions)
    narrowed = f" AND p.code IN (SELECT v.product FROM variants v WHERE true {matching})" if conditions else ""  # noqa: S608 - made of this module's constants; what a caller gave is bound
    return text(f"""
        {f"WITH RECURSIVE {FOUND}" if searched else ""}
        SELECT p.code, p.title, p.description, p.warranty_months, p.warranty_terms, m.variants
          FROM products p
         CROSS JOIN LATERAL (
            SELECT CAST(json_agg(json_build_object({VARIANT_JSON} {_LISTED_JSON if listed else ""})
                                 ORDER BY v.sku) AS text) AS variants
              FROM variants v {_LISTED if listed else ""}
             WHERE v.product = p.code {matching}) m
         WHERE p.code > :after AND m.variants IS NOT NULL {narrowed}
         ORDER BY p.code LIMIT :most
    """)  # noqa: S608 - as above
