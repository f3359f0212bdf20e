"""Observe: every request gets an id, a measurement and a log line, whatever becomes of it."""

import re
from functools import cache
from time import perf_counter
from typing import Any

import structlog
from litestar import Litestar
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram
from sqlalchemy import event

from commerce.kernel.db import Database
from commerce.kernel.ids import new_id
from commerce.kernel.metrics import POOL_BUSY, POOL_SIZE, REQUEST_SECONDS, REQUESTS

PATH_SHOWN_MAX = 200
REFUSED = 400
_WATCHED_BY_MACHINES = {"/health/live", "/health/ready", "/metrics"}
_LINKS = "payment-links"
"""Whoever knows what stands behind this in a path may see an order and pay it: a log must not hand that on."""
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{8,64}")
_log = structlog.get_logger("access")


def observe(app: Litestar, log: Any = _log) -> None:  # noqa: ANN401 - structlog's loggers share no type
    """Watch an application from outside its router, so that what no route answers is seen as well."""
    app.asgi_handler = Observed(_answer_heads(app.asgi_handler), log)


def _answer_heads(app: ASGIApp) -> ASGIApp:
    """Let HEAD be answered wherever GET is, without the body: probes and caches ask so, and HTTP wants it."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        scope["method"] = HttpMethod.GET
        try:
            await app(scope, receive, without_body)
        finally:
            scope["method"] = HttpMethod.HEAD

    return answering


def watch_pool(db: Database) -> None:
    """Count connections by name: a pool may close what was opened before anybody watched, or return what it lost."""
    opened: set[int] = set()
    busy: set[int] = set()

    def note() -> None:
        POOL_SIZE.set(len(opened))
        POOL_BUSY.set(len(busy))

    def connect(_: object, record: object) -> None:
        opened.add(id(record))
        note()

    def close(_: object, record: object) -> None:
        opened.discard(id(record))
        note()

    def checkout(_: object, record: object, __: object) -> None:
        busy.add(id(record))
        note()

    def checkin(_: object, record: object) -> None:
        busy.discard(id(record))
        note()

    pool = db.engine.sync_engine.pool
    event.listen(pool, "connect", connect)
    event.listen(pool, "close", close)
    event.listen(pool, "checkout", checkout)
    event.listen(pool, "checkin", checkin)


class Observed:
    """An application whose every request is measured. What it costs is paid on each one, so it does little."""

    def __init__(self, app: ASGIApp, log: Any) -> None:  # noqa: ANN401 - structlog's loggers share no type
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it went. The answer carries the request's id as `X-Request-Id`."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        request_id = _request_id(scope)
        header = (b"x-request-id", request_id.encode())
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], header]
            await send(message)

        scope["state"]["request_id"] = request_id
        path = scope["path"]  # The router may rewrite it.
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, answer)
        finally:
            _note(self._log, scope, path, status, perf_counter() - began)
            structlog.contextvars.reset_contextvars(**bound)


def _request_id(scope: Scope) -> str:
    """The caller's own id, where it is one that a log can hold; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value.decode()
    return new_id("req")


def _note(log: Any, scope: HTTPScope, path: str, status: int, took_s: float) -> None:  # noqa: ANN401 - see Observed
    """Count by the route's template and a known method: what a caller makes up must not make up new series.

    A status of 0 means that nobody was there any more to be answered. The query is never logged: it may name people.
    Nor is a path with a secret in it, whether it leads anywhere or was mistyped: the template stands in its place.
    """
    method = str(scope["method"]) if scope["method"] in _METHODS else "other"
    route = str(scope.get("path_template") or "none")
    answered, seconds = _series(method, route, status)
    answered.inc()
    seconds.observe(took_s)
    path = route if _LINKS in path.lower() else path[:PATH_SHOWN_MAX]
    say = log.debug if route in _WATCHED_BY_MACHINES and status < REFUSED else log.info
    say("request", method=method, route=route, path=path, status=status, ms=round(took_s * 1000, 1))


@cache
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Looked up once: there are as many as routes and answers, and looking them up costs more than counting."""
    return REQUESTS.labels(method, route, str(status)), REQUEST_SECONDS.labels(method, route)
