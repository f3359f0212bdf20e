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
    """Split what was given into what pays the total and what goes back as change, out of the largest cash given.

    In whatever order tenders come, they are taken or refused alike, and each pays something: one that could as well
    have stayed in the buyer's pocket is a mistake. Raises MixedCurrency, and TendersDoNotAddUp naming what is wrong.
    """
    for n, tender in enumerate(tenders):
        _check(tender, n, total, currency)
    given = sum(tender.given.amount for tender in tenders)
    change = given - total
    if change < 0:
        raise TendersDoNotAddUp("tenders", total, given, f"{-change} is still to be paid.")
    cash = {n: tender.given.amount for n, tender in enumerate(tenders) if tender.kind is TenderKind.CASH}
    if change > sum(cash.values()):
        raise TendersDoNotAddUp("tenders", total, given, "Only cash gives change; the others pay too much.")
    largest = max(cash, key=lambda n: cash[n], default=None)
    if largest is not None and change >= cash[largest]:
        raise TendersDoNotAddUp(f"tenders[{largest}].given", total, given, "The others pay it already; leave it out.")
    return [_settled(tender, change if n == largest else 0) for n, tender in enumerate(tenders)]


def _settled(tender: TenderBody, back: int) -> Settled:
    return Settled(tender.kind, tender.given.amount - back, tender.given.amount, back, tender.reference)


def _check(tender: TenderBody, n: int, total: int, currency: str) -> None:
    if tender.given.currency != currency:
        raise MixedCurrency(f"tenders[{n}].given", currency, tender.given.currency)
    if tender.kind is TenderKind.PAY_ON_COLLECTION:
        reason = "At the counter it is paid now: cash or card_terminal."
        raise TendersDoNotAddUp(f"tenders[{n}].kind", total, tender.given.amount, reason)
    if not tender.given.amount:
        raise TendersDoNotAddUp(f"tenders[{n}].given", total, 0, "A tender of nothing pays nothing; leave it out.")
