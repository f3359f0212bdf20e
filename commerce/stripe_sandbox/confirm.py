"""Confirming an intent: the attempt to be paid, and the ways it goes."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from commerce.stripe_sandbox import charges
from commerce.stripe_sandbox.calls import Call
from commerce.stripe_sandbox.capture import take
from commerce.stripe_sandbox.cards import DECLINES, Decline, Means
from commerce.stripe_sandbox.errors import Json, StripeError, card_declined, not_in_sandbox, refused, unexpected_state
from commerce.stripe_sandbox.payment_methods import (
    attach_to,
    is_set_up,
    make_method,
    means_of,
    refuse_used,
    take_method,
)
from commerce.stripe_sandbox.world import Work

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
HONOURED = frozenset(
    {
        *("payment_method", "payment_method_data", "payment_method_options", "off_session", "return_url"),
        *("error_on_requires_action", "setup_future_usage", "capture_method", "receipt_email", "shipping"),
        "use_stripe_sdk",
    }
)
NAMES = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}
OPTIONS = {"card": frozenset({"request_multicapture", "capture_method"})}
"""What is done of an intent's options for each type of payment method."""

GoOn = Callable[[Work, Json, Json, Means], Json]
"""What is done with an intent, a method and its means once the holder has agreed."""

BROWSER = frozenset({"client_secret", "key", "expected_payment_method_type"})
"""What a browser says more than a server."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How the attempt is made: with the customer there or away, and what happens when the card asks for them."""

    off_session: bool
    return_url: str | None
    refuse_action: bool
    page: str


def confirm(work: Work, call: Call) -> Json:
    """Confirm an intent, with the secret key or, from a browser, with its client secret."""
    find_intent(work, call, "payment_intent")
    return confirm_intent(work, work.edit("payment_intent", call.id), call)


def find_intent(work: Work, call: Call, kind: str) -> Json:
    """The intent of a call. Whoever has but a publishable key must know its secret. Raises StripeError."""
    intent = work.get(kind, call.id, "intent")
    if call.browser and not hmac.compare_digest(call.said.get("client_secret", ""), intent["client_secret"]):
        raise refused(
            f"No such {kind}: '{intent['id']}'; the client_secret provided does not match.",
            "client_secret",
            "resource_missing",
        )
    return intent


def name_method(work: Work, intent: Json, said: Json) -> None:
    """Name the payment method, if one was said: the intent then waits to be confirmed."""
    method = _said_method(work, said)
    if method is not None:
        refuse_foreign(intent, method)
        intent.update(payment_method=method["id"], status="requires_confirmation", next_action=None)


def _said_method(work: Work, said: Json) -> Json | None:
    if "payment_method_data" in said:
        return make_method(work, said["payment_method_data"], "payment_method_data")
    return take_method(work, said["payment_method"]) if "payment_method" in said else None


def confirm_intent(work: Work, intent: Json, call: Call) -> Json:
    """Attempt to be paid. Raises StripeError, a lasting one when the card declined."""
    said = call.said
    if intent["status"] not in OPEN:
        raise unexpected_state(
            f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent"
            f" with one of the following statuses may be confirmed: {', '.join(OPEN)}.",
            "payment_intent",
            intent,
        )
    method = _method(work, intent, said)
    refuse_foreign(intent, method)
    refuse_used(work, method)
    terms = terms_of(intent, call)
    take_options(intent, said)
    intent.update({name: said[name] or None for name in ("receipt_email", "shipping") if name in said})
    means = means_of(work, method["id"])
    refuse_type(intent, means)
    intent.update(payment_method=method["id"], next_action=None)
    return _attempt(work, intent, method, means, terms)


def _method(work: Work, intent: Json, said: Json) -> Json:
    if intent["payment_method"] and not {"payment_method", "payment_method_data"} & said.keys():
        return work.get("payment_method", intent["payment_method"])
    if intent["payment_method"] and intent["status"] == "requires_confirmation" and said.get("confirm"):
        return work.get("payment_method", intent["payment_method"])  # Made from this very call's words.
    method = _said_method(work, said)
    if method is not None:
        return method
    raise unexpected_state(
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
        " PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment"
        " method.",
        "payment_intent",
        intent,
    )


def refuse_type(intent: Json, means: Means) -> None:
    """An intent takes the types of payment method that it names. Raises StripeError."""
    if means.kind not in intent["payment_method_types"]:
        raise refused(f"This {NAMES[intent['object']]} does not accept {means.kind}.", "payment_method")


def refuse_words_for_later(kind: str, said: Json) -> None:
    """Some parameters mean something only when the intent is confirmed in the same call. Raises StripeError."""
    if said.get("confirm"):
        return
    for name in ("off_session", "return_url", "error_on_requires_action"):
        if name in said:
            raise refused(
                f"The parameter `{name}` cannot be passed when creating a {NAMES[kind]} unless `confirm` is true.", name
            )


def refuse_foreign(intent: Json, method: Json) -> None:
    """A payment method that is kept with a customer pays for this customer only. Raises StripeError."""
    if method["customer"] is None or method["customer"] == intent["customer"]:
        return
    if intent["customer"] is None:
        message = (
            f"The provided PaymentMethod ({method['id']}) belongs to a Customer. Please include the Customer in the"
            " `customer` parameter on the PaymentIntent."
        )
    else:
        message = (
            f"The provided PaymentMethod ({method['id']}) does not belong to the Customer you supplied"
            f" {intent['customer']}. It belongs to a different Customer, therefore you cannot use it with this one."
        )
    raise refused(message, "payment_method", "payment_intent_invalid_parameter")


def terms_of(intent: Json, call: Call) -> Terms:
    """The terms that were said. Raises StripeError when there must be a way back for the holder, and is none."""
    said = call.said
    automatic = intent["automatic_payment_methods"] or {}
    redirects = automatic.get("enabled") and automatic.get("allow_redirects", "always") == "always"
    if redirects and not said.get("return_url") and not call.browser:
        raise refused(
            "A `return_url` must be specified because this Payment Intent is configured to automatically accept the"
            " payment methods enabled in the Dashboard, some of which may require a full page redirect to succeed. If"
            " you do not want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to"
            " `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and"
            " Payment Intents.",
            "return_url",
        )
    return Terms(
        off_session=bool(said.get("off_session")),
        return_url=None if said.get("use_stripe_sdk") else said.get("return_url"),
        refuse_action=bool(said.get("error_on_requires_action")),
        page=f"{call.origin}/_sandbox/authenticate/{intent['id']}",
    )


def take_options(intent: Json, said: Json) -> None:
    """What is said on creating, on updating and on confirming alike."""
    for name in ("capture_method", "setup_future_usage"):
        if name in said:
            intent[name] = said[name] or None
    for kind, options in said.get("payment_method_options", {}).items():
        for name in (options or {}).keys() - OPTIONS.get(kind, frozenset()):
            raise not_in_sandbox(f"payment_method_options[{kind}][{name}]")
        known = intent["payment_method_options"]
        intent["payment_method_options"] = {**known, kind: {**known.get(kind, {}), **(options or {})}}


def asks_holder(work: Work, means: Means, method: Json, *, off_session: bool) -> bool:
    """Whether the card wants its holder to authenticate this payment."""
    if means.challenge == "until_set_up":
        return not (off_session and is_set_up(work, method["id"]))
    return means.challenge == "always" or (means.challenge == "on_session" and not off_session)


def _attempt(work: Work, intent: Json, method: Json, means: Means, terms: Terms) -> Json:
    if asks_holder(work, means, method, off_session=terms.off_session):
        if terms.off_session or terms.refuse_action:
            raise decline(work, intent, method, DECLINES["authentication_required"])
        intent.update(status="requires_action", next_action=next_action(terms.page, terms.return_url))
        work.tell("payment_intent.requires_action", intent)
        return intent
    return pay(work, intent, method, means)


def next_action(page: str, return_url: str | None) -> Json:
    """Where the holder authenticates. With an address to come back to it is a redirect, else a matter for Stripe.js."""
    if return_url:
        return {"redirect_to_url": {"return_url": return_url, "url": page}, "type": "redirect_to_url"}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"stripe_js": page, "type": "three_d_secure_redirect"}}


def authenticated(work: Work, intent: Json, go_on: GoOn, *, succeeded: bool) -> Json:
    """The holder came back from the card's page: what was asked for goes on, or the attempt is over."""
    method = work.get("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if succeeded:
        try:
            return go_on(work, intent, method, means_of(work, method["id"]))
        except StripeError:
            return intent  # Declined after all; nobody waits for the answer but the holder, who sees the intent.
    kind: str = intent["object"]
    what = kind.removesuffix("_intent")
    message = (
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new"
        f" PaymentMethod to attempt to fulfill this {NAMES[kind]} again."
    )
    error = refused(message, code=f"{kind}_authentication_failure", payment_method=method).error
    intent.update({"status": "requires_payment_method", "payment_method": None, f"last_{what}_error": error})
    work.tell(f"{kind}.{what}_failed", intent)
    return intent


def pay(work: Work, intent: Json, method: Json, means: Means) -> Json:
    """Take the money, or hold it, or ask the bank for it. Raises StripeError when the card declines."""
    if means.decline and not means.settles_s:
        raise decline(work, intent, method, DECLINES[means.decline])
    charge = charges.new_charge(work, intent, method, means)
    intent.update(latest_charge=charge["id"], last_payment_error=None)
    _keep_method(work, intent, method)
    if means.settles_s:
        return _debit(work, intent, charge, means)
    options = intent["payment_method_options"].get("card", {})
    if options.get("capture_method", intent["capture_method"]) == "manual":
        work.world.schedule(charges.hold(charge, work.now), "authorisation", intent["id"])
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        work.tell("charge.succeeded", charge)
        work.tell("payment_intent.amount_capturable_updated", intent)
        return intent
    return take(work, intent, charge, intent["amount"], final=True, at_once=True)


def _keep_method(work: Work, intent: Json, method: Json) -> None:
    """Keep the method with the customer if asked to; a method that is kept nowhere has paid its only time."""
    if intent["setup_future_usage"] and intent["customer"]:
        if method["customer"] is None:
            attach_to(work, method, intent["customer"])
        work.note("means", method["id"], set_up=True)
    elif method["customer"] is None:
        work.note("means", method["id"], used=True)


def _debit(work: Work, intent: Json, charge: Json, means: Means) -> Json:
    if intent["capture_method"] == "manual":
        raise refused("sepa_debit does not support manual capture.", "capture_method")
    charge.update(status="pending", paid=False)
    intent.update(status="processing")
    work.world.schedule(work.now + means.settles_s, "debit", intent["id"])
    work.tell("charge.pending", charge)
    work.tell("payment_intent.processing", intent)
    return intent


def decline(work: Work, intent: Json, method: Json, why: Decline) -> StripeError:
    """Put on record that the attempt failed; the error to raise."""
    charge = charges.failed(charges.new_charge(work, intent, method, means_of(work, method["id"])), why)
    note_failure(work, intent, charge, method, why)
    return card_declined(why, charge=charge["id"], payment_intent=intent, payment_method=method)


def note_failure(work: Work, intent: Json, charge: Json, method: Json, why: Decline) -> None:
    """The intent wants another payment method now."""
    error = card_declined(why, charge=charge["id"], payment_method=method).error
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        latest_charge=charge["id"],
        next_action=None,
        last_payment_error=error,
    )
    work.tell("charge.failed", charge)
    work.tell("payment_intent.payment_failed", intent)
