"""No provider: what stands in the gateway's place where nobody can pay online."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, cast

from orders.payments.port import Forged, NotNow, PaymentGateway, SeenEvent


class _NoProvider:
    publishable_key = ""

    def read_event(self, raw: bytes, signature: str, now: datetime) -> SeenEvent:
        """Nobody signs anything here."""
        del raw, signature, now
        raise Forged("No payment provider is set up.")

    async def close(self) -> None:
        """There is nothing to give back."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any] | AsyncIterator[Any]]:
        async def not_now(*_: object, **__: object) -> None:
            raise NotNow(f"{name}: no payment provider is set up")

        async def nothing_now(*_: object, **__: object) -> AsyncIterator[Any]:
            await not_now()
            yield None

        return nothing_now if name.endswith("_between") else not_now


def is_there(gateway: PaymentGateway) -> bool:
    """Whether there is a provider behind a gateway."""
    return not isinstance(gateway, _NoProvider)


def no_provider() -> PaymentGateway:
    """A gateway whose every answer is "not now": orders are taken, and wait to be paid until one is set up."""
    return cast("PaymentGateway", _NoProvider())
