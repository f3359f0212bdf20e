"""The payments' reads."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, text

from commerce.kernel.access import Role
from commerce.kernel.bodies import Amount
from commerce.kernel.db import ReadSession
from commerce.kernel.pages import Page, page_of
from commerce.kernel.refusals import InvalidInput, NotFound
from orders.payments.schemas import (
    AttemptView,
    CallView,
    CaseView,
    DisputeView,
    MandateView,
    PaymentDetailView,
    PaymentRowView,
    PayView,
    WhichDisputes,
)
from orders.queries import payment_view


class Wanted(NamedTuple):
    """Which payments a list should show; None is any. `order` is its id or the number that people read out."""

    state: str | None
    order: str | None
    in_doubt: bool


_ORDER = text("SELECT id FROM orders WHERE id = :said OR order_number = :said")
_LIST = text("""
    SELECT p.id, p.order_id, o.order_number, p.purpose, p.state, p.amount, p.captured, p.refunded, p.currency,
           p.created_at, p.deadline,
           EXISTS (SELECT 1 FROM provider_calls c
                    WHERE c.payment_id = p.id AND c.state = 'intended' AND c.sent_at IS NOT NULL) AS in_doubt
      FROM payments p JOIN orders o ON o.id = p.order_id
     WHERE (CAST(:state AS text) IS NULL OR p.state = :state)
       AND (CAST(:order AS text) IS NULL OR p.order_id = :order)
       AND (NOT :in_doubt OR EXISTS (SELECT 1 FROM provider_calls c
             WHERE c.payment_id = p.id AND c.state = 'intended' AND c.sent_at IS NOT NULL))
       AND (CAST(:before AS text) IS NULL OR p.id < :before)
     ORDER BY p.id DESC LIMIT :most
""")
_PAYMENT_COLUMNS = """
    p.id, p.purpose, p.state, p.amount, p.captured, p.refunded, p.decline_code, p.deadline, p.capture_before,
    p.currency,
    ARRAY(SELECT d.provider_id || ' ' || d.state FROM disputes d WHERE d.payment_id = p.id ORDER BY d.provider_id)
    AS disputes, p.client_secret, p.order_id, o.channel, p.provider_id, p.link
"""
# The columns are this module's own; no value is in the text.
_SOME = text(f"""
    SELECT {_PAYMENT_COLUMNS} FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = ANY(CAST(:ids AS text[]))
""")  # noqa: S608 - see above
_BY_LINK = text("SELECT id FROM payments WHERE link = :link")
_MANDATE = text("""
    SELECT m.id, m.state, m.decline_code, m.deadline, m.client_secret, m.order_id, o.channel
      FROM mandates m JOIN orders o ON o.id = m.order_id WHERE m.id = :id
""")
_ATTEMPTS = text("""
    SELECT provider_id, state, method, decline_code, seen_at FROM payment_attempts
     WHERE payment_id = :id ORDER BY seen_at, provider_id
""")
_CALLS = text("""
    SELECT id, operation, state, tries, created_at, sent_at, next_at, answered_at, last_error FROM provider_calls
     WHERE payment_id = :id ORDER BY seq
""")
_CASES = text("""
    SELECT id, kind, subject, order_id, facts, opened_at, closed_at, closed_by, note FROM payment_cases
     WHERE (NOT :only_open OR closed_at IS NULL) AND id > :after ORDER BY id LIMIT :most
""")
_CASE = text("""
    SELECT id, kind, subject, order_id, facts, opened_at, closed_at, closed_by, note FROM payment_cases WHERE id = :id
""")
_DISPUTES = text("""
    SELECT d.provider_id, d.payment_id, p.order_id, d.amount, d.currency, d.reason, d.state, d.due_by, d.created_at
      FROM disputes d LEFT JOIN payments p ON p.id = d.payment_id
     WHERE CASE CAST(:which AS text)
             WHEN 'to_answer' THEN d.state IN ('needs_response', 'warning_needs_response', 'appeal_needs_response')
             WHEN 'open' THEN d.state NOT IN ('won', 'lost', 'warning_closed', 'prevented')
             WHEN 'over' THEN d.state IN ('won', 'lost', 'warning_closed', 'prevented')
             ELSE true
           END
       AND (CAST(:after AS text) IS NULL
            OR (coalesce(d.due_by, 'infinity'), d.provider_id)
               > (coalesce(CAST(:after_due AS timestamptz), 'infinity'), CAST(:after AS text)))
     ORDER BY coalesce(d.due_by, 'infinity'), d.provider_id LIMIT :most
""")


async def payment_page(tx: ReadSession, wanted: Wanted, after: str | None, limit: int) -> list[PaymentRowView]:
    """Payments, newest first; one more than `limit` if there is more. Raises InvalidInput for an order there is not."""
    if wanted.order is not None:
        order_id = (await tx.execute(_ORDER, {"said": wanted.order})).scalar_one_or_none()
        if order_id is None:
            raise InvalidInput("order", f"{wanted.order!r} is neither the id nor the number of an order.")
        wanted = wanted._replace(order=order_id)
    rows = await tx.execute(_LIST, {**wanted._asdict(), "before": after, "most": limit + 1})
    return [
        PaymentRowView(
            row.id, row.order_id, row.order_number, row.purpose, row.state, Amount(row.amount, row.currency),
            Amount(row.captured, row.currency), Amount(row.refunded, row.currency), row.created_at, row.deadline,
            row.in_doubt,
        )
        for row in rows
    ]  # fmt: skip


async def payment_detail(tx: ReadSession, payment_id: str) -> PaymentDetailView:
    """A payment with every try and every call, for whoever runs the shop. Raises NotFound."""
    row = await _payment(tx, payment_id)
    attempts = [AttemptView(*one) for one in await tx.execute(_ATTEMPTS, {"id": payment_id})]
    calls = [CallView(*one) for one in await tx.execute(_CALLS, {"id": payment_id})]
    return PaymentDetailView(payment_view(row, Role.OPERATOR), row.order_id, row.provider_id, attempts, calls)


async def pay_views(tx: ReadSession, payment_ids: Sequence[str], publishable_key: str) -> dict[str, PayView]:
    """What the buyers' pages need to pay, by the payments' ids."""
    if not payment_ids:
        return {}
    rows = await tx.execute(_SOME, {"ids": list(payment_ids)})
    return {row.id: _pay_view(row, publishable_key) for row in rows}


async def pay_view(tx: ReadSession, payment_id: str, publishable_key: str) -> tuple[PayView, str]:
    """What a buyer's page needs to pay, and the channel it belongs to. Raises NotFound."""
    row = await _payment(tx, payment_id)
    return _pay_view(row, publishable_key), row.channel


def _pay_view(row: "Row[Any]", publishable_key: str) -> PayView:
    return PayView(row.order_id, publishable_key, row.client_secret, payment_view(row), None)


async def mandate_view(tx: ReadSession, mandate_id: str, publishable_key: str) -> tuple[PayView, str]:
    """What a buyer's page needs to save a means of payment, and the channel it belongs to. Raises NotFound."""
    row = (await tx.execute(_MANDATE, {"id": mandate_id})).one_or_none()
    if row is None:
        raise NotFound("mandate", mandate_id)
    mandate = MandateView(row.id, row.state, row.decline_code, row.deadline)
    return PayView(row.order_id, publishable_key, row.client_secret, None, mandate), row.channel


async def payment_by_link(tx: ReadSession, link: str) -> str:
    """The payment that a link finds. Raises NotFound."""
    found: str | None = (await tx.execute(_BY_LINK, {"link": link})).scalar_one_or_none()
    if found is None:
        raise NotFound("payment link", link)
    return found


async def case_page(tx: ReadSession, after: str, limit: int, *, only_open: bool) -> list[CaseView]:
    """Cases, oldest first; one more than `limit` if there is more."""
    rows = await tx.execute(_CASES, {"after": after, "most": limit + 1, "only_open": only_open})
    return [CaseView(*row) for row in rows]


async def case_view(tx: ReadSession, case_id: str) -> CaseView:
    """One case. It must be there."""
    return CaseView(*(await tx.execute(_CASE, {"id": case_id})).one())


async def dispute_page(
    tx: ReadSession, which: WhichDisputes, after: tuple[str, ...] | None, limit: int
) -> Page[DisputeView]:
    """A page of disputes, the one that must be answered first at its head; those without such an instant last."""
    due, dispute_id = after or ("", None)
    facts = {"which": str(which), "after_due": _instant(due) if due else None, "after": dispute_id, "most": limit + 1}
    rows = (await tx.execute(_DISPUTES, facts)).all()
    return page_of(rows, limit, _dispute, lambda row: (row.due_by.isoformat() if row.due_by else "", row.provider_id))


def _instant(said: str) -> datetime:
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("cursor", "This is not a cursor of ours.") from None


def _dispute(row: "Row[Any]") -> DisputeView:
    due_by: datetime | None = row.due_by
    return DisputeView(
        row.provider_id, row.payment_id, row.order_id, Amount(row.amount, row.currency), row.reason, row.state,
        due_by, row.created_at,
    )  # fmt: skip


async def _payment(tx: ReadSession, payment_id: str) -> "Row[Any]":
    row = (await tx.execute(_SOME, {"ids": [payment_id]})).one_or_none()
    if row is None:
        raise NotFound("payment", payment_id)
    return row
