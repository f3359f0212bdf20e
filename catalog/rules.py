"""The catalog's decisions, pure: what a GTIN is, how a variant's status moves, where a category may hang."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from zoneinfo import available_timezones

from stdnum import ean

from commerce.kernel.money import digits_of

GTIN_LENGTHS = frozenset({8, 12, 13, 14})


class VariantStatus(StrEnum):
    """How far a variant is on its way through the catalog."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


MOVES: dict[VariantStatus, frozenset[VariantStatus]] = {
    VariantStatus.DRAFT: frozenset({VariantStatus.ACTIVE, VariantStatus.RETIRED}),
    VariantStatus.ACTIVE: frozenset({VariantStatus.RETIRED}),
    VariantStatus.RETIRED: frozenset({VariantStatus.ACTIVE}),
}
"""What was retired by mistake may come back; what was once public never becomes a draft again."""
assert MOVES.keys() == set(VariantStatus), "every status says where it may go"


class TaxClass(StrEnum):
    """Which of a market's tax rates a variant takes."""

    STANDARD = "standard"
    REDUCED = "reduced"
    ZERO = "zero"


class ChannelKind(StrEnum):
    """How a channel sells."""

    ONLINE = "online"
    RETAIL = "retail"


class LocationKind(StrEnum):
    """What a place that holds stock is."""

    WAREHOUSE = "warehouse"
    STORE = "store"


def is_gtin(text: str) -> bool:
    """Whether this is a GTIN-8, -12, -13 or -14 written in plain digits, with the right check digit."""
    return len(text) in GTIN_LENGTHS and text.isascii() and text.isdigit() and bool(ean.is_valid(text))


def is_currency(code: str) -> bool:
    """Whether ISO 4217 has this currency, with a smallest unit to count in."""
    try:
        return digits_of(code) >= 0
    except ValueError:
        return False


def is_time_zone(name: str) -> bool:
    """Whether this names a time zone of the IANA database, to the letter."""
    return name in _time_zones()


def would_cycle(parents: Mapping[str, str | None], category: str, parent: str | None) -> bool:
    """Whether hanging a category below that parent would make it its own ancestor."""
    seen: set[str] = set()
    while parent is not None and parent not in seen:
        if parent == category:
            return True
        seen.add(parent)
        parent = parents.get(parent)
    return False


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
