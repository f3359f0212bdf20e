"""Tax rates: from a well-kept table when a market opens, and in force at an instant."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import eu_vat_rates_data
from sqlalchemy import text

from commerce.kernel.db import ReadSession, Session

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""Where seeded rates begin: before anything was sold. The table tells today's rates only, not their past."""

_SEED = text("""
    INSERT INTO tax_rates (market, tax_class, valid_from, valid_to, rate_bp, source)
    SELECT :market, r.tax_class, :valid_from, NULL, r.rate_bp, :source
      FROM unnest(CAST(:classes AS text[]), CAST(:rates AS int[])) AS r (tax_class, rate_bp)
     WHERE NOT EXISTS (SELECT FROM tax_rates t WHERE t.market = :market)
""")
_IN_FORCE = text("""
    SELECT t.market, t.tax_class, t.rate_bp
      FROM tax_rates t
     WHERE t.market = ANY (CAST(:markets AS text[]))
       AND t.valid_from <= :at AND (t.valid_to IS NULL OR t.valid_to > :at)
""")


async def seed_tax_rates(tx: Session, market: str, countries: Sequence[str]) -> None:
    """Give a market its tax rates, unless it has any.

    They are those of the first of its countries that the table (European VAT, `eu-vat-rates-data`) knows. Where no
    country is known, the rate is nought and the source says that it is assumed.
    """
    rates, source = rates_of(countries)
    facts = {"classes": list(rates), "rates": list(rates.values()), "source": source}
    await tx.execute(_SEED, {**facts, "market": market, "valid_from": ALWAYS})


def rates_of(countries: Sequence[str]) -> tuple[dict[str, int], str]:
    """The rates in basis points by tax class, and where they come from.

    The table's reduced rates mix regions and kinds of goods; the highest is taken, since to collect too little tax
    is the worse mistake.
    """
    for country in countries:
        known = eu_vat_rates_data.get_rate(country)
        if known is not None:
            standard = _basis_points(known["standard"])
            reduced = max(map(_basis_points, known["reduced"]), default=standard)
            source = f"eu-vat-rates-data {eu_vat_rates_data.data_version} {country}"
            return {"standard": standard, "reduced": reduced, "zero": 0}, source
    assumed = f"assumed: no table knows {' '.join(countries)}; set it with POST /v1/tax-rates"
    return {"standard": 0, "reduced": 0, "zero": 0}, assumed


async def tax_rates_in_force(tx: ReadSession, markets: Collection[str], at: datetime) -> dict[tuple[str, str], int]:
    """The rate in basis points of each (market, tax class) at that instant, in one statement."""
    rows = await tx.execute(_IN_FORCE, {"markets": list(markets), "at": at})
    return {(row[0], row[1]): row[2] for row in rows}


def _basis_points(percent: object) -> int:
    """19.6 percent is 1960; by way of its shortest decimal text, which is what the table's authors wrote."""
    return int((Decimal(str(percent)) * 100).to_integral_value())
