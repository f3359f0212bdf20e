"""Payment methods: cards and accounts, by test name, by test number, kept with a customer or used once."""

from typing import Final

from commerce.stripe_sandbox.calls import Call, update_plainly
from commerce.stripe_sandbox.cards import BY_NAME, BY_NUMBER, DECLINES, Means, is_well_formed
from commerce.stripe_sandbox.errors import Json, StripeError, card_declined, missing_parameter, not_in_sandbox, refused
from commerce.stripe_sandbox.lists import page_of
from commerce.stripe_sandbox.world import Work

HONOURED = frozenset({"type", "card", "sepa_debit", "billing_details", "metadata", "allow_redisplay"})
TYPES = frozenset({"card", "sepa_debit"})
NO_BILLING: Final[Json] = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
NO_ADDRESS: Final[Json] = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
YEARS_AHEAD = 2


def types_of(said: Json) -> Json:
    """What an intent says of the types it takes: those that were named, or all there are. Raises StripeError."""
    types = said.get("allowed_payment_method_types")
    unknown = set(types or ()) - TYPES
    if unknown:
        raise refused(f"This sandbox has no payment method type {sorted(unknown)}.", "allowed_payment_method_types")
    automatic = {"allow_redirects": "always", "enabled": True} if types is None else None
    return {
        "allowed_payment_method_types": types,
        "automatic_payment_methods": said.get("automatic_payment_methods", automatic),
        "payment_method_types": types or sorted(TYPES),
    }


def create(work: Work, call: Call) -> Json:
    """Make a payment method of a test card's number, or of a test account's IBAN."""
    if "payment_method" in call.said:
        raise not_in_sandbox("payment_method")
    return make_method(work, call.said, "")


def make_method(work: Work, said: Json, param: str) -> Json:
    """Make one from what was said of it; `param` is where it was said, for errors."""
    kind = said.get("type") or ("card" if "card" in said else None)
    if kind not in TYPES:
        raise not_in_sandbox(f"{param}[type]" if param else "type")
    if kind not in said:
        raise missing_parameter(f"{param}[{kind}]" if param else kind)
    means = _card(said["card"], work) if kind == "card" else _account(said["sepa_debit"])
    method = _add(work, means, said.get("card", {}))
    method["billing_details"] = {**NO_BILLING, "address": NO_ADDRESS, **said.get("billing_details", {})}
    update_plainly(method, said, ("allow_redisplay",))
    return method


def _card(said: Json, work: Work) -> Means:
    if "token" in said:
        named = BY_NAME.get(said["token"].replace("tok_", "pm_card_", 1))
        if named is None:
            raise refused(f"No such token: '{said['token']}'", "card[token]", "resource_missing")
        return named
    for name in ("number", "exp_month", "exp_year"):
        if name not in said:
            raise missing_parameter(f"card[{name}]")
    number = said["number"].replace(" ", "").replace("-", "")
    if not is_well_formed(number):
        raise _refused_card("incorrect_number")
    if number not in BY_NUMBER:
        raise _refused_card("not_a_test_card")
    if int(said["exp_year"]) % 100 + 2000 < _year(work.now):
        raise _refused_card("invalid_expiry")
    return BY_NUMBER[number]


def _refused_card(reason: str) -> StripeError:
    """A card that was not accepted; unlike with a charge, nothing is on record."""
    error = card_declined(DECLINES[reason])
    error.lasting = False
    return error


def _account(said: Json) -> Means:
    iban = said.get("iban", "").replace(" ", "")
    means = BY_NUMBER.get(iban)
    if means is None or means.kind != "sepa_debit":
        raise refused(
            "The IBAN you provided is not one of the test accounts.", "sepa_debit[iban]", "invalid_bank_account_iban"
        )
    return means


def take_method(work: Work, id_: str, param: str = "payment_method") -> Json:
    """The payment method of this id; a test card's name makes a new one, as at Stripe. Raises StripeError."""
    named = BY_NAME.get(id_)
    if named is not None:
        return _add(work, named, {})
    return work.get("payment_method", id_, param, status=400)


def means_of(work: Work, method_id: str) -> Means:
    """How this payment method behaves."""
    note = work.find("means", method_id)
    assert note is not None, "every payment method was made here"
    return BY_NUMBER[note["number"]]


def is_set_up(work: Work, method_id: str) -> bool:
    """Whether its holder agreed to be charged when away."""
    return bool((work.find("means", method_id) or {}).get("set_up"))


def retrieve(work: Work, call: Call) -> Json:
    """A payment method."""
    return work.get("payment_method", call.id, "payment_method")


def update(work: Work, call: Call) -> Json:
    """Change what is written beside a payment method."""
    method = work.edit("payment_method", call.id, "payment_method")
    if "billing_details" in call.said:
        method["billing_details"] = {**method["billing_details"], **call.said["billing_details"]}
    update_plainly(method, call.said, ("allow_redisplay",))
    work.tell("payment_method.updated", method)
    return method


def attach(work: Work, call: Call) -> Json:
    """Keep a payment method with a customer."""
    if "customer" not in call.said:
        raise missing_parameter("customer")
    customer = work.get("customer", call.said["customer"], "customer", status=400)
    return attach_to(work, take_method(work, call.id), customer["id"])


def attach_to(work: Work, method: Json, customer: str) -> Json:
    """Attach, unless the card will not have it or belongs to somebody else. Raises StripeError."""
    if method["customer"] == customer:
        return method
    if method["customer"] is not None:
        raise refused(
            "The payment method you provided has already been attached to a customer.", code="resource_already_exists"
        )
    refuse_used(work, method)
    means = means_of(work, method["id"])
    if means.decline and not means.attaches:
        raise _refused_card(means.decline)
    method = work.edit("payment_method", method["id"])
    method["customer"] = customer
    work.tell("payment_method.attached", method)
    return method


def refuse_used(work: Work, method: Json) -> None:
    """A payment method that belongs to nobody pays once. Raises StripeError the second time."""
    if method["customer"] is None and (work.find("means", method["id"]) or {}).get("used"):
        raise refused(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a"
            " Customer, and may not be used again.",
            "payment_method",
        )


def detach(work: Work, call: Call) -> Json:
    """Take a payment method from its customer, for good."""
    method = work.get("payment_method", call.id, "payment_method")
    if method["customer"] is None:
        raise refused(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            "payment_method",
        )
    method = work.edit("payment_method", call.id)
    method["customer"] = None
    work.note("means", call.id, used=True)
    work.tell("payment_method.detached", method)
    return method


def list_all(work: Work, call: Call) -> Json:
    """Payment methods: a customer's, or everybody's."""
    if "customer" in call.said:
        work.get("customer", call.said["customer"], "customer", status=400)
    return _list(work, call.said, call.said.get("customer"), "/v1/payment_methods")


def list_of_customer(work: Work, call: Call) -> Json:
    """A customer's payment methods."""
    work.get("customer", call.id, "customer")
    return _list(work, call.said, call.id, f"/v1/customers/{call.id}/payment_methods")


def _list(work: Work, said: Json, customer: str | None, url: str) -> Json:
    wanted = {name: value for name, value in (("customer", customer), ("type", said.get("type"))) if value}
    return page_of(
        work.world.tables["payment_method"],
        said,
        lambda rows: (row for row in rows if all(row[name] == value for name, value in wanted.items())),
        url,
    )


def _add(work: Work, means: Means, said: Json) -> Json:
    method = work.add(
        "payment_method",
        {
            "allow_redisplay": "unspecified",
            "billing_details": {**NO_BILLING, "address": NO_ADDRESS},
            "customer": None,
            "metadata": {},
            "type": means.kind,
            means.kind: _card_facts(work, means, said) if means.kind == "card" else _account_facts(means),
        },
    )
    work.note("means", method["id"], number=means.number)
    return method


def _card_facts(work: Work, means: Means, said: Json) -> Json:
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
    return {
        "brand": means.brand,
        "checks": checks,
        "country": "DE" if means.number == "4000002760000016" else "US",
        "display_brand": means.brand,
        "exp_month": said.get("exp_month", 12),
        "exp_year": said.get("exp_year", _year(work.now) + YEARS_AHEAD),
        "fingerprint": f"Sandbox{means.number[-9:]}",
        "funding": means.funding,
        "generated_from": None,
        "last4": means.last4,
        "networks": {"available": [means.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": means.brand != "amex"},
        "wallet": None,
    }


def _account_facts(means: Means) -> Json:
    return {
        "bank_code": means.number[4:12],
        "branch_code": "",
        "country": means.number[:2],
        "fingerprint": f"Sandbox{means.number[-9:]}",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": means.last4,
    }


def _year(now: int) -> int:
    """The year of an instant, near enough for a card's expiry."""
    return 1970 + now // 31_556_952
