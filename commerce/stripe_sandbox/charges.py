"""Charges: one attempt to take money each, made by an intent; and what they are worth after captures and refunds."""

from commerce.stripe_sandbox.calls import Call, update_plainly
from commerce.stripe_sandbox.cards import Decline, Means
from commerce.stripe_sandbox.errors import Json
from commerce.stripe_sandbox.world import Work

HELD_S = 7 * 24 * 3600
"""So long an authorisation of an online card payment holds."""

PLAIN = ("description", "receipt_email", "shipping", "transfer_group")
HONOURED = frozenset({*PLAIN, "metadata"})


def new_charge(work: Work, intent: Json, method: Json, means: Means) -> Json:
    """An attempt that went well so far: nothing captured yet."""
    return work.add(
        "charge",
        {
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "SANDBOX",
            "captured": False,
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "metadata": intent["metadata"],
            "on_behalf_of": None,
            "outcome": _outcome("authorized", "approved_by_network", "Payment complete."),
            "paid": True,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"type": means.kind, means.kind: _details(work, intent, method, means)},
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": None,
            "refunded": False,
            "review": None,
            "shipping": intent["shipping"],
            "source": None,
            "source_transfer": None,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": "succeeded",
            "transfer_data": None,
            "transfer_group": intent["transfer_group"],
        },
    )


def failed(charge: Json, decline: Decline) -> Json:
    """The same charge after the issuer said no."""
    charge.update(
        status="failed",
        paid=False,
        failure_code=decline.code,
        failure_message=decline.message,
        outcome=_outcome("issuer_declined", "declined_by_network", decline.message, decline.decline_code),
    )
    return charge


def hold(charge: Json, now: int) -> int:
    """Say until when the charge's authorisation can be captured."""
    kind = charge["payment_method_details"]["type"]
    details = charge["payment_method_details"]
    charge["payment_method_details"] = {**details, kind: {**details[kind], "capture_before": now + HELD_S}}
    return now + HELD_S


def held_until(charge: Json) -> int:
    """Until when it can be captured."""
    until: int = charge["payment_method_details"]["card"]["capture_before"]
    return until


def is_multicapture(charge: Json) -> bool:
    """Whether it can be captured in parts."""
    details = charge["payment_method_details"].get("card", {})
    return bool(details.get("multicapture", {}).get("status") == "available")


def retrieve(work: Work, call: Call) -> Json:
    """A charge."""
    return work.get("charge", call.id, "charge")


def update(work: Work, call: Call) -> Json:
    """Change what is written beside a charge."""
    charge = work.edit("charge", call.id, "charge")
    update_plainly(charge, call.said, PLAIN)
    work.tell("charge.updated", charge)
    return charge


def _outcome(network_status: str, kind: str, message: str, reason: str | None = None) -> Json:
    approved = network_status == "authorized"
    return {
        "advice_code": None if approved else "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None if approved else "05",
        "network_status": "approved_by_network" if approved else kind,
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": message,
        "type": network_status,
    }


def _details(work: Work, intent: Json, method: Json, means: Means) -> Json:
    if means.kind == "sepa_debit":
        return {**method["sepa_debit"], "mandate": None}
    asked = intent["payment_method_options"].get("card", {})
    # Stripe offers it for every brand among the test cards, but only to accounts with IC+ pricing.
    available = asked.get("request_multicapture") == "if_available" and work.world.multicapture
    own = method["card"]
    return {
        **{
            name: own[name] for name in ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
        },
        "amount_authorized": intent["amount"],
        "authorization_code": "123456",
        "checks": own["checks"],
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "available" if available else "unavailable"},
        "network": means.brand,
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": None,
        "wallet": None,
    }
