"""The port to whoever moves the money: what we need from a payment provider, in our words.

Every call names the key under which repeating it is safe. What cannot be known is a doubt and never a guess: the same
call with the same key is right then. Nothing here is called inside a transaction.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

import msgspec

from commerce.kernel.money import Money
from orders.payments.rules import AttemptState, Capture, MandateState, PaymentState, RefundState


class InDoubt(Exception):  # noqa: N818 - what it says is the error
    """Nobody knows whether the call had an effect: no answer came, or one that says nothing."""


class ProviderFailed(InDoubt):
    """The provider answered that it broke. It answers the same for as long as it remembers the key."""


class NotNow(Exception):  # noqa: N818 - as above
    """The provider has too much to do; nothing was done."""


class NotSent(NotNow):
    """We have too much to ask of the provider; nothing left us."""


class AccountRefused(NotNow):
    """The provider does not know our key, or does not let it do this. Nothing was done, and it will not pass."""


class ProviderRefused(Exception):  # noqa: N818 - as above
    """The provider understood, and its answer is no: `code` is its own word for why."""

    def __init__(self, code: str, message: str, seen: "SeenPayment | None" = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.seen = seen
        """The payment as it is there, where the answer tells."""


class Forged(Exception):  # noqa: N818 - as above
    """An event that the provider did not sign, or signed too long ago."""


class SeenAttempt(msgspec.Struct, frozen=True):
    """One try to get the money from a buyer's means of payment, as the provider tells it."""

    provider_id: str
    state: AttemptState
    method: str | None
    """For people: `visa 4242`."""
    decline_code: str | None


class SeenPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as the provider tells it. Amounts are in minor units."""

    provider_id: str
    payment_id: str | None
    """Our id, which the provider keeps with it; None for one that we did not make."""
    state: PaymentState
    amount: int
    currency: str
    captured: int
    refunded: int
    capture_before: datetime | None
    splittable: bool
    """Whether it can be captured part by part."""
    client_secret: str | None
    decline_code: str | None
    attempt: SeenAttempt | None
    customer: str | None
    method: str | None


class SeenRefund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as the provider tells it."""

    provider_id: str
    refund_id: str | None
    payment: str
    """The provider's id of the payment."""
    amount: int
    currency: str
    state: RefundState
    failure: str | None


class SeenMandate(msgspec.Struct, frozen=True, kw_only=True):
    """A saved means of payment as the provider tells it."""

    provider_id: str
    mandate_id: str | None
    state: MandateState
    customer: str | None
    method: str | None
    client_secret: str | None
    decline_code: str | None


class SeenDispute(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer's objection at their bank, as the provider tells it."""

    provider_id: str
    payment: str | None
    amount: int
    currency: str
    reason: str
    state: str
    due_by: datetime | None
    created_at: datetime


class SeenEvent(msgspec.Struct, frozen=True):
    """News from the provider: something about one of its objects. What exactly is found out by looking at it."""

    id: str
    kind: str
    about: str | None
    """`payment`, `mandate` or `dispute`; None for what is nothing to us."""
    provider_id: str | None
    declined: bool = False
    """Whether a try was declined: others may follow before anybody looks, and hide it."""


class OpenPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment to be opened at the provider."""

    payment_id: str
    order_id: str
    order_number: str
    amount: int
    currency: str
    capture: Capture
    customer: str | None = None
    """The provider's id of the buyer, where a saved means is used or one is to be saved."""
    method: str | None = None
    """A saved means to charge right now, with nobody present."""
    save_method: bool = False


class Turnstile(Protocol):
    """Lets calls through no faster than the provider allows."""

    async def close(self) -> None:
        """Give back what it holds."""
        ...

    async def pass_through(self, endpoint: str) -> None:
        """Come back when the call may go. Raises Busy, at once, when that is not soon."""
        ...


class PaymentGateway(Protocol):
    """What we need from whoever moves the money.

    Amounts are in minor units as ISO 4217 has them, however the provider counts; one that it cannot take in full is
    refused before it is asked. Every method may raise InDoubt, NotNow and ProviderRefused.
    """

    @property
    def publishable_key(self) -> str:
        """The key with which a buyer's browser speaks to the provider itself."""
        ...

    async def open_customer(self, order_id: str, *, key: str) -> str:
        """Make the buyer known, so that a means of payment can be saved; the provider's id."""
        ...

    async def has_method(self, customer: str, method: str) -> bool:
        """Whether a means of payment that was saved for a customer is still there."""
        ...

    async def open_payment(self, wanted: OpenPayment, *, key: str) -> SeenPayment:
        """Open a payment; with a saved means it is charged at once. A decline is an answer, not an error."""
        ...

    async def look(self, provider_id: str) -> SeenPayment:
        """The payment as it is now."""
        ...

    async def find_payment(self, payment_id: str, customer: str | None) -> SeenPayment | None:
        """The payment that was opened for this one of ours, if there is one.

        With the provider's id of the buyer this is certain; without, what is a minute old may not be found.
        """
        ...

    async def capture(self, provider_id: str, amount: Money, *, last: bool, key: str) -> SeenPayment:
        """Take (a part of) what is reserved; what the last one leaves is released."""
        ...

    async def cancel(self, provider_id: str, *, key: str) -> SeenPayment:
        """Let go of what is reserved, or of an attempt that is not over."""
        ...

    async def refund(self, provider_id: str, amount: Money, *, refund_id: str, key: str) -> SeenRefund:
        """Give back a part of what was captured."""
        ...

    async def attempts_of(self, provider_id: str) -> list[SeenAttempt]:
        """Every try to get the money for a payment, the last one first."""
        ...

    async def refunds_of(self, provider_id: str) -> list[SeenRefund]:
        """Every refund of a payment, ours or not."""
        ...

    async def ask_mandate(self, mandate_id: str, order_id: str, customer: str, *, key: str) -> SeenMandate:
        """Ask the buyer for a means of payment that may be charged later without them."""
        ...

    async def look_at_mandate(self, provider_id: str) -> SeenMandate:
        """The saved means as it is now."""
        ...

    async def look_at_dispute(self, provider_id: str) -> SeenDispute:
        """The dispute as it is now."""
        ...

    def payments_between(self, since: datetime, until: datetime) -> AsyncIterator[SeenPayment]:
        """Every payment that was opened from `since` to before `until`, ours or not."""
        ...

    def refunds_between(self, since: datetime, until: datetime) -> AsyncIterator[SeenRefund]:
        """Every refund of that time."""
        ...

    def mandates_between(self, since: datetime, until: datetime) -> AsyncIterator[SeenMandate]:
        """Every mandate that was asked for in that time."""
        ...

    def disputes_between(self, since: datetime, until: datetime) -> AsyncIterator[SeenDispute]:
        """Every dispute of that time."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...

    def read_event(self, raw: bytes, signature: str, now: datetime) -> SeenEvent:
        """What a webhook says, if the provider itself signed it and not long ago. Raises Forged."""
        ...
