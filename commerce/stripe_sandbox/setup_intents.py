"""SetupIntents: a customer's permission to be charged later, when away."""

from commerce.stripe_sandbox import confirm
from commerce.stripe_sandbox.calls import Call, update_plainly
from commerce.stripe_sandbox.cards import DECLINES, Decline, Means
from commerce.stripe_sandbox.errors import Json, StripeError, card_declined, unexpected_state
from commerce.stripe_sandbox.payment_methods import attach_to, means_of, refuse_used, types_of
from commerce.stripe_sandbox.world import Work

CHANGES = frozenset({"customer", "description", "metadata", "payment_method", "payment_method_data"})
CONFIRMS = frozenset({"payment_method", "payment_method_data", "return_url", "use_stripe_sdk"})
HONOURED_CREATE = frozenset(
    {*(CHANGES | CONFIRMS), "confirm", "usage", "automatic_payment_methods", "allowed_payment_method_types"}
)


def create(work: Work, call: Call) -> Json:
    """Make a setup intent, and confirm it at once if asked to."""
    said = call.said
    confirm.refuse_words_for_later("setup_intent", said)
    if "customer" in said:
        work.get("customer", said["customer"], "customer", status=400)
    intent = work.add("setup_intent", _blank(said))
    intent["client_secret"] = f"{intent['id']}_secret_{intent['id'][5:]}"
    update_plainly(intent, said, ("description",))
    confirm.name_method(work, intent, said)
    work.tell("setup_intent.created", intent)
    return _confirm(work, intent, call) if said.get("confirm") else intent


def retrieve(work: Work, call: Call) -> Json:
    """A setup intent."""
    return confirm.find_intent(work, call, "setup_intent")


def update(work: Work, call: Call) -> Json:
    """Change a setup intent that is still open."""
    _refuse_closed(work.get("setup_intent", call.id, "intent"), "update")
    intent = work.edit("setup_intent", call.id)
    if "customer" in call.said:
        intent["customer"] = work.get("customer", call.said["customer"], "customer", status=400)["id"]
    update_plainly(intent, call.said, ("description",))
    confirm.name_method(work, intent, call.said)
    return intent


def confirm_setup(work: Work, call: Call) -> Json:
    """Confirm a setup intent, with the secret key or, from a browser, with its client secret."""
    _refuse_closed(confirm.find_intent(work, call, "setup_intent"), "confirm")
    intent = work.edit("setup_intent", call.id)
    confirm.name_method(work, intent, call.said)
    return _confirm(work, intent, call)


def cancel(work: Work, call: Call) -> Json:
    """Call a setup intent off."""
    _refuse_closed(work.get("setup_intent", call.id, "intent"), "cancel")
    intent = work.edit("setup_intent", call.id)
    reason = call.said.get("cancellation_reason")
    intent.update(status="canceled", cancellation_reason=reason, next_action=None)
    work.tell("setup_intent.canceled", intent)
    return intent


def _confirm(work: Work, intent: Json, call: Call) -> Json:
    if intent["payment_method"] is None:
        message = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise unexpected_state(message, "setup_intent", intent)
    method = work.get("payment_method", intent["payment_method"])
    refuse_used(work, method)
    means = means_of(work, method["id"])
    confirm.refuse_type(intent, means)
    terms = confirm.terms_of(intent, call)
    # A card that asks only for payments on session was set up elsewhere already.
    if means.challenge in {"always", "until_set_up"}:
        intent.update(status="requires_action", next_action=confirm.next_action(terms.page, terms.return_url))
        work.tell("setup_intent.requires_action", intent)
        return intent
    return set_up(work, intent, method, means)


def set_up(work: Work, intent: Json, method: Json, means: Means) -> Json:
    """The holder agreed, unless the issuer does not."""
    if means.decline and not means.attaches:
        raise _declined(work, intent, method, DECLINES[means.decline])
    if intent["customer"] and method["customer"] is None:
        method = attach_to(work, method, intent["customer"])
    work.note("means", method["id"], set_up=True)
    intent.update(status="succeeded", last_setup_error=None)
    work.tell("setup_intent.succeeded", intent)
    return intent


def _declined(work: Work, intent: Json, method: Json, why: Decline) -> StripeError:
    error = card_declined(why, payment_method=method).error
    intent.update(status="requires_payment_method", payment_method=None, last_setup_error=error)
    work.tell("setup_intent.setup_failed", intent)
    return card_declined(why, setup_intent=intent, payment_method=method)


def _refuse_closed(intent: Json, verb: str) -> None:
    if intent["status"] not in confirm.OPEN:
        raise unexpected_state(
            f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.", "setup_intent", intent
        )


def _blank(said: Json) -> Json:
    return {
        **types_of(said),
        "application": None,
        "cancellation_reason": None,
        "client_secret": None,
        "customer": said.get("customer"),
        "description": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": said.get("usage", "off_session"),
    }
