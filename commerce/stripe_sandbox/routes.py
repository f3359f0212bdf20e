"""Every address the sandbox answers at: with which parameters, which of them it honours, and who does it."""

from dataclasses import dataclass

from commerce.stripe_sandbox import (
    capture,
    charges,
    confirm,
    customers,
    disputes,
    events,
    intents,
    payment_methods,
    refunds,
    setup_intents,
)
from commerce.stripe_sandbox.calls import Call, Handler
from commerce.stripe_sandbox.errors import Json
from commerce.stripe_sandbox.lists import lister, searcher
from commerce.stripe_sandbox.world import Work


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `params` is the SDK's type of its parameters; `honours` what is done of it (None: everything).

    `browser` says whether a publishable key may call it.
    """

    params: str
    handler: Handler
    honours: frozenset[str] | None = None
    browser: bool = False


def _account(work: Work, call: Call) -> Json:
    """Who the merchant is: nobody in particular."""
    del work, call
    return {
        "id": "acct_sandbox",
        "object": "account",
        "charges_enabled": True,
        "country": "DE",
        "default_currency": "eur",
        "details_submitted": True,
        "payouts_enabled": True,
        "type": "standard",
    }


def _balance(work: Work, call: Call) -> Json:
    """What the ledger adds up to, in each currency."""
    del call
    sums: dict[str, int] = {}
    for row in work.world.ledger:
        sums[row["currency"]] = sums.get(row["currency"], 0) + row["amount"]
    available = [{"amount": amount, "currency": currency, "source_types": {}} for currency, amount in sums.items()]
    return {"object": "balance", "available": available, "livemode": False, "pending": []}


_ONLY_METADATA = frozenset({"metadata"})
_OWN = frozenset({"metadata", "billing_details", "allow_redisplay"})
ROUTES: dict[str, Route] = {
    "GET account": Route("AccountRetrieveCurrentParams", _account),
    "GET balance": Route("BalanceRetrieveParams", _balance),
    "POST customers": Route("CustomerCreateParams", customers.create, customers.HONOURED),
    "GET customers": Route("CustomerListParams", lister("customer", "email")),
    "GET customers/search": Route("CustomerSearchParams", searcher("customer")),
    "GET customers/*": Route("CustomerRetrieveParams", customers.retrieve),
    "POST customers/*": Route("CustomerUpdateParams", customers.update, customers.CHANGES),
    "DELETE customers/*": Route("CustomerDeleteParams", customers.delete),
    "GET customers/*/payment_methods": Route("CustomerPaymentMethodListParams", payment_methods.list_of_customer),
    "POST payment_methods": Route(
        "PaymentMethodCreateParams", payment_methods.create, payment_methods.HONOURED, browser=True
    ),
    "GET payment_methods": Route("PaymentMethodListParams", payment_methods.list_all),
    "GET payment_methods/*": Route("PaymentMethodRetrieveParams", payment_methods.retrieve),
    "POST payment_methods/*": Route("PaymentMethodUpdateParams", payment_methods.update, _OWN),
    "POST payment_methods/*/attach": Route(
        "PaymentMethodAttachParams", payment_methods.attach, frozenset({"customer"})
    ),
    "POST payment_methods/*/detach": Route("PaymentMethodDetachParams", payment_methods.detach),
    "POST payment_intents": Route("PaymentIntentCreateParams", intents.create, intents.HONOURED_CREATE),
    "GET payment_intents": Route("PaymentIntentListParams", lister("payment_intent", "customer")),
    "GET payment_intents/search": Route("PaymentIntentSearchParams", searcher("payment_intent")),
    "GET payment_intents/*": Route("PaymentIntentRetrieveParams", intents.retrieve, browser=True),
    "POST payment_intents/*": Route("PaymentIntentUpdateParams", intents.update, intents.HONOURED_UPDATE),
    "POST payment_intents/*/confirm": Route(
        "PaymentIntentConfirmParams", confirm.confirm, confirm.HONOURED, browser=True
    ),
    "POST payment_intents/*/capture": Route("PaymentIntentCaptureParams", capture.capture, capture.HONOURED),
    "POST payment_intents/*/cancel": Route("PaymentIntentCancelParams", intents.cancel),
    "POST setup_intents": Route("SetupIntentCreateParams", setup_intents.create, setup_intents.HONOURED_CREATE),
    "GET setup_intents": Route("SetupIntentListParams", lister("setup_intent", "customer", "payment_method")),
    "GET setup_intents/*": Route("SetupIntentRetrieveParams", setup_intents.retrieve, browser=True),
    "POST setup_intents/*": Route("SetupIntentUpdateParams", setup_intents.update, setup_intents.CHANGES),
    "POST setup_intents/*/confirm": Route(
        "SetupIntentConfirmParams", setup_intents.confirm_setup, setup_intents.CONFIRMS, browser=True
    ),
    "POST setup_intents/*/cancel": Route("SetupIntentCancelParams", setup_intents.cancel),
    "GET charges": Route("ChargeListParams", lister("charge", "customer", "payment_intent", "transfer_group")),
    "GET charges/search": Route("ChargeSearchParams", searcher("charge")),
    "GET charges/*": Route("ChargeRetrieveParams", charges.retrieve),
    "POST charges/*": Route("ChargeUpdateParams", charges.update, charges.HONOURED),
    "POST refunds": Route("RefundCreateParams", refunds.create, refunds.HONOURED),
    "GET refunds": Route("RefundListParams", lister("refund", "payment_intent", "charge")),
    "GET refunds/*": Route("RefundRetrieveParams", refunds.retrieve),
    "POST refunds/*": Route("RefundUpdateParams", refunds.update, _ONLY_METADATA),
    "GET disputes": Route("DisputeListParams", lister("dispute", "payment_intent", "charge")),
    "GET disputes/*": Route("DisputeRetrieveParams", disputes.retrieve),
    "POST disputes/*": Route("DisputeUpdateParams", disputes.update, disputes.HONOURED),
    "POST disputes/*/close": Route("DisputeCloseParams", disputes.close),
    "GET events": Route("EventListParams", events.list_all, frozenset({"type", "types", "created"})),
    "GET events/*": Route("EventRetrieveParams", events.retrieve),
}
PAGING = frozenset({"limit", "starting_after", "ending_before", "expand"})
"""Parameters that every endpoint honours which has them."""

_LENGTHS = (2, 3, 4)


def route_of(method: str, path: str) -> tuple[Route, str] | None:
    """The endpoint at a path below /v1, and the id in it."""
    parts = path.strip("/").split("/")
    if parts[0] != "v1" or len(parts) not in _LENGTHS:
        return None
    exact = ROUTES.get(f"{method} {'/'.join(parts[1:])}")
    if exact is not None or len(parts) == _LENGTHS[0]:
        return (exact, "") if exact else None
    action = "".join(f"/{part}" for part in parts[3:])
    found = ROUTES.get(f"{method} {parts[1]}/*{action}")
    return (found, parts[2]) if found else None
