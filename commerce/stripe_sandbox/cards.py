"""The documented test cards and accounts: what each does when it is charged, set up, refunded or disputed.

See https://docs.stripe.com/testing. A card is known by its number, or by its payment method's name; a bank account,
which pays by SEPA direct debit, by its IBAN.
"""

from dataclasses import dataclass
from typing import Literal

Challenge = Literal["never", "always", "until_set_up", "on_session"]
"""When a card asks its holder: `until_set_up` not any more off session once it was set up; `on_session` never
off session, as if it had been set up elsewhere."""


@dataclass(frozen=True, slots=True)
class Means:
    """A means of payment. `decline` is a key of DECLINES; `attaches`: it can be kept for later, although it declines.

    A debit is decided `settles_s` after it was asked for, and is `processing` until then.
    """

    number: str
    names: tuple[str, ...] = ()
    brand: str = "visa"
    funding: str = "credit"
    decline: str | None = None
    attaches: bool = False
    challenge: Challenge = "never"
    dispute: str | None = None
    inquiry: bool = False
    refund: Literal["fails", "pending"] | None = None
    kind: Literal["card", "sepa_debit"] = "card"
    settles_s: int = 0

    @property
    def last4(self) -> str:
        """The digits that everybody may see."""
        return self.number[-4:]


@dataclass(frozen=True, slots=True)
class Decline:
    """How an issuer says no."""

    code: str
    message: str
    decline_code: str | None = None
    param: str | None = None


_DECLINED = "Your card was declined."
DECLINES = {
    "generic_decline": Decline("card_declined", _DECLINED, "generic_decline"),
    "insufficient_funds": Decline("card_declined", "Your card has insufficient funds.", "insufficient_funds"),
    "lost_card": Decline("card_declined", _DECLINED, "lost_card"),
    "stolen_card": Decline("card_declined", _DECLINED, "stolen_card"),
    "velocity": Decline("card_declined", _DECLINED, "card_velocity_exceeded"),
    "fraudulent": Decline("card_declined", _DECLINED, "fraudulent"),
    "expired_card": Decline("expired_card", "Your card has expired.", "expired_card", "exp_month"),
    "incorrect_cvc": Decline("incorrect_cvc", "Your card's security code is incorrect.", "incorrect_cvc", "cvc"),
    "processing_error": Decline(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        "processing_error",
    ),
    "authentication_required": Decline(
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
        "authentication_required",
    ),
    "debit_failed": Decline(
        "payment_method_provider_decline",
        "The customer's bank account could not be debited.",
        "insufficient_funds",
    ),
    "not_a_test_card": Decline(
        "card_declined",
        "Your card was declined. Your request was in test mode, but used a non test card.",
        "test_mode_live_card",
    ),
    "incorrect_number": Decline("incorrect_number", "Your card number is incorrect.", "incorrect_number", "number"),
    "invalid_expiry": Decline(
        "invalid_expiry_year", "Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year"
    ),
}


def _declining(number: str, decline: str, *names: str) -> Means:
    """A card whose charges are declined. The documentation has put the brand into its name and taken it out again."""
    return Means(number, tuple(f"pm_card_{brand}{name}" for name in names for brand in ("", "visa_")), decline=decline)


CARDS = (
    Means("4242424242424242", ("pm_card_visa",)),
    Means("4000056655665556", ("pm_card_visa_debit",), funding="debit"),
    Means("5555555555554444", ("pm_card_mastercard",), "mastercard"),
    Means("5200828282828210", ("pm_card_mastercard_debit",), "mastercard", "debit"),
    Means("378282246310005", ("pm_card_amex",), "amex"),
    Means("4000002760000016", ("pm_card_de",)),
    _declining("4000000000000002", "generic_decline", "chargeDeclined"),
    _declining("4000000000009995", "insufficient_funds", "chargeDeclinedInsufficientFunds"),
    _declining("4000000000009987", "lost_card", "chargeDeclinedLostCard"),
    _declining("4000000000009979", "stolen_card", "chargeDeclinedStolenCard"),
    _declining("4000000000000069", "expired_card", "chargeDeclinedExpiredCard"),
    _declining("4000000000000127", "incorrect_cvc", "chargeDeclinedIncorrectCvc"),
    _declining("4000000000000119", "processing_error", "chargeDeclinedProcessingError"),
    _declining("4000000000006975", "velocity", "chargeDeclinedVelocityLimitExceeded"),
    _declining("4100000000000019", "fraudulent", "radarBlock"),
    Means("4000000000000341", ("pm_card_chargeCustomerFail",), decline="generic_decline", attaches=True),
    Means("4000002500003155", ("pm_card_authenticationRequiredOnSetup",), challenge="until_set_up"),
    Means("4000002760003184", ("pm_card_authenticationRequired",), challenge="always"),
    Means("4000003800000446", ("pm_card_authenticationRequiredSetupForOffSession",), challenge="on_session"),
    Means(
        "4000008260003178",
        ("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",),
        decline="insufficient_funds",
        attaches=True,
        challenge="until_set_up",
    ),
    Means("4000000000003220", ("pm_card_threeDSecure2Required",), challenge="always"),
    Means("4000000000000259", ("pm_card_createDispute",), dispute="fraudulent"),
    Means("4000000000002685", ("pm_card_createDisputeProductNotReceived",), dispute="product_not_received"),
    Means("4000000000001976", ("pm_card_createDisputeInquiry",), dispute="fraudulent", inquiry=True),
    Means("4000000000007726", ("pm_card_pendingRefund",), refund="pending"),
    Means("4000000000005126", ("pm_card_refundFail",), refund="fails"),
)
SOON_S, LATER_S = 10, 180
"""Debits take days; the documented test accounts decide at once or after three minutes."""


def _account(iban: str, settles_s: int, decline: str | None = None, dispute: str | None = None) -> Means:
    return Means(
        iban, kind="sepa_debit", settles_s=settles_s, decline=decline, attaches=True, dispute=dispute, brand="sepa"
    )


ACCOUNTS = (
    _account("DE89370400440532013000", SOON_S),
    _account("DE08370400440532013003", LATER_S),
    _account("DE62370400440532013001", SOON_S, decline="debit_failed"),
    _account("DE78370400440532013004", LATER_S, decline="debit_failed"),
    _account("DE35370400440532013002", SOON_S, dispute="debit_not_authorized"),
)
BY_NUMBER = {card.number: card for card in (*CARDS, *ACCOUNTS)}
BY_NAME = {name: card for card in CARDS for name in card.names}


def is_well_formed(number: str) -> bool:
    """Whether the last digit fits the others (ISO/IEC 7812-1, Luhn)."""
    if not (number.isascii() and number.isdecimal() and 12 <= len(number) <= 19):  # noqa: PLR2004 - lengths of card numbers
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = (2 * digit - 9 * (digit > 4) for digit in digits[1::2])  # noqa: PLR2004 - twice five has two digits
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
