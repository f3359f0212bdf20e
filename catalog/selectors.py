"""Selectors: which variants are meant, in a few characters. `category:phones` is every variant in it and below.

Nothing here touches a database; who belongs to what is asked of `catalog.members`.
"""

import re
from enum import StrEnum
from typing import NamedTuple

import msgspec

from commerce.kernel.refusals import InvalidInput

_PLAIN = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?|true|false", re.ASCII)
"""A JSON number or truth value, as far as attributes go."""
FORMS = "sku:…, product:…, category:…, brand:… or attribute:name=value"


class SelectorKind(StrEnum):
    """By what variants are selected."""

    SKU = "sku"
    PRODUCT = "product"
    CATEGORY = "category"
    """With all below."""
    BRAND = "brand"
    ATTRIBUTE = "attribute"


class Selector(NamedTuple):
    """Some variants, and the field of the request in which they were named."""

    field: str
    kind: SelectorKind
    value: str
    name: str = ""
    """Of the attribute."""

    def __str__(self) -> str:
        name = f"{self.name}=" if self.name else ""
        return f"{self.kind}:{name}{self.value}"


def selector_of(field: str, text: str) -> Selector:
    """Read a selector. An attribute's name ends at the first `=`. Raises InvalidInput for the field."""
    kind, _, what = text.partition(":")
    is_attribute = kind == SelectorKind.ATTRIBUTE
    name, _, value = what.partition("=") if is_attribute else ("", "", what)
    if kind not in set(SelectorKind) or not value or bool(name) != is_attribute or "\0" in text:
        raise InvalidInput(field, f"{text!r} selects nothing. Write it as {FORMS}.")
    return Selector(field, SelectorKind(kind), value, name)


def as_stored(name: str, value: str) -> list[str]:
    """An attribute as JSON: as a text, and as the number or truth value that is written the same."""
    key = msgspec.json.encode(name).decode()
    as_text = f"{{{key}: {msgspec.json.encode(value).decode()}}}"
    return [as_text, f"{{{key}: {value}}}"] if _PLAIN.fullmatch(value) else [as_text]
