"""News that payments tell."""

from datetime import datetime
from typing import ClassVar

from commerce.kernel.outbox import Event


class PaymentSecured(Event, frozen=True):
    """The money for an order is reserved or taken; its goods stay kept for it."""

    topic: ClassVar[str] = "payment_secured"
    order_id: str
    payment_id: str


class PaymentGivenUp(Event, frozen=True):
    """A payment will not come any more, or no more of it than was taken."""

    topic: ClassVar[str] = "payment_given_up"
    order_id: str
    payment_id: str


class BuyerNeeded(Event, frozen=True):
    """A buyer must come back to pay, by the page that `link` finds, before the deadline."""

    topic: ClassVar[str] = "buyer_needed"
    order_id: str
    payment_id: str
    link: str
    deadline: datetime


class MandateGiven(Event, frozen=True):
    """A buyer's means of payment may be charged later."""

    topic: ClassVar[str] = "mandate_given"
    order_id: str
    mandate_id: str


class MandateGivenUp(Event, frozen=True):
    """A buyer will not save a means of payment any more."""

    topic: ClassVar[str] = "mandate_given_up"
    order_id: str
    mandate_id: str


class RefundMade(Event, frozen=True):
    """Money went back to a buyer."""

    topic: ClassVar[str] = "refund_made"
    order_id: str
    refund_id: str
    amount: int
    currency: str


class PaymentCaseOpened(Event, frozen=True):
    """Something about money does not add up; a case waits for a person."""

    topic: ClassVar[str] = "payment_case_opened"
    case_id: str
    kind: str
    subject: str
