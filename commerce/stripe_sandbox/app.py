"""The sandbox as an ASGI application: a request in, an answer out, whatever the script says about it in between."""

import asyncio
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from commerce.stripe_sandbox import control
from commerce.stripe_sandbox.box import Asked, Sandbox
from commerce.stripe_sandbox.callers import caller_of
from commerce.stripe_sandbox.calls import Call
from commerce.stripe_sandbox.confirm import BROWSER
from commerce.stripe_sandbox.connections import Headers, Receive, Scope, Send, cut, send_answer
from commerce.stripe_sandbox.errors import (
    StripeError,
    lock_timeout,
    no_such_route,
    not_in_sandbox,
    rate_limited,
    refused,
    server_error,
    unauthorised,
)
from commerce.stripe_sandbox.expand import expanded
from commerce.stripe_sandbox.faults import HANG_S_MAX, Fault
from commerce.stripe_sandbox.forms import parse_form
from commerce.stripe_sandbox.journal import ENCODE
from commerce.stripe_sandbox.keys import Kept, fingerprint_of
from commerce.stripe_sandbox.options import Options
from commerce.stripe_sandbox.parameters import API_VERSION, check, shape_of
from commerce.stripe_sandbox.routes import PAGING, Route, route_of
from commerce.stripe_sandbox.webhooks import Poster
from commerce.stripe_sandbox.world import Work

BODY_MAX = 1_000_000
KEY_MAX = 255
TICK_S = 1
BEFORE: dict[Fault, Callable[[], StripeError]] = {
    "rate_limit": rate_limited,
    "lock_timeout": lock_timeout,
    "error_before": lambda: server_error(kept=False),
}
"""Faults that refuse a call before anything is done."""

NOT_FOR_BROWSERS = frozenset(
    {
        *("amount_capturable", "amount_received", "application", "application_fee_amount", "customer"),
        *("latest_charge", "metadata", "on_behalf_of", "payment_method_options", "review", "statement_descriptor"),
        *("statement_descriptor_suffix", "transfer_data", "transfer_group"),
    }
)
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-expose-headers", b"Request-Id, Stripe-Should-Retry, Idempotent-Replayed"),
)


@dataclass(slots=True)
class Answer:
    """What goes back. `body` is the text; the rest becomes headers."""

    status: int
    body: bytes
    request_id: str
    should_retry: bool | None = None
    original: str | None = None


class Application:
    """The sandbox, as a server sees it."""

    def __init__(self, options: Options) -> None:
        self.box = Sandbox(options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through start and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._respond(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        poster = Poster(self.box.outgoing, lambda: self.box.webhook_url, self.box.world.now)
        tasks = [asyncio.create_task(poster.run()), asyncio.create_task(self._tick())]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _tick(self) -> None:
        """Nobody asks, and time passes all the same: what it brings comes within a second."""
        while True:
            await asyncio.sleep(TICK_S)
            self.box.pass_time()

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        body = await _read(receive)
        if body is None:
            await send_answer(send, 413, b"", [])
            return
        if path.startswith("/_sandbox/"):
            await control.respond(self.box, scope, body, send)
            return
        if scope["method"] == "OPTIONS":
            await send_answer(send, 204, b"", list(CORS))
            return
        method: str = scope["method"]
        headers = dict(scope["headers"])
        said = body.decode("utf-8", "replace") if method == "POST" else scope["query_string"].decode("latin-1")
        key = headers.get(b"idempotency-key", b"").decode("latin-1") if method == "POST" else ""
        agent = headers.get(b"user-agent", b"").decode("latin-1")
        fault = self.box.faults.meet(method, path, agent)
        asked = Asked(method, path, agent, key or None, asyncio.get_running_loop().time(), fault)
        self.box.calls.append(asked)
        if asked.fault == "hang":
            await _hang(scope, receive)
            return
        answer = await self._answer(asked, headers, said)
        if asked.fault == "hang_after":
            await _hang(scope, receive)
        elif asked.fault == "drop_after":
            cut(scope["client"])
        else:
            asked.status = answer.status
            await send_answer(send, answer.status, answer.body, _headers(asked, answer))

    async def _answer(self, asked: Asked, headers: dict[bytes, bytes], said: str) -> Answer:
        """The answer to a request; nothing is raised from here."""
        request_id = self.box.world.make_id("req_")
        try:
            return await self._serve(asked, headers, said, request_id)
        except StripeError as error:
            return Answer(error.status, ENCODE({"error": error.error}), request_id, error.should_retry)

    async def _serve(self, asked: Asked, headers: dict[bytes, bytes], text: str, request_id: str) -> Answer:
        if asked.fault in BEFORE:
            refusal = BEFORE[asked.fault]
            raise refusal()
        route, call = self._read_call(asked, headers, text)
        key = asked.key
        if key is None:
            await self._wait()
            return self._execute(asked, route, call, request_id)
        if len(key) > KEY_MAX:
            raise refused(f"Idempotency keys can be at most {KEY_MAX} characters.")
        fingerprint = fingerprint_of(call.said)
        kept = self.box.world.keys.begin(key, asked.path, fingerprint, self.box.world.now())
        if kept is not None:
            await self._wait()
            asked.replayed = True
            return Answer(kept.status, kept.body.encode(), request_id, kept.should_retry, kept.request_id)
        keys = self.box.world.keys
        try:
            await self._wait()
            return self._execute(asked, route, call, request_id, fingerprint)
        finally:
            keys.let_go(key)

    async def _wait(self) -> None:
        if self.box.latency_ms:
            await asyncio.sleep(self.box.latency_ms / 1000)

    def _read_call(self, asked: Asked, headers: dict[bytes, bytes], text: str) -> tuple[Route, Call]:
        """Find the endpoint, the caller and the parameters. Raises StripeError when one of them is not as it should."""
        version = headers.get(b"stripe-version", b"").decode("latin-1")
        said = parse_form(text) if text else {}
        caller = caller_of(headers, said, self.box.options.api_keys)
        found = route_of(asked.method, asked.path)
        if found is None:
            raise no_such_route(asked.method, asked.path)
        route, id_ = found
        if version and version != API_VERSION:
            raise refused(f"Invalid Stripe API version: {version}; this sandbox speaks {API_VERSION}.")
        browser = caller == "browser"
        if browser and not route.browser:
            raise unauthorised(
                "This API call cannot be made with a publishable API key. Please use a secret API key.",
                "secret_key_required",
            )
        said = check(said, shape_of(route.params), BROWSER if browser else frozenset())
        if route.honours is not None:
            for name in said.keys() - route.honours - PAGING - (BROWSER if browser else frozenset()):
                raise not_in_sandbox(name)
        return route, Call(id_, said, f"http://{headers.get(b'host', b'localhost').decode('latin-1')}", browser)

    def _execute(
        self, asked: Asked, route: Route, call: Call, request_id: str, fingerprint: str | None = None
    ) -> Answer:
        """Do what was asked, at one stroke: its changes, its events and what its key remembers are one line."""
        self.box.pass_time()
        key = asked.key
        work = Work(self.box.world, request_id, key)
        answer, keep = self._try(work, route, call, request_id)
        if asked.fault == "error_after":
            error = server_error(kept=True)
            answer = Answer(500, ENCODE({"error": error.error}), request_id, error.should_retry)
        kept = None
        if keep and key is not None and fingerprint is not None:
            text = answer.body.decode()
            kept = Kept(key, asked.path, fingerprint, work.now, answer.status, text, request_id, answer.should_retry)
        self.box.finish(work, kept)
        return answer

    def _try(self, work: Work, route: Route, call: Call, request_id: str) -> tuple[Answer, bool]:
        """What the endpoint says, and whether a key remembers it. Where it fails, the work is empty again."""
        try:
            said = route.handler(work, call)
            if call.browser and said.get("object") in {"payment_intent", "setup_intent"}:
                said = {name: value for name, value in said.items() if name not in NOT_FOR_BROWSERS}
            if "expand" in call.said:
                said = expanded(work, said, call.said["expand"])
            return Answer(200, ENCODE(said), request_id), True
        except StripeError as error:
            body = ENCODE({"error": error.error})
            if not error.lasting:
                work.drop()
            return Answer(error.status, body, request_id, error.should_retry), error.kept
        except Exception:  # noqa: BLE001 - a bug of the sandbox is an answer, too; Stripe's would be
            traceback.print_exc(file=sys.stderr)
            work.drop()
            failure = server_error(kept=False)
            return Answer(500, ENCODE({"error": failure.error}), request_id, failure.should_retry), False


async def _read(receive: Receive) -> bytes | None:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_MAX:
            return None
    return body


async def _hang(scope: Scope, receive: Receive) -> None:
    """Say nothing until the caller leaves, or has waited for very long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HANG_S_MAX):
            while (await receive())["type"] != "http.disconnect":
                pass
            return
    cut(scope["client"])


def _headers(asked: Asked, answer: Answer) -> Headers:
    headers = [
        (b"content-type", b"application/json"),
        (b"request-id", answer.request_id.encode()),
        (b"stripe-version", API_VERSION.encode()),
        *CORS,
    ]
    if asked.key is not None:
        headers.append((b"idempotency-key", asked.key.encode("latin-1")))
    if answer.original is not None:
        headers += [(b"idempotent-replayed", b"true"), (b"original-request", answer.original.encode())]
    if answer.should_retry is not None:
        headers.append((b"stripe-should-retry", b"true" if answer.should_retry else b"false"))
    return headers
