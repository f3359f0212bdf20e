"""Recommended prices and tax rates over HTTP; and opening a market, which is given its tax rates as it opens."""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from catalog.open_market import open_market
from catalog.rules import check_instant
from catalog.schemas import MarketBody, MarketView
from commerce.kernel.access import Role, may
from commerce.kernel.bodies import CodeText
from commerce.kernel.db import Database, Session
from commerce.kernel.http import once
from commerce.kernel.idempotency import Call
from commerce.kernel.refusals import InvalidInput
from pricing import queries
from pricing.schemas import (
    PriceHistoryView,
    PricesView,
    TaxRateBody,
    TaxRatesView,
    TaxRateView,
)
from pricing.set_tax_rate import set_tax_rate
from pricing.tax import seed_tax_rates

SKUS_MAX = 500
_EVERYBODY = tuple(Role)
_OFFICE = (Role.OPERATOR, Role.ADMIN)
_STAFF = (Role.MERCHANDISER, Role.ANALYST, Role.OPERATOR, Role.ADMIN)

MarketQuery = Annotated[str, QueryParameter(min_length=1, max_length=100, description="The market's code.")]
AtQuery = Annotated[
    datetime | None, QueryParameter(description="The instant, RFC 3339 with an offset; now if left out.")
]


@post("/v1/markets", opt=may(*_OFFICE, idempotent=True), tags=["catalog"])
async def create_market(
    data: JSONBody[MarketBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[MarketView]:
    """Open a market. Its tax rates come from the VAT table, or are nought where that knows none of its countries."""

    async def open_with_rates(tx: Session, _: datetime) -> MarketView:
        market = await open_market(tx, data)
        await seed_tax_rates(tx, market.code, market.countries)
        return market

    return await once(db, call, data, open_with_rates)


@get("/v1/recommended-prices", opt=may(*_EVERYBODY), tags=["prices"])
async def show_prices(
    db: NamedDependency[Database],
    market: MarketQuery,
    sku: Annotated[
        list[CodeText], QueryParameter(min_items=1, max_items=SKUS_MAX, description="A sku, repeated for each.")
    ],
    at: AtQuery = None,
) -> PricesView:
    """The recommended prices in force at an instant: one entry for each sku, with null where it is not sold."""
    async with db.read() as tx:
        return await queries.asked_prices(tx, market, list(dict.fromkeys(sku)), _instant(at, db))


@get("/v1/recommended-prices/history", opt=may(*_STAFF), tags=["prices"])
async def show_price_history(
    db: NamedDependency[Database],
    market: MarketQuery,
    sku: Annotated[CodeText, QueryParameter(description="The sku.")],
) -> PriceHistoryView:
    """Every recommended price a sku had, has or will have in a market."""
    async with db.read() as tx:
        return await queries.price_history(tx, market, sku)


@get("/v1/tax-rates", opt=may(*_EVERYBODY), tags=["prices"])
async def show_tax_rates(db: NamedDependency[Database], market: MarketQuery, at: AtQuery = None) -> TaxRatesView:
    """A market's tax rates at an instant, and where each is written."""
    async with db.read() as tx:
        return await queries.tax_rates(tx, market, _instant(at, db))


@post("/v1/tax-rates", opt=may(*_OFFICE, idempotent=True), tags=["prices"])
async def put_tax_rate(
    data: JSONBody[TaxRateBody], db: NamedDependency[Database], call: NamedDependency[Call]
) -> Response[TaxRateView]:
    """Set a tax rate from an instant on, until the next one that is scheduled."""
    return await once(db, call, data, lambda tx, now: set_tax_rate(tx, data, now))


def _instant(at: datetime | None, db: Database) -> datetime:
    """The instant asked for, or now. Raises InvalidInput for one without an offset, or out of this world."""
    if at is not None and at.tzinfo is None:
        raise InvalidInput("at", "An instant needs its offset, such as Z or +01:00.")
    check_instant("at", at)
    return db.clock.now() if at is None else at


ROUTES = [
    create_market,
    show_prices,
    show_price_history,
    show_tax_rates,
    put_tax_rate,
]
