"""Countries: which codes ISO 3166-1 alpha-2 has, for whoever takes one in."""

from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Annotated

from msgspec import Meta


@cache
def country_codes() -> frozenset[str]:
    """Every country of ISO 3166-1 alpha-2, as the time zone database lists them.

    Not what only some use: UK is GB, and VAT's EL and XI are GR and GB.
    """
    lines = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8").splitlines()
    return frozenset(line[:2] for line in lines if not line.startswith("#"))


def _pattern() -> str:
    """All codes as one regular expression, by first letters, since a refusal shows it."""
    by_letter = groupby(sorted(country_codes()), key=lambda code: code[0])
    return "|".join(f"{letter}[{''.join(code[1] for code in codes)}]" for letter, codes in by_letter)


CountryText = Annotated[
    str,
    Meta(pattern=f"^({_pattern()})$", max_length=2, description="A country of ISO 3166-1 alpha-2.", examples=["DE"]),
]
"""A country as a request names it. (A stored one is shown as it is: countries come and go.)"""
