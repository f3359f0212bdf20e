"""Stripe's words in ours: what its objects say, as the port has it. Nothing is called here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from orders.payments.port import SeenAttempt, SeenDispute, SeenEvent, SeenMandate, SeenPayment, SeenRefund
from orders.payments.rules import AttemptState, MandateState, PaymentState, RefundState

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


class StripeEvent(msgspec.Struct):
    """The part of a webhook's body that is read."""

    id: str
    type: str
    data: dict[str, Any]


def read_event(raw: bytes) -> SeenEvent:
    """What a webhook's body says. Raises msgspec.MsgspecError where it is no event."""
    event = msgspec.json.decode(raw, type=StripeEvent)
    return SeenEvent(event.id, event.type, *_about(event))


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


def _id(thing: Any) -> str | None:  # noqa: ANN401 - an id, or the object itself where it was expanded
    return thing if thing is None or isinstance(thing, str) else str(thing.id)


def _ours(thing: Any, name: str) -> str | None:  # noqa: ANN401 - every object of the SDK has a type of its own
    metadata = getattr(thing, "metadata", None)
    return getattr(metadata, name, None) if metadata else None


def seen_payment(intent: Any) -> SeenPayment:  # noqa: ANN401 - as above
    """A payment as the port has it."""
    charge = intent.latest_charge if intent.latest_charge and not isinstance(intent.latest_charge, str) else None
    card = getattr(getattr(charge, "payment_method_details", None), "card", None)
    split = getattr(card, "multicapture", None)
    error = intent.last_payment_error
    return SeenPayment(
        provider_id=intent.id,
        payment_id=_ours(intent, "payment"),
        state=_PAYMENTS[intent.status],
        amount=intent.amount,
        currency=intent.currency.upper(),
        captured=intent.amount_received or 0,
        # What was reserved and let go is marked as refunded, although nothing was ever taken.
        refunded=charge.amount_refunded if charge and charge.captured else 0,
        disputed=bool(charge and charge.disputed),
        capture_before=_instant(getattr(card, "capture_before", None)),
        splittable=split is not None and split.status == "available",
        client_secret=intent.client_secret,
        decline_code=_decline(error) if error else None,
        attempt=_seen_attempt(charge, card) if charge else None,
        customer=_id(intent.customer),
        method=_id(intent.payment_method),
        created_at=datetime.fromtimestamp(intent.created, UTC),
    )


def _decline(error: Any) -> str:  # noqa: ANN401 - as above
    """Why: the bank's word where there is one, else Stripe's."""
    return str(getattr(error, "decline_code", None) or error.code)


def _seen_attempt(charge: Any, card: Any) -> SeenAttempt:  # noqa: ANN401 - as above
    outcome = getattr(charge, "outcome", None)
    declined = charge.status == "failed"
    code = (getattr(outcome, "reason", None) or charge.failure_code or "declined") if declined else None
    method = f"{card.brand} {card.last4}" if card is not None and card.last4 else None
    return SeenAttempt(charge.id, _ATTEMPTS[charge.status], method, code)


def seen_refund(refund: Any) -> SeenRefund:  # noqa: ANN401 - as above
    """A refund as the port has it."""
    return SeenRefund(
        provider_id=refund.id,
        refund_id=_ours(refund, "refund"),
        payment=_id(refund.payment_intent) or "",
        amount=refund.amount,
        currency=refund.currency.upper(),
        state=_REFUNDS[refund.status],
        failure=getattr(refund, "failure_reason", None),
        created_at=datetime.fromtimestamp(refund.created, UTC),
    )


def seen_mandate(intent: Any) -> SeenMandate:  # noqa: ANN401 - as above
    """A saved means of payment as the port has it."""
    error = intent.last_setup_error
    return SeenMandate(
        provider_id=intent.id,
        mandate_id=_ours(intent, "mandate"),
        state=_MANDATES[intent.status],
        customer=_id(intent.customer),
        method=_id(intent.payment_method),
        client_secret=intent.client_secret,
        decline_code=_decline(error) if error else None,
    )


def seen_dispute(dispute: Any) -> SeenDispute:  # noqa: ANN401 - as above
    """A dispute as the port has it."""
    due = getattr(dispute.evidence_details, "due_by", None) if dispute.evidence_details else None
    return SeenDispute(
        provider_id=dispute.id,
        payment=_id(dispute.payment_intent),
        amount=dispute.amount,
        currency=dispute.currency.upper(),
        reason=dispute.reason,
        state=dispute.status,
        due_by=_instant(due),
        created_at=datetime.fromtimestamp(dispute.created, UTC),
    )
