"""Pricing's own reads."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from catalog.rules import TaxClass
from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.refusals import UnknownReference
from pricing.rules import Span
from pricing.schemas import AskedPrice, PricesView, TaxRatesView, TaxRateView

_ASKED = text("""
    SELECT m.currency, w.sku, p.amount, p.valid_from, p.valid_to
      FROM markets m
     CROSS JOIN unnest(CAST(:skus AS text[])) WITH ORDINALITY AS w (sku, place)
      LEFT JOIN recommended_prices p ON p.sku = w.sku AND p.market = m.code
       AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND p.superseded_at IS NULL
     WHERE m.code = :market ORDER BY w.place
""")
_RATES_SINCE = text("""
    SELECT valid_from, valid_to, rate_bp FROM tax_rates
     WHERE market = :market AND tax_class = :tax_class AND (valid_to IS NULL OR valid_to > :since) ORDER BY valid_from
""")
_RATES = text("""
    SELECT m.prices_include_tax, t.tax_class, t.rate_bp, t.source, t.valid_from, t.valid_to
      FROM markets m
      LEFT JOIN tax_rates t ON t.market = m.code
       AND t.valid_from <= :at AND (t.valid_to IS NULL OR t.valid_to > :at)
     WHERE m.code = :market ORDER BY t.tax_class
""")
_CURRENCY = text("SELECT currency FROM markets WHERE code = :market")


async def asked_prices(tx: ReadSession, market: str, skus: Sequence[str], at: datetime) -> PricesView:
    """The price of every sku asked for, or that it has none, in one statement. Raises UnknownReference."""
    rows = (await tx.execute(_ASKED, {"market": market, "skus": list(skus), "at": at})).all()
    if not rows:
        raise UnknownReference("market", market)
    prices = [
        AskedPrice(
            row.sku, None if row.amount is None else Amount(row.amount, row.currency), row.valid_from, row.valid_to
        )
        for row in rows
    ]
    return PricesView(market, rows[0].currency, at, prices)


async def rates_since(tx: ReadSession, market: str, tax_class: TaxClass, since: datetime) -> list[Span]:
    """A market's rates of a tax class that are in force at an instant or later."""
    rows = await tx.execute(_RATES_SINCE, {"market": market, "tax_class": tax_class, "since": since})
    return [Span._make(row) for row in rows]


async def tax_rates(tx: ReadSession, market: str, at: datetime) -> TaxRatesView:
    """A market's rates at an instant, in one statement. Raises UnknownReference."""
    rows = (await tx.execute(_RATES, {"market": market, "at": at})).all()
    if not rows:
        raise UnknownReference("market", market)
    rates = [
        TaxRateView(market, TaxClass(row.tax_class), row.rate_bp, row.source, row.valid_from, row.valid_to)
        for row in rows
        if row.tax_class is not None
    ]
    return TaxRatesView(market, at, rows[0].prices_include_tax, rates)


async def currency_of(tx: ReadSession, market: str) -> str:
    """The currency a market trades in. Raises UnknownReference."""
    currency: str | None = (await tx.execute(_CURRENCY, {"market": market})).scalar_one_or_none()
    if currency is None:
        raise UnknownReference("market", market)
    return currency
