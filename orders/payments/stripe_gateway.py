"""Stripe: the only file that calls it. Our words go in, and what Stripe says comes out in our words (stripe_words.py).

Keys are ours and stored before each call. The SDK's own retries are off: they would not wait for their turn, and who
asks again is our business. Whatever leaves it unknown whether a call had an effect is InDoubt.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

import msgspec
import stripe

from commerce.kernel.db import must_hold_no_connection
from commerce.kernel.metrics import PROVIDER_REQUESTS
from commerce.kernel.money import Money
from commerce.kernel.refusals import Busy
from orders.payments.patience import twice
from orders.payments.port import (
    AccountRefused,
    Forged,
    InDoubt,
    NotNow,
    NotSent,
    OpenPayment,
    ProviderFailed,
    ProviderRefused,
    SeenAttempt,
    SeenDispute,
    SeenEvent,
    SeenMandate,
    SeenPayment,
    SeenRefund,
    Turnstile,
)
from orders.payments.rules import Capture
from orders.payments.stripe_amounts import to_stripe
from orders.payments.stripe_words import (
    Charge,
    Dispute,
    Intent,
    Listed,
    Method,
    Refund,
    Setup,
    Thing,
    read_event,
    seen_attempt,
    seen_dispute,
    seen_mandate,
    seen_payment,
    seen_refund,
)

ANSWER_S_MAX = 8
"""How long we wait for an answer."""
SIGNED_WITHIN = timedelta(minutes=5)
"""An event signed longer ago, or further in the future, is somebody's replay (Stripe's own default)."""
PAGE = 100
CAPTURES, CANCELS = "payment_intents.capture", "payment_intents.cancel"
"""To Stripe each operation is an endpoint with its own limit: what ships keeps nobody waiting who begins to pay."""
SEARCH = "payment_intents.search"
"""The endpoint that Stripe allows less than the others (docs.stripe.com/rate-limits)."""
BROKEN, MISMATCH = 500, 400

_CARDS = "card"
_EXPAND = ["latest_charge"]
_EXPAND_ALL = ["data.latest_charge"]
Shape = TypeVar("Shape")


class StripeGateway:
    """The payment provider, at Stripe or at a sandbox that speaks as it does.

    `answer_within` is how long an answer may take; whoever rehearses hangs waits less.
    """

    def __init__(
        self,
        api_key: str,
        *,
        publishable_key: str = "",
        webhook_secrets: Sequence[str] = (),
        base: str | None = None,
        turnstile: Turnstile | None = None,
        answer_within: timedelta = timedelta(seconds=ANSWER_S_MAX),
    ) -> None:
        self.publishable_key = publishable_key
        self._secrets = tuple(webhook_secrets)
        self._turnstile = turnstile
        self._http = stripe.AIOHTTPClient(timeout=answer_within.total_seconds())
        self._stripe = stripe.StripeClient(
            api_key,
            http_client=self._http,
            max_network_retries=0,
            base_addresses={"api": base} if base else {},
        )

    async def close(self) -> None:
        """Give the connections back."""
        if self._turnstile is not None:
            await self._turnstile.close()
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped

    async def open_customer(self, order_id: str, *, key: str) -> str:
        """Make the buyer known by their order alone: no name, no address."""
        made = await self._ask(Thing, "customers", "post", "/v1/customers", key=key, metadata={"order": order_id})
        return made.id

    async def has_method(self, customer: str, method: str) -> bool:
        """Whether the card is still the customer's: not taken off them, nor gone with them."""
        try:
            found = await self._ask(Method, "payment_methods", "get", f"/v1/payment_methods/{method}")
        except ProviderRefused as no:
            if no.code != "resource_missing":
                raise
            return False
        return found.customer == customer

    async def open_payment(self, wanted: OpenPayment, *, key: str) -> SeenPayment:
        """Open a payment; with a saved means it is charged at once, and a decline is an answer."""
        params: dict[str, Any] = {
            "amount": to_stripe(Money(wanted.amount, wanted.currency)),
            "currency": wanted.currency.lower(),
            "capture_method": str(wanted.capture),
            "allowed_payment_method_types": [_CARDS],
            "metadata": {
                "payment": wanted.payment_id, "order": wanted.order_id, "order_number": wanted.order_number,
            },
        }  # fmt: skip
        if wanted.capture is Capture.MANUAL:
            params["payment_method_options"] = {"card": {"request_multicapture": "if_available"}}
        if wanted.customer is not None:
            params["customer"] = wanted.customer
        if wanted.method is not None:
            params |= {"payment_method": wanted.method, "confirm": True, "off_session": True}
        elif wanted.save_method:
            params["setup_future_usage"] = "off_session"
        try:
            return await self._payment("post", "/v1/payment_intents", key=key, **params)
        except ProviderRefused as no:
            if no.seen is not None and isinstance(no.__cause__, stripe.CardError):
                return no.seen
            raise

    async def look(self, provider_id: str) -> SeenPayment:
        """The payment as it is now."""
        return await self._payment("get", f"/v1/payment_intents/{provider_id}", endpoint="payment_intents.read")

    async def find_payment(self, payment_id: str, customer: str | None) -> SeenPayment | None:
        """The payment that carries our id: among the customer's, or by Stripe's search, which lags by a minute."""
        if customer is not None:
            async for one in self._pages(Intent, "payment_intents", customer=customer, expand=_EXPAND_ALL):
                if (seen := seen_payment(one)).payment_id == payment_id:
                    return seen
            return None
        words: dict[str, Any] = {"query": f"metadata['payment']:'{payment_id}'", "limit": 1, "expand": _EXPAND_ALL}
        path = "/v1/payment_intents/search"
        found = await self._ask(Listed[Intent], SEARCH, "get", path, **words)
        return seen_payment(found.data[0]) if found.data else None

    async def capture(self, provider_id: str, amount: Money, *, last: bool, key: str) -> SeenPayment:
        """Take (a part of) what is reserved. Only where parts are possible is Stripe told that this is not the last."""
        more: dict[str, Any] = {} if last else {"final_capture": False}
        path = f"/v1/payment_intents/{provider_id}/capture"
        units = to_stripe(amount)
        return await self._payment("post", path, endpoint=CAPTURES, key=key, amount_to_capture=units, **more)

    async def cancel(self, provider_id: str, *, key: str) -> SeenPayment:
        """Let go of what is reserved, or of an attempt that is not over."""
        return await self._payment("post", f"/v1/payment_intents/{provider_id}/cancel", endpoint=CANCELS, key=key)

    async def refund(self, provider_id: str, amount: Money, *, refund_id: str, key: str) -> SeenRefund:
        """Give back a part of what was captured."""
        params: dict[str, Any] = {
            "payment_intent": provider_id, "amount": to_stripe(amount), "metadata": {"refund": refund_id},
        }  # fmt: skip
        return seen_refund(await self._ask(Refund, "refunds", "post", "/v1/refunds", key=key, **params))

    async def attempts_of(self, provider_id: str) -> list[SeenAttempt]:
        """Every charge of a payment."""
        return [seen_attempt(one) async for one in self._pages(Charge, "charges", payment_intent=provider_id)]

    async def refunds_of(self, provider_id: str) -> list[SeenRefund]:
        """Every refund of a payment."""
        return [seen_refund(one) async for one in self._pages(Refund, "refunds", payment_intent=provider_id)]

    async def ask_mandate(self, mandate_id: str, order_id: str, customer: str, *, key: str) -> SeenMandate:
        """Ask for a card that may be charged later."""
        params: dict[str, Any] = {
            "customer": customer,
            "usage": "off_session",
            "allowed_payment_method_types": [_CARDS],
            "metadata": {"mandate": mandate_id, "order": order_id},
        }
        return seen_mandate(await self._ask(Setup, "setup_intents", "post", "/v1/setup_intents", key=key, **params))

    async def look_at_mandate(self, provider_id: str) -> SeenMandate:
        """The saved card as it is now."""
        return seen_mandate(await self._ask(Setup, "setup_intents.read", "get", f"/v1/setup_intents/{provider_id}"))

    async def look_at_dispute(self, provider_id: str) -> SeenDispute:
        """The dispute as it is now."""
        return seen_dispute(await self._ask(Dispute, "disputes.read", "get", f"/v1/disputes/{provider_id}"))

    async def payments_between(self, since: datetime, until: datetime) -> AsyncIterator[SeenPayment]:
        """Every payment that was opened in this time."""
        params = {**_created(since, until), "expand": _EXPAND_ALL}
        async for one in self._pages(Intent, "payment_intents", **params):
            yield seen_payment(one)

    async def refunds_between(self, since: datetime, until: datetime) -> AsyncIterator[SeenRefund]:
        """Every refund of this time."""
        async for one in self._pages(Refund, "refunds", **_created(since, until)):
            yield seen_refund(one)

    async def mandates_between(self, since: datetime, until: datetime) -> AsyncIterator[SeenMandate]:
        """Every request for a card of this time."""
        async for one in self._pages(Setup, "setup_intents", **_created(since, until)):
            yield seen_mandate(one)

    async def disputes_between(self, since: datetime, until: datetime) -> AsyncIterator[SeenDispute]:
        """Every dispute of this time."""
        async for one in self._pages(Dispute, "disputes", **_created(since, until)):
            yield seen_dispute(one)

    def read_event(self, raw: bytes, signature: str, now: datetime) -> SeenEvent:
        """What a webhook says, if it is signed with one of our secrets and not long ago. Raises Forged."""
        if not any(_is_signed(raw, signature, secret) for secret in self._secrets):
            raise Forged("The signature does not fit the body.")
        if abs(_signed_at(signature) - now) > SIGNED_WITHIN:
            raise Forged("The event was signed too long ago.")
        try:
            return read_event(raw)
        except msgspec.MsgspecError as error:
            raise Forged("This is not an event.") from error

    async def _pages(self, shape: type[Shape], things: str, **params: Any) -> AsyncIterator[Shape]:  # noqa: ANN401 - parameters are of any kind
        """Everything a list holds, page by page."""
        after: dict[str, str] = {}
        while True:
            words = {**params, "limit": PAGE, **after}
            ask = partial(self._ask, Listed[shape], f"{things}.list", "get", f"/v1/{things}", **words)  # type: ignore[valid-type]  # a type that is only known here
            page = await twice(ask)  # Who reads a thousand pages must not begin anew for one of them.
            for one in page.data:
                yield one
            if not page.has_more or not page.data:
                return
            after = {"starting_after": cast("Any", page.data[-1]).id}

    async def _payment(
        self,
        method: str,
        path: str,
        *,
        endpoint: str = "payment_intents",
        **params: Any,  # noqa: ANN401 - as above
    ) -> SeenPayment:
        """A call that answers a payment."""
        return seen_payment(await self._ask(Intent, endpoint, method, path, expand=_EXPAND, **params))

    async def _ask(
        self,
        shape: type[Shape],
        endpoint: str,
        method: str,
        path: str,
        *,
        key: str | None = None,
        **params: Any,  # noqa: ANN401 - as above
    ) -> Shape:
        """Make a call when the provider lets us, and read its answer. Raises InDoubt, NotNow, ProviderRefused."""
        must_hold_no_connection()
        await self._pass(endpoint)
        if key is not None:
            params["idempotency_key"] = key
        outcome = "in_doubt"  # And so it is for whoever has no more time.
        try:
            answer = await self._send(shape, method, path, **params)
            outcome = "answered"
        except NotNow:
            outcome = "not_now"
            raise
        except ProviderRefused:
            outcome = "refused"
            raise
        finally:
            PROVIDER_REQUESTS.labels(endpoint, outcome).inc()
        return answer

    async def _send(
        self,
        shape: type[Shape],
        method: str,
        path: str,
        **params: Any,  # noqa: ANN401 - as above
    ) -> Shape:
        """The same, at once.

        The SDK would make an object with a class of its own of everything in an answer, which costs more than the rest
        of the call; what is wanted of it is read straight from its text.
        """
        try:
            answer = await self._stripe.raw_request_async(method, path, **params)
            return msgspec.json.decode(answer.body, type=shape)
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            raise AccountRefused(_words(error)) from error
        except stripe.RateLimitError as error:
            raise NotNow(_words(error)) from error
        except (stripe.CardError, stripe.InvalidRequestError) as error:
            raise ProviderRefused(error.code or "refused", _words(error), _payment_of(error)) from error
        except stripe.StripeError as error:  # a 5xx, a 409, no answer, or one that makes no sense
            if _is_final(error):
                raise ProviderFailed(_words(error)) from error
            raise InDoubt(_words(error)) from error
        except Exception as error:  # an answer that broke off: the SDK lets through what its HTTP client throws
            raise InDoubt(repr(error)) from error

    async def _pass(self, endpoint: str) -> None:
        """Wait for our turn. Raises NotSent when it is too far away."""
        if self._turnstile is None:
            return
        try:
            await self._turnstile.pass_through(endpoint)
        except Busy as error:
            raise NotSent("The line for calls to the provider is full.") from error


def _is_signed(raw: bytes, signature: str, secret: str) -> bool:
    if not signature.isascii():
        return False  # The SDK compares marks as text, and throws where there are other letters in one.
    try:
        stripe.WebhookSignature.verify_header(raw, signature, secret)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _signed_at(signature: str) -> datetime:
    """When a header says that it was signed. Of two times only one would be signed, and we might read the other."""
    times = [part[2:] for part in signature.split(",") if part.startswith("t=")]
    if len(times) != 1:
        raise Forged("The signature bears no time, or more than one.")
    try:
        return datetime.fromtimestamp(int(times[0]), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Forged("The signature bears no time.") from error


def _words(error: stripe.StripeError) -> str:
    return f"{type(error).__name__}: {error.user_message or error}"[:500]


def _is_final(error: stripe.StripeError) -> bool:
    """Whether the key is used up: no answer to it will tell what became of the first request.

    So it is where that said other words, as a release before ours may have: it was heard, and perhaps done. And Stripe
    keeps the status and the body of the first request once it began to work on it, a 500 included
    (docs.stripe.com/api/idempotent_requests). A 502, 503 or 504, or a 500 in other words, may be from whoever stands in
    front of it while the request is still at work: under a new key it would be done twice.
    """
    if isinstance(error, stripe.IdempotencyError):
        return error.http_status == MISMATCH
    told = error.json_body.get("error") if isinstance(error.json_body, dict) else None
    return error.http_status == BROKEN and isinstance(told, dict) and told.get("type") == "api_error"


def _payment_of(error: stripe.StripeError) -> SeenPayment | None:
    """The payment that came with an error, if it did."""
    body = error.json_body
    told = body.get("error", {}).get("payment_intent") if isinstance(body, dict) else None
    return seen_payment(msgspec.convert(told, Intent)) if told is not None else None


def _created(since: datetime, until: datetime) -> dict[str, Any]:
    return {"created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())}}
