"""What Stripe says when it says no: the shapes and words of its error envelopes."""

from typing import Any

from commerce.stripe_sandbox.cards import Decline

Json = dict[str, Any]


class StripeError(Exception):
    """An answer that is an error envelope. `kept` says whether an idempotency key remembers it.

    `lasting` says that what was done before it stands: a declined card leaves a failed charge.
    """

    def __init__(self, status: int, kind: str, message: str, *, kept: bool = True, **more: Any) -> None:  # noqa: ANN401 - an envelope carries strings and whole objects
        super().__init__(message)
        self.status = status
        self.kept = kept
        self.should_retry: bool | None = None
        self.lasting = False
        self.error: Json = {"type": kind, "message": message, **{name: said for name, said in more.items() if said}}
        if "code" in self.error:
            self.error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.error['code'].replace('_', '-')}"


def refused(message: str, param: str | None = None, code: str | None = None, **more: Any) -> StripeError:  # noqa: ANN401 - as above
    """The request cannot be done like this, and will not be the next time either."""
    return StripeError(400, "invalid_request_error", message, param=param, code=code, **more)


def unread(message: str, param: str, code: str | None = None) -> StripeError:
    """A parameter cannot be read. No key remembers it, since nothing began."""
    return StripeError(400, "invalid_request_error", message, kept=False, param=param, code=code)


def unknown_parameter(param: str) -> StripeError:
    """A parameter that the endpoint does not have."""
    return unread(f"Received unknown parameter: {param}", param, "parameter_unknown")


def missing_parameter(param: str) -> StripeError:
    """A parameter that the endpoint cannot do without."""
    return unread(f"Missing required param: {param}.", param, "parameter_missing")


def not_in_sandbox(param: str) -> StripeError:
    """Stripe has this parameter, and this sandbox does not do what it asks for; to leave it out would be a lie."""
    message = f"Stripe knows the parameter {param}; this sandbox does not do what it asks for."
    return unread(message, param, "parameter_not_in_sandbox")


def no_such(kind: str, id_: str, param: str = "id", *, status: int = 404) -> StripeError:
    """There is no such object. 404 when the path names it, 400 when a parameter does."""
    message = f"No such {NAMES.get(kind, kind)}: '{id_}'"
    return StripeError(status, "invalid_request_error", message, code="resource_missing", param=param)


NAMES = {"payment_method": "PaymentMethod", "setup_intent": "setupintent"}
"""Stripe writes these two kinds differently when it misses one."""


def card_declined(decline: Decline, **objects: Any) -> StripeError:  # noqa: ANN401 - an envelope carries whole objects
    """The card's issuer said no. What was tried is on record."""
    error = StripeError(
        402,
        "card_error",
        decline.message,
        code=decline.code,
        decline_code=decline.decline_code,
        param=decline.param,
        **objects,
    )
    error.lasting = True
    return error


def unexpected_state(message: str, kind: str, intent: Json) -> StripeError:
    """An intent is not in a state in which this can be done to it; the envelope carries the intent."""
    error = refused(message, code=f"{kind}_unexpected_state")
    error.error[kind] = intent
    return error


def no_such_route(method: str, path: str) -> StripeError:
    """Stripe has no such address, or the sandbox has not."""
    message = f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help."
    return StripeError(404, "invalid_request_error", message, kept=False)


def unauthorised(message: str, code: str | None = None) -> StripeError:
    """The caller did not say who it is, or may not do this."""
    return StripeError(401, "invalid_request_error", message, kept=False, code=code)


def rate_limited() -> StripeError:
    """Too many requests; nothing was done."""
    message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
    return StripeError(429, "invalid_request_error", message, kept=False, code="rate_limit")


def lock_timeout() -> StripeError:
    """Another request holds the object; nothing was done, and asking again is right."""
    message = (
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing"
        " it. If you see this error intermittently, retry the request. If you see this error frequently and are making"
        " multiple concurrent requests to a single object, make your requests serially or at a lower rate."
    )
    error = StripeError(429, "invalid_request_error", message, kept=False, code="lock_timeout")
    error.should_retry = True
    return error


def server_error(*, kept: bool) -> StripeError:
    """Something broke at Stripe. Where a key remembers it, asking again would only hear it again."""
    message = "An unknown error occurred. If this keeps happening, contact support."
    error = StripeError(500, "api_error", message, kept=kept)
    error.should_retry = not kept
    return error


def key_in_use(key: str) -> StripeError:
    """The first request with this key is still under way."""
    message = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted"
        f" twice, and the other request is still going through): {key}. Please try again later."
    )
    error = StripeError(409, "invalid_request_error", message, kept=False, code="idempotency_key_in_use")
    error.should_retry = True
    return error


def key_used_otherwise(key: str, first: str, now: str) -> StripeError:
    """The key belongs to another request."""
    if first != now:
        message = (
            "Keys for idempotent requests can only be used for the same endpoint they were first used for"
            f" ('{now}' vs '{first}'). Try using a key other than '{key}' if you meant to execute a different request."
        )
    else:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with."
            f" Try using a key other than '{key}' if you meant to execute a different request."
        )
    return StripeError(400, "idempotency_error", message, kept=False)
