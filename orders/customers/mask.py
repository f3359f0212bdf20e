"""Mask: what a storefront or a till sees of a customer, which is no more than they were told anyway."""

from collections.abc import Collection

from orders.customers.identities import Identity
from orders.customers.rules import normal_email, normal_phone
from orders.customers.schemas import CustomerView, IdentityView, MaskedCustomerView

_DOTS = "•••••"
"""Always five, so that they do not tell how much they hide."""
_SHOWN_OF = 8
"""From so many characters on, hiding all but the last two hides something."""


def masked(view: CustomerView, known: Collection[Identity]) -> MaskedCustomerView:
    """The customer with contact details hidden, but for those the caller knows: the identities they searched by."""
    email, phone = view.email, view.phone
    if email and Identity("email", normal_email(email) or "") not in known:
        email = _hidden("email", email)
    if phone and Identity("phone", normal_phone(phone, view.country) or "") not in known:
        phone = _hidden("phone", phone)
    identities = [
        IdentityView(one.kind, one.value if Identity(one.kind, one.value) in known else _hidden(one.kind, one.value))
        for one in view.identities
    ]
    return MaskedCustomerView(view.id, email, phone, view.country, view.merged_into, identities)


def _hidden(kind: str, text: str) -> str:
    if kind == "email":
        local, at, domain = text.partition("@")
        return f"{local[:1]}***{at}{domain}"
    start = text[:3] if kind == "phone" and text.startswith("+") else ""
    return start + _DOTS + (text[-2:] if len(text) >= _SHOWN_OF else "")
