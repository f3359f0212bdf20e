"""The rules of tenders: together they pay the total exactly, and only cash gives change."""

from collections.abc import Sequence
from typing import NamedTuple

from orders.errors import MixedCurrency, TendersDoNotAddUp
from orders.rules import TenderKind
from orders.schemas import TenderBody


class Settled(NamedTuple):
    """One tender, settled: `given` is `amount` paid plus `change` returned, in minor units."""

    kind: TenderKind
    amount: int
    given: int
    change: int
    reference: str | None


def settle(tenders: Sequence[TenderBody], total: int, currency: str) -> list[Settled]:
    """Split what was given into what pays the total and what goes back as change, out of the last cash given.

    Raises MixedCurrency, and TendersDoNotAddUp naming what is wrong with them.
    """
    for n, tender in enumerate(tenders):
        _check(tender, n, total, currency)
    given = sum(tender.given.amount for tender in tenders)
    change = given - total
    cash = sum(tender.given.amount for tender in tenders if tender.kind is TenderKind.CASH)
    if change < 0:
        raise TendersDoNotAddUp("tenders", total, given, f"{-change} is still to be paid.")
    if change > cash:
        raise TendersDoNotAddUp("tenders", total, given, "Only cash gives change; the others pay too much.")
    settled = []
    for tender in reversed(tenders):
        back = min(change, tender.given.amount) if tender.kind is TenderKind.CASH else 0
        change -= back
        paid = tender.given.amount - back
        if not paid:
            raise TendersDoNotAddUp("tenders", total, given, "A tender pays nothing; leave it out.")
        settled.append(Settled(tender.kind, paid, tender.given.amount, back, tender.reference))
    return settled[::-1]


def _check(tender: TenderBody, n: int, total: int, currency: str) -> None:
    if tender.given.currency != currency:
        raise MixedCurrency(f"tenders[{n}].given", currency, tender.given.currency)
    if tender.kind is TenderKind.PAY_ON_COLLECTION:
        reason = "At the counter it is paid now: cash or card_terminal."
        raise TendersDoNotAddUp(f"tenders[{n}].kind", total, tender.given.amount, reason)
