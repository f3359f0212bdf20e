"""Kinds of cells: how each is stored, what is allowed in it, and how to say that it is not."""

import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from iso4217 import Currency

from catalog.rules import is_gtin
from commerce.kernel.countries import country_codes
from commerce.kernel.money import digits_of

CODE_LENGTH_MAX = 100
TEXT_LENGTH_MAX = 1_000
JSON_LENGTH_MAX = 10_000
JSON_LEVELS_MAX = 16

_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""A string, which may be cut off, or the beginning or end of an object or a list."""


class Kind(NamedTuple):
    """What a cell may hold. `valid` is SQL about CELL, a text that is not empty; it never raises.

    A kind with a `check` is judged by Python as well, once for each distinct value.
    """

    sql_type: str
    words: str
    valid: str = "true"
    check: Callable[[str], bool] | None = None
    is_text: bool = False
    """Whether a spreadsheet could take the cell for a formula, so that an export must disarm it."""


def one_of(*choices: str) -> Kind:
    """A closed list of words."""
    listed = ", ".join(f"'{choice}'" for choice in choices)
    return Kind("text", f"is not one of {', '.join(choices)}", f"CELL IN ({listed})")


@cache
def currency_digits() -> dict[str, int]:
    """Every currency of ISO 4217 that has a smallest unit, with its digits."""
    known: dict[str, int] = {}
    for currency in Currency:
        try:
            known[currency.code] = digits_of(currency.code)
        except ValueError:
            continue
    return known


@cache
def time_zones() -> frozenset[str]:
    """Every time zone the IANA database names."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split())


def are_countries(cell: str) -> bool:
    """Whether a cell is a list of different countries, one space between each two."""
    countries = cell.split(" ")
    return len(set(countries)) == len(countries) and country_codes().issuperset(countries)


def is_shallow(cell: str) -> bool:
    """Whether objects and lists are nested no deeper than any reader of JSON can follow. Takes text of any kind."""
    level = 0
    for part in _JSON_PART.finditer(cell):
        level += {"[": 1, "{": 1, "]": -1, "}": -1}.get(part[0], 0)
        if level > JSON_LEVELS_MAX:
            return False
    return True


def _between(guard: str, cast: str, low: str, high: str) -> str:
    return f"CASE WHEN {guard} THEN CAST(CELL AS {cast}) BETWEEN {low} AND {high} ELSE false END"


_WHOLE = "CELL ~ '^[0-9]+$' AND length(CELL) <= 9"
_DECIMAL = r"CELL ~ '^-?[0-9]+(\.[0-9]+)?$' AND length(CELL) <= 24"
_DATE = "CELL ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' AND pg_input_is_valid(CELL, 'date')"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,6})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_INSTANT = f"CELL ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt]{_CLOCK}$' AND pg_input_is_valid(CELL, 'timestamptz')"
_CODE = r"^[^\u0001-\u0020\u007f][^\u0001-\u001f\u007f]*$"
_OBJECT = f"length(CELL) <= {JSON_LENGTH_MAX} AND pg_input_is_valid(CELL, 'jsonb')"

# The same as CodeText: what comes in as a code can be asked for as one.
CODE = Kind(
    "text",
    f"is not a code: at most {CODE_LENGTH_MAX} characters, none of them a control character, the first not a space",
    f"length(CELL) <= {CODE_LENGTH_MAX} AND CELL ~ '{_CODE}'",
    is_text=True,
)
TEXT = Kind("text", f"is longer than {TEXT_LENGTH_MAX} characters", f"length(CELL) <= {TEXT_LENGTH_MAX}", is_text=True)
BOOLEAN = Kind("boolean", "is neither true nor false", "CELL IN ('true', 'false')")
COUNT = Kind("int", "is not a whole number from 1", _between(_WHOLE, "int", "1", "999999999"))
STOCK = Kind("int", "is not a whole number from 0", _between(_WHOLE, "int", "0", "999999999"))
AMOUNT = Kind("numeric", "is not an amount like 1299.00", _DECIMAL)
LATITUDE = Kind("numeric", "is not a latitude from -90 to 90", _between(_DECIMAL, "numeric", "-90", "90"))
LONGITUDE = Kind("numeric", "is not a longitude from -180 to 180", _between(_DECIMAL, "numeric", "-180", "180"))
DATE = Kind("date", "is not a date like 2026-03-01", _DATE)
# A year of five digits, or one before Christ, is an instant to PostgreSQL but not to RFC 3339, nor to Python.
INSTANT = Kind(
    "timestamptz",
    "is not an instant with an offset, like 2026-03-01T09:00:00+01:00",
    _between(_INSTANT, "timestamptz", "'0001-01-01T00:00:00Z'", "'9999-12-31T23:59:59.999999Z'"),
)
OBJECT = Kind(
    "json",
    f"is not a JSON object of at most {JSON_LENGTH_MAX} characters and {JSON_LEVELS_MAX} levels",
    f"CASE WHEN {_OBJECT} THEN json_typeof(CAST(CELL AS json)) = 'object' ELSE false END",
    is_shallow,
    is_text=True,
)
CURRENCY = Kind("text", "is not a currency of ISO 4217", check=lambda cell: cell in currency_digits())
COUNTRY = Kind("text", "is not a country of ISO 3166-1 alpha-2", check=lambda cell: cell in country_codes())
COUNTRIES = Kind(
    "text", "is not a list of different countries of ISO 3166-1 alpha-2, one space apart", check=are_countries
)
TIME_ZONE = Kind("text", "is not a time zone of the IANA database", check=lambda cell: cell in time_zones())
GTIN = Kind("text", "is not a GTIN: 8, 12, 13 or 14 digits of which the last one checks", check=is_gtin)
