"""The catalog's decisions, pure: what a GTIN is, how a variant's status moves, where a category may hang."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from zoneinfo import available_timezones

from stdnum import ean

from catalog.errors import InvalidGtin
from commerce.kernel.money import digits_of
from commerce.kernel.refusals import InvalidInput

GTIN_LENGTHS = frozenset({8, 12, 13, 14})
DEGREE_DIGITS_MAX = 9
FIRST_INSTANT = datetime(1900, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(3000, 1, 1, tzinfo=UTC)


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


def check_currency(code: str) -> None:
    """A market needs a currency that ISO 4217 has, with a smallest unit to count in. Raises InvalidInput."""
    try:
        digits_of(code)
    except ValueError:
        raise InvalidInput("currency", f"{code!r} is not an ISO 4217 currency with a smallest unit.") from None


def check_countries(countries: Sequence[str]) -> None:
    """A country belongs to a market once. Raises InvalidInput."""
    if len(set(countries)) < len(countries):
        raise InvalidInput("countries", "A country is named twice.")


def check_time_zone(name: str) -> None:
    """Business days need a zone of the IANA database, named to the letter. Raises InvalidInput."""
    if name not in _time_zones():
        raise InvalidInput("time_zone", f"{name!r} is not an IANA time zone.")


def check_position(latitude: Decimal | None, longitude: Decimal | None) -> None:
    """A place on earth has both degrees or neither. Raises InvalidInput."""
    if (latitude is None) != (longitude is None):
        raise InvalidInput("longitude", "A position has a latitude and a longitude, or neither.")
    _check_degrees("latitude", latitude, 90)
    _check_degrees("longitude", longitude, 180)


def check_days(opened_on: date | None, closed_on: date | None) -> None:
    """A place cannot close before it opens. Raises InvalidInput."""
    if opened_on is not None and closed_on is not None and closed_on < opened_on:
        raise InvalidInput("closed_on", "The last day open is before the first.")


def check_instant(field: str, instant: datetime | None) -> None:
    """An instant of commerce lies between 1900 and 3000; further out neither Python nor JSON can say it in UTC.

    Raises InvalidInput.
    """
    if instant is not None and not FIRST_INSTANT <= instant < END_OF_TIME:
        raise InvalidInput(field, "An instant lies between the years 1900 and 3000.")


def check_new_code(field: str, code: str) -> None:
    """A new code must lead somewhere as a part of an address. Raises InvalidInput.

    Codes of a shop's past may have a "/" in them all the same: they were there before any address.
    """
    if "/" in code or code in {".", ".."}:
        raise InvalidInput(
            field, f"{code!r} cannot stand in an address: a new code has no '/', and is not '.' or '..'."
        )


def check_gtin(field: str, text: str | None) -> None:
    """A GTIN must be one; a variant may do without. Raises InvalidGtin."""
    if text is not None and not is_gtin(text):
        raise InvalidGtin(field, text)


def would_cycle(parents: Mapping[str, str | None], category: str, parent: str | None) -> bool:
    """Whether hanging a category below that parent would make it its own ancestor."""
    seen: set[str] = set()
    while parent is not None and parent not in seen:
        if parent == category:
            return True
        seen.add(parent)
        parent = parents.get(parent)
    return False


def _check_degrees(field: str, degrees: Decimal | None, most: int) -> None:
    if degrees is None:
        return
    if not degrees.is_finite() or abs(degrees) > most or -_exponent(degrees) > DEGREE_DIGITS_MAX:
        raise InvalidInput(field, f"Degrees lie between -{most} and {most}, with up to {DEGREE_DIGITS_MAX} decimals.")


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "only numbers that are finite have degrees"
    return exponent


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
