"""What payments refuse, and why."""

from dataclasses import dataclass

from commerce.kernel.refusals import Refusal


@dataclass(eq=False)
class NotPaid(Refusal):
    """The goods may not leave yet: the money is neither there nor reserved."""

    code = "not_paid"
    order: str
    owed: int

    def __str__(self) -> str:
        return "This order is not paid yet."


@dataclass(eq=False)
class MoneyWentBack(Refusal):
    """All that was paid for the goods went back, or is on its way: they stay until a person has decided."""

    code = "money_went_back"
    order: str

    def __str__(self) -> str:
        return "All that was paid for this order went back. Cancel what has not left."


@dataclass(eq=False)
class BeingOpened(Refusal):
    """The same payment is being opened at the provider for somebody else just now."""

    code = "payment_being_opened"
    retry_after_s = 1
    payment: str

    def __str__(self) -> str:
        return "This payment is being opened. Send the same request again in a moment."


@dataclass(eq=False)
class NothingToPay(Refusal):
    """The order is paid, is paid at the counter, or is cancelled."""

    code = "nothing_to_pay"
    order: str
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(eq=False)
class ProviderAway(Refusal):
    """The payment provider does not answer. The payment is noted, and the same request may be sent again."""

    status = 503
    code = "payment_provider_away"
    retry_after_s = 5
    payment: str

    def __str__(self) -> str:
        return "The payment provider does not answer now. The order stands; send the same request again."


@dataclass(eq=False)
class PaymentRefused(Refusal):
    """The payment provider will not do this, now or later."""

    status = 422
    code = "payment_refused"
    payment: str
    reason: str

    def __str__(self) -> str:
        return f"The payment provider refused: {self.reason}."


@dataclass(eq=False)
class RefundTooLarge(Refusal):
    """More would go back than was paid, in all or for the shipping, and is not on its way back already."""

    code = "refund_too_large"
    field: str
    wanted: int
    left: int

    def __str__(self) -> str:
        return f"{self.wanted} is more than can go back; {self.left} is left."


@dataclass(eq=False)
class NotRefundable(Refusal):
    """These units have not left, or went back already."""

    code = "not_refundable"
    field: str
    line: int
    left: int

    def __str__(self) -> str:
        return f"{self.left} units of line {self.line} have left and were not refunded. Cancel what has not left."


@dataclass(eq=False)
class ForgedEvent(Refusal):
    """The event was not signed by the provider, was changed on its way, or is too old."""

    status = 400
    code = "forged_event"
    reason: str

    def __str__(self) -> str:
        return self.reason
