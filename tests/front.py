"""A front: a server between us and the provider, which passes on what it hears, or answers something else instead.

What stands in front of a provider (a load balancer, a gate) answers as well, and knows less than the provider does.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx
import pytest
from aiohttp import web

from orders.payments.stripe_gateway import StripeGateway
from tests.paying import PUBLISHABLE
from tests.stripe_backends import SECRET, StripeSandbox

_PASSED_ON = {"authorization", "content-type", "idempotency-key", "stripe-version"}
_PASSED_BACK = {"content-type", "idempotent-replayed", "request-id", "stripe-should-retry"}


class Parcel(NamedTuple):
    """A request that came to the front."""

    method: str
    path: str
    """With the query."""
    headers: dict[str, str]
    body: bytes


Instead = Callable[[Parcel], Awaitable[web.Response | None]]
"""What is answered instead of passing on; None passes on."""


class Front:
    """The server's two hands; `url` is where it listens."""

    def __init__(self, behind: StripeSandbox) -> None:
        self.url = ""
        self.instead: Instead | None = None
        self._behind = behind
        self._gateways: list[StripeGateway] = []

    def gateway(self) -> StripeGateway:
        """The gateway as it is, asking the front."""
        made = StripeGateway("sk_test_stories", publishable_key=PUBLISHABLE, webhook_secrets=[SECRET], base=self.url)
        self._gateways.append(made)
        return made

    async def close(self) -> None:
        """Close what was made."""
        for gateway in self._gateways:
            await gateway.close()

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Answer a request; aiohttp calls this."""
        headers = {name: value for name, value in request.headers.items() if name.lower() in _PASSED_ON}
        parcel = Parcel(request.method, request.path_qs, headers, await request.read())
        answer = await self.instead(parcel) if self.instead is not None else None
        try:
            return answer if answer is not None else await self.pass_on(parcel)
        except httpx.TransportError:  # The provider hung up, so we do.
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

    async def pass_on(self, parcel: Parcel) -> web.Response:
        """What the provider itself answers."""
        answer = await self._behind.http.request(
            parcel.method, parcel.path, content=parcel.body, headers=parcel.headers
        )
        headers = {name: value for name, value in answer.headers.items() if name.lower() in _PASSED_BACK}
        return web.Response(status=answer.status_code, body=answer.content, headers=headers)


@asynccontextmanager
async def in_front_of(sandbox: StripeSandbox) -> AsyncIterator[Front]:
    """A front on a port of its own."""
    front = Front(sandbox)
    runner = web.ServerRunner(web.Server(front.serve))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield front
    finally:
        await front.close()
        await runner.cleanup()


@pytest.fixture
async def front(stripe_sandbox: StripeSandbox) -> AsyncIterator[Front]:
    """Somebody between us and the provider."""
    async with in_front_of(stripe_sandbox) as made:
        yield made
