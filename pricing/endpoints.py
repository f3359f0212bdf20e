"""Prices, policies, costs and tax rates over HTTP; and opening a market, which is given its tax rates as it opens."""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from catalog.open_market import open_market
from catalog.rules import check_instant
from catalog.schemas import MarketBody, MarketView
from commerce.kernel.access import Principal, Role, WrongRole, may, must_sell_in
from commerce.kernel.bodies import CodeText
from commerce.kernel.db import Database, Session
from commerce.kernel.http import once
from commerce.kernel.idempotency import Call
from commerce.kernel.pages import Limit, Page
from commerce.kernel.refusals import InvalidInput
from pricing import queries
from pricing.beliefs import charge_history, charged_at, price_history
from pricing.books.current import CurrentBooks
from pricing.costs import costs_at, set_costs
from pricing.parity_report import parity_report
from pricing.policies import policy_of, set_policy
from pricing.prior_prices import prior_price
from pricing.schemas import (
    ChargeHistoryView,
    ChargesView,
    CostsBody,
    CostsView,
    DeviationView,
    PolicyBody,
    PolicyView,
    PriceHistoryView,
    PricesView,
    PriorPriceView,
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


SkuQuery = Annotated[CodeText, QueryParameter(description="The sku.")]
SkusQuery = Annotated[
    list[CodeText], QueryParameter(min_items=1, max_items=SKUS_MAX, description="A sku, repeated for each.")
]
ChannelQuery = Annotated[str, QueryParameter(min_length=1, max_length=100, description="The channel's code.")]
BelievedQuery = Annotated[
    datetime | None, QueryParameter(description="As it was believed at this instant; as it is now if left out.")
]
CursorQuery = Annotated[str | None, QueryParameter(max_length=1000, description="The last page's `next_cursor`.")]
MarketPath = Annotated[str, PathParameter(max_length=100, description="The market's code.")]


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
    sku: SkusQuery,
    at: AtQuery = None,
) -> PricesView:
    """The recommended prices in force at an instant: one entry for each sku, with null where it is not sold."""
    async with db.read() as tx:
        return await queries.asked_prices(tx, market, list(dict.fromkeys(sku)), _instant(at, db))


@get("/v1/recommended-prices/history", opt=may(*_STAFF), tags=["prices"])
async def show_price_history(
    db: NamedDependency[Database],
    market: MarketQuery,
    sku: SkuQuery,
    believed_at: BelievedQuery = None,
    *,
    superseded: Annotated[
        bool, QueryParameter(description="Every belief there ever was, with from when to when it was held.")
    ] = False,
) -> PriceHistoryView:
    """Every recommended price a sku had, has or will have in a market: as believed now, then, or at any time."""
    if superseded and believed_at is not None:
        raise InvalidInput("believed_at", "Every belief there ever was is asked for; leave one of the two out.")
    async with db.read() as tx:
        return await price_history(tx, market, sku, _checked("believed_at", believed_at), superseded=superseded)


@get("/v1/prices", opt=may(*_EVERYBODY), tags=["prices"])
async def show_charges(
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
    channel: ChannelQuery,
    sku: SkusQuery,
    at: AtQuery = None,
    believed_at: BelievedQuery = None,
) -> ChargesView:
    """What a channel charges at an instant: its own price or the recommended one; null where a sku is not sold.

    With `believed_at`: what was believed then that it charges at that instant. That is for the office.
    """
    if believed_at is not None and principal.role not in _STAFF:
        raise WrongRole(principal.role, sorted(_STAFF))
    async with db.read() as tx:
        skus = list(dict.fromkeys(sku))
        return await charged_at(tx, channel, skus, _instant(at, db), _checked("believed_at", believed_at))


@get("/v1/prices/history", opt=may(*_STAFF), tags=["prices"])
async def show_charge_history(
    db: NamedDependency[Database], channel: ChannelQuery, sku: SkuQuery, believed_at: BelievedQuery = None
) -> ChargeHistoryView:
    """Everything a channel charged, charges or will charge for a sku, and which price counts."""
    async with db.read() as tx:
        return await charge_history(tx, channel, sku, _checked("believed_at", believed_at))


@get("/v1/prior-prices", opt=may(*_EVERYBODY), tags=["prices"])
async def show_prior_price(
    db: NamedDependency[Database],
    books: NamedDependency[CurrentBooks],
    principal: NamedDependency[Principal],
    channel: ChannelQuery,
    sku: SkuQuery,
    at: AtQuery = None,
) -> PriorPriceView:
    """The prior price to announce beside a reduced one, by what rule, and what it was found in.

    Whoever sells asks for its own channel.
    """
    if principal.channel is not None:
        must_sell_in(principal, channel)
    wanted = _instant(at, db)
    async with db.transaction() as tx:
        await books.of_channel(tx, channel, db.clock.now())
    async with db.snapshot() as tx:
        return await prior_price(books, tx, channel, sku, wanted)


@get("/v1/pricing-policies/{market:str}", opt=may(*_STAFF), tags=["prices"])
async def show_policy(db: NamedDependency[Database], market: MarketPath) -> PolicyView:
    """A market's pricing policy."""
    async with db.read() as tx:
        return await policy_of(tx, market)


@put("/v1/pricing-policies/{market:str}", opt=may(*_OFFICE), tags=["prices"])
async def put_policy(
    db: NamedDependency[Database],
    principal: NamedDependency[Principal],
    market: MarketPath,
    data: JSONBody[PolicyBody],
) -> PolicyView:
    """Give a market another pricing policy, whole. What it does not allow any more stays, and is in the report."""
    async with db.transaction() as tx:
        return await set_policy(tx, market, data, principal.id, db.clock.now())


@get("/v1/parity-report", opt=may(*_STAFF), tags=["prices"])
async def show_parity_report(
    db: NamedDependency[Database],
    market: MarketQuery,
    at: AtQuery = None,
    limit: Limit = 50,
    cursor: CursorQuery = None,
) -> Page[DeviationView]:
    """Wherever a channel charges something else than what is recommended, and why it may."""
    async with db.read() as tx:
        return await parity_report(tx, market, _instant(at, db), limit, cursor)


@get("/v1/costs", opt=may(*_STAFF), tags=["prices"])
async def show_costs(
    db: NamedDependency[Database], market: MarketQuery, sku: SkusQuery, at: AtQuery = None
) -> CostsView:
    """What units cost us at an instant: one entry for each sku, with null where that is not known."""
    async with db.read() as tx:
        return await costs_at(tx, market, list(dict.fromkeys(sku)), _instant(at, db))


@put("/v1/costs", opt=may(Role.MERCHANDISER), tags=["prices"])
async def put_costs(db: NamedDependency[Database], data: JSONBody[CostsBody]) -> CostsView:
    """Say what units cost us from an instant on, in ten seconds if none is given, until the next cost begins.

    A promotion may have to stay above it, so every till and every process knows it before it begins.
    """
    async with db.transaction() as tx:
        return await set_costs(tx, data, db.clock.now())


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
    return _checked("at", at) or db.clock.now()


def _checked(field: str, instant: datetime | None) -> datetime | None:
    if instant is not None and instant.tzinfo is None:
        raise InvalidInput(field, "An instant needs its offset, such as Z or +01:00.")
    check_instant(field, instant)
    return instant


ROUTES = [
    create_market,
    show_prices,
    show_price_history,
    show_charges,
    show_charge_history,
    show_prior_price,
    show_policy,
    put_policy,
    show_parity_report,
    show_costs,
    put_costs,
    show_tax_rates,
    put_tax_rate,
]
