"""PaymentIntents: what is to be paid, from the first word to the last."""

from commerce.stripe_sandbox import confirm
from commerce.stripe_sandbox.calls import Call, update_plainly
from commerce.stripe_sandbox.capture import is_partly_captured, let_go
from commerce.stripe_sandbox.currencies import AMOUNT_MIN, CURRENCIES, refuse_fraction
from commerce.stripe_sandbox.errors import Json, refused, unexpected_state
from commerce.stripe_sandbox.payment_methods import types_of
from commerce.stripe_sandbox.world import Work

PLAIN = (
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
CANCELABLE = (*confirm.OPEN, "requires_capture")
ABOUT_MONEY = frozenset({"amount", "currency", "customer", "payment_method", "capture_method", "setup_future_usage"})
HONOURED_UPDATE = frozenset({*PLAIN, *ABOUT_MONEY, "metadata", "payment_method_options", "payment_method_data"})
HONOURED_CREATE = frozenset(
    {
        *(HONOURED_UPDATE | confirm.HONOURED),
        *("confirm", "automatic_payment_methods", "allowed_payment_method_types", "confirmation_method"),
    }
)
AMOUNT_MAX = 99_999_999


def create(work: Work, call: Call) -> Json:
    """Make an intent, and confirm it at once if asked to."""
    said = call.said
    confirm.refuse_words_for_later("payment_intent", said)
    _refuse_amount(said["amount"], said["currency"].lower())
    if "customer" in said:
        work.get("customer", said["customer"], "customer", status=400)
    intent = work.add("payment_intent", _blank(said))
    intent["client_secret"] = f"{intent['id']}_secret_{intent['id'][3:]}"
    update_plainly(intent, said, PLAIN)
    confirm.name_method(work, intent, said)
    work.tell("payment_intent.created", intent)
    if said.get("confirm"):
        return confirm.confirm_intent(work, intent, call)
    return intent


def _refuse_amount(amount: int, currency: str) -> None:
    if currency not in CURRENCIES:
        known = ", ".join(sorted(CURRENCIES))
        raise refused(f"Invalid currency: {currency}. Stripe currently supports these currencies: {known}", "currency")
    if amount < 1:
        raise refused("This value must be greater than or equal to 1.", "amount", "parameter_invalid_integer")
    if amount > AMOUNT_MAX:
        raise refused(f"Amount must be no more than {AMOUNT_MAX} {currency}", "amount", "amount_too_large")
    if amount < AMOUNT_MIN.get(currency, 1):
        raise refused(f"Amount must be at least {AMOUNT_MIN[currency]} {currency}", "amount", "amount_too_small")
    refuse_fraction(amount, currency, "amount")


def retrieve(work: Work, call: Call) -> Json:
    """An intent; a browser must know its secret, and sees less of it."""
    return confirm.find_intent(work, call, "payment_intent")


def update(work: Work, call: Call) -> Json:
    """Change an intent. Once money is held or moved, only what is written beside it."""
    intent = work.get("payment_intent", call.id, "intent")
    said = call.said
    if intent["status"] not in confirm.OPEN and not ABOUT_MONEY.isdisjoint(said):
        raise unexpected_state(
            f"This PaymentIntent's {', '.join(sorted(ABOUT_MONEY & said.keys()))} could not be updated because it has"
            f" a status of {intent['status']}. You may only update it when it has one of the following statuses:"
            f" {', '.join(confirm.OPEN)}.",
            "payment_intent",
            intent,
        )
    changed = {**intent, **said}
    _refuse_amount(changed["amount"], changed["currency"].lower())
    if "customer" in said:
        work.get("customer", said["customer"], "customer", status=400)
    intent = work.edit("payment_intent", call.id)
    intent.update({name: said[name] for name in ("amount", "customer", "capture_method") if name in said})
    intent["currency"] = changed["currency"].lower()
    confirm.take_options(intent, said)
    update_plainly(intent, said, PLAIN)
    confirm.name_method(work, intent, said)
    return intent


def cancel(work: Work, call: Call) -> Json:
    """Call an intent off. What it holds is let go; what was captured already stays."""
    intent = work.get("payment_intent", call.id, "intent")
    if intent["status"] not in CANCELABLE:
        raise unexpected_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent"
            f" with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
            "payment_intent",
            intent,
        )
    intent = work.edit("payment_intent", call.id)
    if is_partly_captured(intent):
        return let_go(work, intent)
    return call_off(work, intent, call.said.get("cancellation_reason"))


def call_off(work: Work, intent: Json, reason: str | None) -> Json:
    """Cancel an intent that nothing was captured of. What was held is free again, which the charge does not show."""
    intent.update(
        status="canceled",
        canceled_at=work.now,
        cancellation_reason=reason,
        amount_capturable=0,
        next_action=None,
    )
    work.tell("payment_intent.canceled", intent)
    return intent


def _blank(said: Json) -> Json:
    if said.get("confirmation_method", "automatic") != "automatic":
        raise refused("This sandbox confirms automatically only.", "confirmation_method", "parameter_not_in_sandbox")
    intent = {
        **types_of(said),
        "amount": said["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": said.get("capture_method", "automatic_async"),
        "client_secret": None,
        "confirmation_method": "automatic",
        "currency": said["currency"].lower(),
        "customer": said.get("customer"),
        **dict.fromkeys(PLAIN),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"installments": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "processing": None,
        "review": None,
        "setup_future_usage": None,
        "source": None,
        "status": "requires_payment_method",
        "transfer_data": None,
    }
    confirm.take_options(intent, said)
    return intent
