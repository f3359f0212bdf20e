"""The port of online payment: what placing and delivering an order need to know of how it is paid, in our words."""

from typing import Protocol

from orders.payments.rules import Settled
from orders.rules import TenderKind


class OnlinePayment(Protocol):
    """A way to pay for an online order.

    It is asked inside a transaction, so it answers from what it knows; whoever speaks with a bank does so outside, and
    tells here what came of it.
    """

    def due(self, total: int) -> list[Settled]:
        """What is due for an order when it is placed, in minor units; together exactly its total."""
        ...

    def delivered(self, total: int, reference: str | None) -> list[Settled]:
        """What was paid when the carrier brought everything; `reference` is the carrier's own number."""
        ...


class PayOnCollection:
    """The buyer pays when the goods are handed over: in the store, or to the carrier."""

    def due(self, total: int) -> list[Settled]:
        """The whole total, in one promise."""
        return self.delivered(total, None)

    def delivered(self, total: int, reference: str | None) -> list[Settled]:
        """The carrier takes exactly what is due."""
        return [Settled(TenderKind.PAY_ON_COLLECTION, total, total, 0, reference)]


ONLINE: OnlinePayment = PayOnCollection()
"""How online orders are paid here."""
