"""Stripe's amounts: whole numbers as ours are, but not for every currency of the unit that ISO 4217 has for it.

What Stripe takes is documented at docs.stripe.com/currencies: two digits unless it says otherwise. The króna and the
shilling of Uganda have none any more, and are still told with two that are 00; the ariary has two, and is told without.
"""

from commerce.kernel.money import Money, digits_of, half_up
from orders.payments.port import ProviderRefused

_NONE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
_THREE = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
NOT_POSSIBLE = "amount_not_possible"


def to_stripe(amount: Money) -> int:
    """The amount as Stripe is told it. Raises ProviderRefused for one that it cannot take in full: nothing is rounded.

    Of an ariary there are no parts at Stripe, and of three digits the last must be a 0.
    """
    theirs: int
    theirs, rest = divmod(amount.minor * 10 ** _digits(amount.currency), 10 ** digits_of(amount.currency))
    if rest or (amount.currency in _THREE and theirs % 10):
        raise ProviderRefused(NOT_POSSIBLE, f"{amount} cannot be told to Stripe in full.")
    return theirs


def from_stripe(theirs: int, currency: str) -> int:
    """Stripe's amount of a currency in our smallest units.

    What is not ours may be in a currency that ISO has given up, and stays as it is told, or in fractions of a unit that
    has none any more, and goes to the nearest; it is only ever shown to a person.
    """
    try:
        ours = digits_of(currency)
    except ValueError:
        return theirs
    return half_up(theirs * 10**ours, 10 ** _digits(currency))


def _digits(currency: str) -> int:
    """How many digits of a currency Stripe's amounts have."""
    if currency in _NONE:
        return 0
    return 3 if currency in _THREE else 2
