"""The payments' tables: tenders and the ledger, and what is asked of the payment provider and heard from it."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Facts, Minor, Table


class Tender(Table):
    """One means of payment on an order. What was given less the change is what it pays."""

    __tablename__ = "tenders"
    __table_args__ = (
        CheckConstraint("kind IN ('cash', 'card_terminal', 'pay_on_collection', 'online')", name="kind_is_known"),
        CheckConstraint("state IN ('due', 'paid', 'void')", name="state_is_known"),
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        CheckConstraint("given = amount + change AND change >= 0", name="change_adds_up"),
        CheckConstraint("change = 0 OR kind = 'cash'", name="only_cash_gives_change"),
        Index("ix_tenders_order_id", "order_id"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"))
    kind: Mapped[Code]
    state: Mapped[Code]
    amount: Mapped[Minor]
    given: Mapped[Minor]
    change: Mapped[Minor]
    reference: Mapped[str | None]
    """The card terminal's own number for the payment, or the payment's id."""
    recorded_at: Mapped[datetime]


class LedgerEntry(Table):
    """Money owed (positive) or settled (negative) on an order. Never changed; an order's sum is what is still owed."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("kind IN ('charge', 'payment', 'cancellation', 'refund', 'repayment')", name="kind_is_known"),
        Index("ix_ledger_entries_order_id", "order_id"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"))
    kind: Mapped[Code]
    amount: Mapped[Minor]
    currency: Mapped[Code]
    reference: Mapped[Code | None]
    entered_at: Mapped[datetime]


class Plan(Table):
    """When the buyer of an online order pays through the provider; an order without one is paid on collection."""

    __tablename__ = "payment_plans"
    __table_args__ = (
        CheckConstraint("plan IN ('now', 'on_shipment', 'later')", name="plan_is_known"),
        CheckConstraint("deposit >= 0 AND (deposit = 0 OR plan = 'later')", name="deposit_is_for_later"),
    )

    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    plan: Mapped[Code]
    deposit: Mapped[Minor]


class Mandate(Table):
    """A means of payment that a buyer saved for an order, to be charged when they are not there."""

    __tablename__ = "mandates"
    __table_args__ = (
        CheckConstraint(
            "state IN ('intended', 'waiting', 'action_required', 'active', 'cancelled')", name="state_is_known"
        ),
        Index("uq_mandates_provider_id", "provider_id", unique=True, postgresql_where=text("provider_id IS NOT NULL")),
        Index("uq_mandates_live", "order_id", unique=True, postgresql_where=text("state <> 'cancelled'")),
        Index(
            "ix_mandates_deadline",
            "deadline",
            postgresql_where=text("state IN ('intended', 'waiting', 'action_required')"),
        ),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), index=True)
    state: Mapped[Code]
    provider_id: Mapped[Code | None]
    """The provider's id of the request for it; null where a deposit saved the means along the way."""
    customer: Mapped[Code | None]
    method: Mapped[Code | None]
    client_secret: Mapped[Code | None]
    decline_code: Mapped[Code | None]
    deadline: Mapped[datetime | None]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]


class Payment(Table):
    """Money asked of a buyer for an order through the provider. Its state only moves forward (see rules.py)."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("purpose IN ('whole', 'deposit', 'balance')", name="purpose_is_known"),
        CheckConstraint("capture IN ('automatic', 'manual')", name="capture_is_known"),
        CheckConstraint(
            "state IN ('intended', 'waiting', 'action_required', 'processing', 'authorised', 'captured', 'cancelled')",
            name="state_is_known",
        ),
        CheckConstraint("amount > 0", name="amount_is_something"),
        CheckConstraint("0 <= refunded AND refunded <= captured AND captured <= amount", name="never_more_than_asked"),
        CheckConstraint("captured = 0 OR state IN ('authorised', 'captured')", name="captured_in_its_states"),
        Index("uq_payments_provider_id", "provider_id", unique=True, postgresql_where=text("provider_id IS NOT NULL")),
        Index(
            "uq_payments_one_at_a_time",
            "order_id",
            unique=True,
            postgresql_where=text("state NOT IN ('captured', 'cancelled')"),
        ),
        Index("uq_payments_link", "link", unique=True, postgresql_where=text("link IS NOT NULL")),
        Index(
            "ix_payments_deadline",
            "deadline",
            postgresql_where=text("state IN ('intended', 'waiting', 'action_required', 'processing')"),
        ),
        Index("ix_payments_capture_before", "capture_before", postgresql_where=text("state = 'authorised'")),
        Index("ix_payments_created_at", "created_at", "id"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), index=True)
    purpose: Mapped[Code]
    capture: Mapped[Code]
    mandate_id: Mapped[Code | None] = mapped_column(ForeignKey("mandates.id"))
    """The saved means that it charges, or that it saves."""
    amount: Mapped[Minor]
    currency: Mapped[Code]
    state: Mapped[Code]
    captured: Mapped[Minor] = mapped_column(server_default=text("0"))
    refunded: Mapped[Minor] = mapped_column(server_default=text("0"))
    provider_id: Mapped[Code | None]
    client_secret: Mapped[Code | None]
    decline_code: Mapped[Code | None]
    """Why the buyer's last try failed, in the provider's word."""
    splittable: Mapped[bool] = mapped_column(server_default=text("false"))
    capture_before: Mapped[datetime | None]
    deadline: Mapped[datetime | None]
    """Until when the buyer may pay."""
    link: Mapped[Code | None]
    """A word nobody can guess, by which the buyer's page finds the payment.

    Made with the payment, and shown to those who may act for the buyer, for as long as the buyer may pay by it.
    """
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    """When the provider was asked for what is written here."""


class Attempt(Table):
    """One try to get the money from a buyer's means of payment."""

    __tablename__ = "payment_attempts"
    __table_args__ = (CheckConstraint("state IN ('pending', 'declined', 'succeeded')", name="state_is_known"),)

    provider_id: Mapped[Code] = mapped_column(primary_key=True)
    payment_id: Mapped[Code] = mapped_column(ForeignKey("payments.id"), index=True)
    state: Mapped[Code]
    method: Mapped[str | None]
    decline_code: Mapped[Code | None]
    seen_at: Mapped[datetime]


class Refund(Table):
    """Money that goes back to a buyer: what for, out of which payment, and how far it has come.

    Units that cost nothing come back for no money, which goes no way.
    """

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("state IN ('intended', 'pending', 'succeeded', 'failed', 'replaced')", name="state_is_known"),
        CheckConstraint(
            "reason IN ('line', 'shipping', 'goodwill', 'cancellation', 'provider')", name="reason_is_known"
        ),
        CheckConstraint("amount > 0 OR amount = 0 AND reason = 'line'", name="amount_is_something"),
        CheckConstraint(
            "(reason = 'line') = (line IS NOT NULL) AND (line IS NULL) = (quantity IS NULL) AND quantity >= 0",
            name="units_of_a_line",
        ),
        CheckConstraint(
            "num_nonnulls(payment_id, tender) = CASE amount WHEN 0 THEN 0 ELSE 1 END "
            "AND tender IN ('cash', 'card_terminal')",
            name="goes_one_way",
        ),
        Index("uq_refunds_provider_id", "provider_id", unique=True, postgresql_where=text("provider_id IS NOT NULL")),
        Index("ix_refunds_created_at", "created_at", "id"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), index=True)
    payment_id: Mapped[Code | None] = mapped_column(ForeignKey("payments.id"), index=True)
    tender: Mapped[Code | None]
    """How it was given back at a counter; null where it goes back through the provider."""
    reason: Mapped[Code]
    line: Mapped[int | None]
    quantity: Mapped[int | None]
    amount: Mapped[Minor]
    currency: Mapped[Code]
    state: Mapped[Code]
    provider_id: Mapped[Code | None]
    failure: Mapped[str | None]
    note: Mapped[str | None]
    actor: Mapped[Code]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class ProviderCall(Table):
    """Something to ask of the provider: stored before it is asked, and open until somebody knows what came of it."""

    __tablename__ = "provider_calls"
    __table_args__ = (
        CheckConstraint(
            "operation IN ('open', 'capture', 'cancel', 'refund', 'ask_mandate')", name="operation_is_known"
        ),
        CheckConstraint("state IN ('intended', 'answered', 'refused')", name="state_is_known"),
        CheckConstraint("num_nonnulls(payment_id, mandate_id) = 1", name="about_one_thing"),
        CheckConstraint("(operation = 'refund') = (refund_id IS NOT NULL)", name="refunds_are_named"),
        Index("ix_provider_calls_due", "next_at", "seq", postgresql_where=text("state = 'intended'")),
        Index("ix_provider_calls_open", "payment_id", "seq", postgresql_where=text("state = 'intended'")),
        Index("ix_provider_calls_payment_id", "payment_id"),
        Index("ix_provider_calls_mandate_id", "mandate_id"),
        Index("ix_provider_calls_refund_id", "refund_id"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """The order in which calls about one payment are made."""
    operation: Mapped[Code]
    payment_id: Mapped[Code | None] = mapped_column(ForeignKey("payments.id"))
    mandate_id: Mapped[Code | None] = mapped_column(ForeignKey("mandates.id"))
    refund_id: Mapped[Code | None] = mapped_column(ForeignKey("refunds.id"))
    facts: Mapped[Facts]
    """What is asked, beyond what the payment itself says."""
    key: Mapped[Code]
    """The key under which repeating it is safe. Renewed when the provider has forgotten it, after a look."""
    key_since: Mapped[datetime]
    state: Mapped[Code]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    """When it was first sent; open since then, it is in doubt."""
    next_at: Mapped[datetime]
    """When it is sent (again), if nothing is heard before."""
    answered_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class Look(Table):
    """Something of the provider's to be looked at, because there was news of it."""

    __tablename__ = "provider_looks"
    __table_args__ = (
        CheckConstraint("about IN ('payment', 'mandate', 'dispute')", name="about_is_known"),
        Index("ix_provider_looks_next_at", "next_at"),
    )

    about: Mapped[Code] = mapped_column(primary_key=True)
    provider_id: Mapped[Code] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """Tells this wish from another one that was made after it was done, and had no other news."""
    wanted: Mapped[int] = mapped_column(server_default=text("1"))
    """How often there was news; what came during a look wants another one."""
    every_try: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether all of a buyer's tries are to be looked at, since one was declined, and not only the last."""
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    next_at: Mapped[datetime]
    asked_at: Mapped[datetime]
    last_error: Mapped[str | None]


class Dispute(Table):
    """A buyer's objection at their bank: recorded and shown, and answered at the provider by a person."""

    __tablename__ = "disputes"

    provider_id: Mapped[Code] = mapped_column(primary_key=True)
    payment_id: Mapped[Code | None] = mapped_column(ForeignKey("payments.id"), index=True)
    amount: Mapped[Minor]
    currency: Mapped[Code]
    reason: Mapped[Code]
    state: Mapped[Code]
    due_by: Mapped[datetime | None]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """When the provider was asked for what we know of it."""


class PaymentCase(Table):
    """Something about money that does not add up and that no rule may decide: it waits for a person."""

    __tablename__ = "payment_cases"
    __table_args__ = (
        Index("uq_payment_cases_open", "kind", "subject", unique=True, postgresql_where=text("closed_at IS NULL")),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    kind: Mapped[Code]
    subject: Mapped[Code]
    """The payment, refund, mandate or dispute it is about: our id, or the provider's where we have none."""
    order_id: Mapped[Code | None] = mapped_column(ForeignKey("orders.id"), index=True)
    facts: Mapped[Facts]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[Code | None]
    note: Mapped[str | None]
