"""Who somebody says they are, and the identities that follow from it."""

from functools import lru_cache
from typing import NamedTuple

import msgspec

from commerce.kernel.refusals import InvalidInput
from orders.customers.rules import normal_email, normal_phone

KINDS = ("account", "loyalty", "email", "phone")
"""From the strongest identity to the weakest: an account has signed in, a phone number is what a till heard."""

ASSERTED = frozenset({"account", "loyalty"})
"""Sent only for somebody who signed in or showed a card. The others are what anybody can type."""


class Who(msgspec.Struct, frozen=True):
    """Whatever is known of a person, as it was given, but for the space around an address or a number.

    A phone number without its own `+` is read in `country`.
    """

    account: str | None = None
    email: str | None = None
    phone: str | None = None
    loyalty: str | None = None
    country: str | None = None

    def __post_init__(self) -> None:
        for name in ("email", "phone"):
            text = getattr(self, name)
            if text is not None and text != text.strip():
                msgspec.structs.force_setattr(self, name, text.strip())


class Identity(NamedTuple):
    """One normalised identity; it finds at most one person."""

    kind: str
    value: str


def must_make_sense(who: Who, field: str = "customer") -> None:
    """Let a person through whose identities can be read. Raises InvalidInput naming `field` and what is wrong in it.

    Ask before work is grouped: what cannot be read must not take a whole group with it.
    """
    try:
        identities_of(who)
    except InvalidInput as refusal:
        raise InvalidInput(f"{field}.{refusal.field}" if field else refusal.field, refusal.reason) from None


@lru_cache(maxsize=4096)
def identities_of(who: Who) -> tuple[Identity, ...]:
    """The identities by which a person is found, the strongest first. Raises InvalidInput for an impossible one."""
    values = {
        "account": who.account,
        "loyalty": who.loyalty,
        "email": None if who.email is None else _email(who.email),
        "phone": None if who.phone is None else _phone(who.phone, who.country),
    }
    return tuple(Identity(kind, value) for kind in KINDS if (value := values[kind]))


def _email(text: str) -> str:
    email = normal_email(text)
    if email is None:
        raise InvalidInput("email", "This is not an e-mail address.")
    return email


def _phone(text: str, country: str | None) -> str:
    phone = normal_phone(text, country)
    if phone is None:
        where = f"in {country}" if country else "without a country; begin with + or name the country"
        raise InvalidInput("phone", f"This cannot be a phone number {where}.")
    return phone
