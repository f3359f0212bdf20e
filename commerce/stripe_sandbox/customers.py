"""Customers: who pays, as far as Stripe is told."""

from commerce.stripe_sandbox.calls import Call, update_plainly
from commerce.stripe_sandbox.errors import Json, no_such
from commerce.stripe_sandbox.payment_methods import attach_to, take_method
from commerce.stripe_sandbox.world import Work

PLAIN = ("address", "description", "email", "name", "phone", "shipping", "preferred_locales")
CHANGES = frozenset({*PLAIN, "metadata", "invoice_settings"})
HONOURED = CHANGES | {"payment_method"}


def create(work: Work, call: Call) -> Json:
    """Make a customer, with a payment method if one is named."""
    customer = work.add("customer", _blank())
    update_plainly(customer, call.said, PLAIN)
    if "payment_method" in call.said:
        attach_to(work, take_method(work, call.said["payment_method"]), customer["id"])
    _settle_default(work, customer, call.said)
    work.tell("customer.created", customer)
    return customer


def retrieve(work: Work, call: Call) -> Json:
    """A customer; one that was deleted says only that."""
    found = work.find("customer", call.id)
    if found is None:
        raise no_such("customer", call.id)
    return found


def update(work: Work, call: Call) -> Json:
    """Change what is known of a customer."""
    customer = work.edit("customer", call.id)
    update_plainly(customer, call.said, PLAIN)
    _settle_default(work, customer, call.said)
    work.tell("customer.updated", customer)
    return customer


def delete(work: Work, call: Call) -> Json:
    """Forget a customer; its id stays taken."""
    gone = dict(work.get("customer", call.id))
    stub = {"id": call.id, "object": "customer", "deleted": True}
    customer = work.edit("customer", call.id)
    customer.clear()
    customer.update(stub, created=gone["created"], email=None, metadata={})
    work.tell("customer.deleted", gone)
    return stub


def _settle_default(work: Work, customer: Json, said: Json) -> None:
    default = (said.get("invoice_settings") or {}).get("default_payment_method")
    if default:
        work.get("payment_method", default, "invoice_settings[default_payment_method]", status=400)
        customer["invoice_settings"] = {**customer["invoice_settings"], "default_payment_method": default}


def _blank() -> Json:
    return {
        "address": None,
        "balance": 0,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "email": None,
        "invoice_prefix": None,
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
