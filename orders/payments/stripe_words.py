"""Stripe's words in ours: what its objects say, as the port has it. Nothing is called here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from orders.payments.port import SeenAttempt, SeenDispute, SeenEvent, SeenMandate, SeenPayment, SeenRefund
from orders.payments.rules import AttemptState, MandateState, PaymentState, RefundState
from orders.payments.stripe_amounts import from_stripe

EVENTS = (
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "charge.refunded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "setup_intent.canceled",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
)
"""What a webhook endpoint at Stripe should be subscribed to. Others do no harm."""

_PAYMENTS: Mapping[str, PaymentState] = {
    "requires_payment_method": PaymentState.WAITING,
    "requires_confirmation": PaymentState.WAITING,
    "requires_action": PaymentState.ACTION,
    "processing": PaymentState.PROCESSING,
    "requires_capture": PaymentState.AUTHORISED,
    "succeeded": PaymentState.CAPTURED,
    "canceled": PaymentState.CANCELLED,
}
_MANDATES: Mapping[str, MandateState] = {
    "requires_payment_method": MandateState.WAITING,
    "requires_confirmation": MandateState.WAITING,
    "requires_action": MandateState.ACTION,
    "processing": MandateState.ACTION,
    "succeeded": MandateState.ACTIVE,
    "canceled": MandateState.CANCELLED,
}
_REFUNDS: Mapping[str, RefundState] = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
_ATTEMPTS: Mapping[str, AttemptState] = {
    "pending": AttemptState.PENDING,
    "failed": AttemptState.DECLINED,
    "succeeded": AttemptState.SUCCEEDED,
}


class Thing(msgspec.Struct):
    """An object of Stripe's that is only referred to."""

    id: str


class Method(msgspec.Struct):
    """A means of payment, and whose it is."""

    id: str
    customer: str | None = None


class Problem(msgspec.Struct):
    """Why something did not work: the bank's word where there is one, else Stripe's."""

    code: str | None = None
    decline_code: str | None = None

    @property
    def word(self) -> str:
        """The word for it."""
        return self.decline_code or self.code or "declined"


class Split(msgspec.Struct):
    """Whether a card takes a payment in parts."""

    status: str


class Card(msgspec.Struct):
    """The card behind a charge."""

    brand: str | None = None
    last4: str | None = None
    capture_before: int | None = None
    multicapture: Split | None = None


class Means(msgspec.Struct):
    """What a charge was paid with; a card where it is one."""

    card: Card | None = None


class Outcome(msgspec.Struct):
    """What the bank said."""

    reason: str | None = None


class Charge(msgspec.Struct):
    """One try to get the money."""

    id: str
    status: str
    captured: bool = False
    amount_refunded: int = 0
    failure_code: str | None = None
    outcome: Outcome | None = None
    payment_method_details: Means | None = None


class Intent(msgspec.Struct):
    """A PaymentIntent, with its latest charge where that was asked for."""

    id: str
    status: str
    amount: int
    currency: str
    amount_received: int | None = None
    client_secret: str | None = None
    customer: str | Thing | None = None
    payment_method: str | Thing | None = None
    latest_charge: str | Charge | None = None
    last_payment_error: Problem | None = None
    metadata: dict[str, str] | None = None


class Setup(msgspec.Struct):
    """A SetupIntent."""

    id: str
    status: str
    client_secret: str | None = None
    customer: str | Thing | None = None
    payment_method: str | Thing | None = None
    last_setup_error: Problem | None = None
    metadata: dict[str, str] | None = None


class Refund(msgspec.Struct):
    """A refund."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent: str | Thing | None = None
    failure_reason: str | None = None
    metadata: dict[str, str] | None = None


class Evidence(msgspec.Struct):
    """Until when a dispute can be answered."""

    due_by: int | None = None


class Dispute(msgspec.Struct):
    """A dispute."""

    id: str
    status: str
    amount: int
    currency: str
    reason: str
    created: int
    payment_intent: str | Thing | None = None
    evidence_details: Evidence | None = None


One = TypeVar("One")


class Listed(msgspec.Struct, Generic[One]):
    """A page of a list."""

    data: list[One]
    has_more: bool = False


class StripeEvent(msgspec.Struct):
    """The part of a webhook's body that is read."""

    id: str
    type: str
    data: dict[str, Any]


def read_event(raw: bytes) -> SeenEvent:
    """What a webhook's body says. Raises msgspec.MsgspecError where it is no event."""
    event = msgspec.json.decode(raw, type=StripeEvent)
    declined = event.type == "payment_intent.payment_failed"
    return SeenEvent(event.id, event.type, *_about(event), declined=declined)


def _about(event: StripeEvent) -> tuple[str | None, str | None]:
    thing = event.data.get("object")
    if not isinstance(thing, dict):
        return None, None
    kind, _, _ = event.type.partition(".")
    if event.type.startswith("charge.dispute."):
        return "dispute", _text(thing.get("id"))
    if kind in {"charge", "refund"}:
        intent = _text(thing.get("payment_intent"))
        return ("payment", intent) if intent else (None, None)
    about = {"payment_intent": "payment", "setup_intent": "mandate"}.get(kind)
    return (about, _text(thing.get("id"))) if about else (None, None)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _id(thing: str | Thing | None) -> str | None:
    """An id, also where the object itself was told."""
    return thing.id if isinstance(thing, Thing) else thing


def seen_payment(intent: Intent) -> SeenPayment:
    """A payment as the port has it."""
    charge = intent.latest_charge if isinstance(intent.latest_charge, Charge) else None
    card = charge.payment_method_details.card if charge and charge.payment_method_details else None
    split = card.multicapture if card else None
    currency = intent.currency.upper()
    # Before 2025-03-31.basil, what was reserved and let go was marked as refunded; nothing was ever taken.
    refunded = charge.amount_refunded if charge and charge.captured else 0
    return SeenPayment(
        provider_id=intent.id,
        payment_id=(intent.metadata or {}).get("payment"),
        state=_PAYMENTS[intent.status],
        amount=from_stripe(intent.amount, currency),
        currency=currency,
        captured=from_stripe(intent.amount_received or 0, currency),
        refunded=from_stripe(refunded, currency),
        capture_before=_instant(card.capture_before if card else None),
        splittable=split is not None and split.status == "available",
        client_secret=intent.client_secret,
        decline_code=intent.last_payment_error.word if intent.last_payment_error else None,
        attempt=seen_attempt(charge) if charge else None,
        customer=_id(intent.customer),
        method=_id(intent.payment_method),
    )


def seen_attempt(charge: Charge) -> SeenAttempt:
    """A try to get the money as the port has it."""
    card = charge.payment_method_details.card if charge.payment_method_details else None
    reason = charge.outcome.reason if charge.outcome else None
    code = (reason or charge.failure_code or "declined") if charge.status == "failed" else None
    method = f"{card.brand} {card.last4}" if card is not None and card.last4 else None
    return SeenAttempt(charge.id, _ATTEMPTS[charge.status], method, code)


def seen_refund(refund: Refund) -> SeenRefund:
    """A refund as the port has it."""
    currency = refund.currency.upper()
    return SeenRefund(
        provider_id=refund.id,
        refund_id=(refund.metadata or {}).get("refund"),
        payment=_id(refund.payment_intent) or "",
        amount=from_stripe(refund.amount, currency),
        currency=currency,
        state=_REFUNDS[refund.status],
        failure=refund.failure_reason,
    )


def seen_mandate(setup: Setup) -> SeenMandate:
    """A saved means of payment as the port has it."""
    return SeenMandate(
        provider_id=setup.id,
        mandate_id=(setup.metadata or {}).get("mandate"),
        state=_MANDATES[setup.status],
        customer=_id(setup.customer),
        method=_id(setup.payment_method),
        client_secret=setup.client_secret,
        decline_code=setup.last_setup_error.word if setup.last_setup_error else None,
    )


def seen_dispute(dispute: Dispute) -> SeenDispute:
    """A dispute as the port has it."""
    currency = dispute.currency.upper()
    return SeenDispute(
        provider_id=dispute.id,
        payment=_id(dispute.payment_intent),
        amount=from_stripe(dispute.amount, currency),
        currency=currency,
        reason=dispute.reason,
        state=dispute.status,
        due_by=_instant(dispute.evidence_details.due_by if dispute.evidence_details else None),
        created_at=datetime.fromtimestamp(dispute.created, UTC),
    )
