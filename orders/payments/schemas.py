"""What is asked of payments, and what they answer."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from commerce.kernel.bodies import Amount, Body, Reason
from orders.schemas import PaymentView


class BeginPaymentBody(Body, frozen=True):
    """Begin to pay, or go on with what was begun. There is nothing to choose: the order says it all."""


class ChargeBody(Body, frozen=True):
    """Charge the saved means of payment. There is nothing to choose: the order says it all."""


class ConfirmPaymentBody(Body, frozen=True):
    """The buyer came back from paying."""


class CloseCaseBody(Body, frozen=True):
    """What was done about a case."""

    note: Reason


class MandateView(msgspec.Struct, frozen=True):
    """A means of payment that the buyer is to save."""

    id: Annotated[str, Meta(examples=["mnd_019aa5c83d2f7b3c9d4e5f60718293a4"])]
    state: Annotated[str, Meta(description="`intended`, `waiting`, `action_required`, `active` or `cancelled`.")]
    decline_code: str | None
    deadline: datetime | None


class PayView(msgspec.Struct, frozen=True):
    """What a buyer's page hands to the provider's own form: the payment, or the means of payment to save."""

    order: str
    publishable_key: Annotated[str, Meta(description="With which the buyer's browser speaks to the provider.")]
    client_secret: Annotated[
        str | None, Meta(description="Lets the browser pay just this; null while the provider does not answer.")
    ]
    payment: PaymentView | None
    mandate: MandateView | None


class AttemptView(msgspec.Struct, frozen=True):
    """One try to get the money."""

    provider_id: str
    state: str
    method: str | None
    decline_code: str | None
    seen_at: datetime


class CallView(msgspec.Struct, frozen=True):
    """Something asked of the provider. Sent and not answered, it is in doubt, and is sent again at `next_at`."""

    id: str
    operation: str
    state: str
    tries: int
    created_at: datetime
    sent_at: datetime | None
    next_at: datetime
    answered_at: datetime | None
    last_error: str | None


class PaymentDetailView(msgspec.Struct, frozen=True):
    """A payment with every try of the buyer's, and every call about it."""

    payment: PaymentView
    order: str
    provider_id: str | None
    attempts: list[AttemptView]
    calls: list[CallView]


class PaymentRowView(msgspec.Struct, frozen=True):
    """A payment in a list."""

    id: str
    order: str
    order_number: str
    purpose: str
    state: str
    amount: Amount
    captured: Amount
    refunded: Amount
    created_at: datetime
    deadline: datetime | None
    in_doubt: Annotated[bool, Meta(description="Something was asked of the provider, and no answer came.")]


class WhichDisputes(StrEnum):
    """How far a dispute is: waiting for our answer, not decided (those included), decided, or any of these."""

    TO_ANSWER = "to_answer"
    OPEN = "open"
    OVER = "over"
    EVERY = "every"


class DisputeView(msgspec.Struct, frozen=True):
    """A buyer's objection at their bank. It is answered at the provider."""

    id: str
    payment: str | None
    order: str | None
    amount: Amount
    reason: str
    state: str
    due_by: datetime | None
    created_at: datetime


class CaseView(msgspec.Struct, frozen=True):
    """Something about money that waits for a person."""

    id: str
    kind: str
    subject: str
    order: str | None
    facts: dict[str, Any]
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str | None


class ReceivedView(msgspec.Struct, frozen=True):
    """An event was stored, now or before."""

    received: bool
    again: bool
