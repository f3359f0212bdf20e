"""Watch: what whoever runs this sees of payments, in numbers and by name."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text

from commerce.kernel.db import ReadSession
from orders.payments import queries
from orders.payments.cases import account_is_refused
from orders.payments.queries import Wanted
from orders.payments.schemas import CaseView, PaymentDetailView, PaymentRowView

__all__ = [
    "PaymentsWatch",
    "Wanted",
    "account_is_refused",
    "every_case",
    "first_of_all",
    "newest_payments",
    "one_payment",
    "payments_watch",
]
PAGE = 500


class PaymentsWatch(NamedTuple):
    """How payments are doing now."""

    in_doubt: int
    """Calls that were sent and not answered."""
    in_doubt_since: datetime | None
    """When the first of them was sent."""
    unread: int
    """News that nobody has looked at yet."""
    unread_since: datetime | None
    """When the first of it came."""
    in_flight: int
    """Payments that are begun, and neither paid, reserved nor given up."""
    cases_open: int


# Each is read from an index that holds only what is open, however much there ever was.
_WATCH = text("""
    SELECT (SELECT count(*) FROM provider_calls WHERE state = 'intended' AND sent_at IS NOT NULL),
           (SELECT min(sent_at) FROM provider_calls WHERE state = 'intended'),
           (SELECT count(*) FROM provider_looks), (SELECT min(asked_at) FROM provider_looks),
           (SELECT count(*) FROM payments
             WHERE state IN ('intended', 'waiting', 'action_required', 'processing')),
           (SELECT count(*) FROM payment_cases WHERE closed_at IS NULL)
""")


_FIRST = text("""
    SELECT least((SELECT min(created_at) FROM payments), (SELECT min(created_at) FROM mandates))
""")


async def payments_watch(tx: ReadSession) -> PaymentsWatch:
    """How many calls are in doubt and since when, news likewise, what is under way, and what waits for a person."""
    return PaymentsWatch(*(await tx.execute(_WATCH)).one())


async def first_of_all(tx: ReadSession) -> datetime | None:
    """When the first thing was begun that the provider could know; None if nothing was."""
    first: datetime | None = (await tx.execute(_FIRST)).scalar_one()
    return first


async def newest_payments(tx: ReadSession, wanted: Wanted, most: int) -> Sequence[PaymentRowView]:
    """The newest payments of a kind; one more than `most` if there is more."""
    return await queries.payment_page(tx, wanted, None, most)


async def one_payment(tx: ReadSession, payment_id: str) -> PaymentDetailView:
    """A payment with every try and every call. Raises NotFound."""
    return await queries.payment_detail(tx, payment_id)


async def every_case(tx: ReadSession, *, only_open: bool) -> Sequence[CaseView]:
    """What waits for a person, or ever did, oldest first; however much it is."""
    found: list[CaseView] = []
    more = True
    while more:
        page = await queries.case_page(tx, found[-1].id if found else "", PAGE, only_open=only_open)
        more = len(page) > PAGE
        found += page[:PAGE]
    return found
