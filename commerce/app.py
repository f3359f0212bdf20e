"""The API: every route of every domain, in one Litestar application that fails to start if one has no roles."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler

from catalog import endpoints as catalog
from commerce.kernel.access import EVERY_ROLE, NoKey
from commerce.kernel.clock import SystemClock
from commerce.kernel.db import PATIENCE_S, Database
from commerce.kernel.http import HANDLERS, StrictRequest, authorise, provide_call, provide_principal
from commerce.kernel.keys import KeyRing
from commerce.kernel.logs import LineLog, set_up_logs
from commerce.operations import checks, dead_shelf, docs, health, keys
from commerce.operations.observe import observe, watch_pool
from commerce.provider.connect import connect
from commerce.provider.limits import WAIT_S_MAX
from commerce.settings import LogStyle, Settings
from inventory import endpoints as inventory
from orders import endpoints as orders
from orders import shelf_endpoints as shelf
from orders.customers import endpoints as customers
from orders.payments import endpoints as payments
from orders.payments.no_provider import no_provider
from orders.payments.port import PaymentGateway
from orders.place import place_orders
from orders.quote_desk import QuoteDesk
from orders.reports import endpoints as reports
from orders.reports import set_endpoints as report_sets
from orders.reports.attach_rate import AttachRates
from orders.reports.discovery import endpoints as discovery
from orders.reports.discovery.attach_pairs import AttachPairs
from orders.reports.discovery.channel_gaps import ChannelGaps
from orders.reports.lessons import endpoints as lessons
from orders.reports.programs import endpoints as attach_programs
from orders.reports.rehearse import rehearse
from orders.sell import book_sales
from pricing import endpoints as pricing
from pricing.books import endpoints as price_books
from pricing.books.current import CurrentBooks
from pricing.changes import endpoints as price_changes
from pricing.promotions import endpoints as promotions

ROUTES: Sequence[HTTPRouteHandler] = (
    *catalog.ROUTES,
    *pricing.ROUTES,
    *promotions.ROUTES,
    *price_changes.ROUTES,
    *price_books.ROUTES,
    *customers.ROUTES,
    *inventory.ROUTES,
    *orders.ROUTES,
    *shelf.ROUTES,
    *payments.ROUTES,
    *reports.ROUTES,
    *report_sets.ROUTES,
    *attach_programs.ROUTES,
    *lessons.ROUTES,
    *discovery.ROUTES,
    *keys.ROUTES,
    *checks.ROUTES,
    *dead_shelf.ROUTES,
    *health.ROUTES,
    *docs.ROUTES,
)
BODY_BYTES_MAX = 1_000_000
REHEARSED_FOR_S = 2
"""A start waits no longer for a database that does not answer."""
_log = structlog.get_logger()


class RouteWithoutRoles(Exception):  # noqa: N818 - what it says is the error
    """A route does not say who may use it."""


class Works:
    """What the routes of an application work with: a database, and all that stands on it."""

    def __init__(self, db: Database, gateway: PaymentGateway) -> None:
        """Stand on a database, with nothing under way."""
        self.db = db
        self.provider = payments.Provider.at(gateway, db)
        self.books = CurrentBooks()
        self.placing = orders.Placing("place_orders", db, partial(place_orders, self.books))
        self.selling = orders.Selling("book_sales", db, partial(book_sales, self.books))
        self.quoting = QuoteDesk(db, self.books)
        self.attach_rates = AttachRates()
        self.pairs_desk = AttachPairs()
        self.gaps_desk = ChannelGaps()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Commit what comes in; in the end its connections are given back."""
        committers = self.placing, self.selling, self.provider
        for one in committers:
            one.start()
        try:
            yield
        finally:
            for one in committers:
                await one.stop()
            await self.db.close()


_HANDED = ("db", "placing", "selling", "books", "quoting", "provider", "attach_rates", "pairs_desk", "gaps_desk")
"""Of the works, what a route is handed by this name."""


def build_app(
    db: Database,
    *,
    redis_url: str | None = None,
    provider_url: str | None = None,
    log: LogStyle = "pretty",
    gateway: PaymentGateway | None = None,
    rehearsed: bool = False,
) -> Litestar:
    """The application on a database; when it stops, its connections are given back.

    `rehearsed` is for who keeps it for long: it takes a moment more to start, and the first callers wait no longer.
    Redis and `provider_url` are only looked at. Without a `gateway` orders are taken, and nobody can pay online.
    """
    app: Litestar

    def handed(name: str) -> Provide:
        return Provide(lambda: getattr(app.state["works"], name), sync_to_thread=False)

    app = Litestar(
        route_handlers=list(ROUTES),
        before_request=authorise,
        exception_handlers=HANDLERS,
        dependencies={
            "call": Provide(provide_call, sync_to_thread=False),
            "principal": Provide(provide_principal, sync_to_thread=False),
            **{name: handed(name) for name in _HANDED},
        },
        request_class=StrictRequest,
        logging_config=None,
        lifespan=[_serving, _rehearsed] if rehearsed else [_serving],
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=docs.OPENAPI,
    )
    every_route_states_its_roles(app)
    observe(app, *([LineLog(SystemClock())] if log == "json" else []))
    open_on(app, db, redis_url=redis_url, provider_url=provider_url, gateway=gateway)
    return app


def open_on(
    app: Litestar,
    db: Database,
    *,
    redis_url: str | None = None,
    provider_url: str | None = None,
    gateway: PaymentGateway | None = None,
) -> None:
    """Let an application that is not running serve this database; whatever it knew of another one is forgotten.

    The routes, which take most of the time to make, stay as they are.
    """
    app.state.update(
        works=Works(db, gateway or no_provider()),
        db=db,
        key_ring=KeyRing(db),
        redis_url=redis_url,
        provider=health.ProviderProbe(provider_url),
    )
    watch_pool(db)


@asynccontextmanager
async def _serving(app: Litestar) -> AsyncIterator[None]:
    async with app.state["works"].running():
        try:
            yield
        finally:
            await app.state["provider"].close()


@asynccontextmanager
async def _rehearsed(app: Litestar) -> AsyncIterator[None]:
    """Do once what the first caller would wait for. Where there is no database, or not yet its tables, nobody waits."""
    try:
        async with asyncio.timeout(REHEARSED_FOR_S):
            with suppress(NoKey):
                await app.state["key_ring"].principal("nobody's")
            await rehearse(app.state["db"])
    except Exception as error:  # noqa: BLE001 - whatever is wrong, it is told to whoever asks, and keeps nobody from starting
        _log.info("not_rehearsed", error=repr(error)[:300])
    yield


def create_app() -> Litestar:
    """The application as the environment wants it, with database connections of its own. Raises SettingRefused."""
    settings = Settings.from_environment(os.environ)
    set_up_logs(settings.log)
    # Without a URL nothing can be answered, but the document of all routes can still be made.
    url = settings.database_url or "postgresql+asyncpg://"
    db = Database(url, replica_url=settings.replica_url, pool_size=settings.pool_size, patience_s=PATIENCE_S)
    provider_url = settings.stripe.url if settings.stripe else None
    gateway = connect(settings, wait_s=WAIT_S_MAX)
    return build_app(
        db, redis_url=settings.redis_url, provider_url=provider_url, log=settings.log, gateway=gateway, rehearsed=True
    )


def every_route_states_its_roles(app: Litestar) -> None:
    """Refuse to start with a route that does not say who may use it. Raises RouteWithoutRoles."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if handler.http_methods == {"OPTIONS"}:
                continue  # the framework's own: it tells which methods there are, and nothing else
            roles = handler.opt.get("roles")
            if roles is None or not roles <= EVERY_ROLE:
                raise RouteWithoutRoles(f"{route.path} ({handler}) needs opt=may(...).")
