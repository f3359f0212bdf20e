"""The payments' tables: the tenders a buyer gave, and the ledger of what is owed and paid."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Minor, Table


class Tender(Table):
    """One means of payment on an order. What was given less the change is what it pays."""

    __tablename__ = "tenders"
    __table_args__ = (
        CheckConstraint("kind IN ('cash', 'card_terminal', 'pay_on_collection')", name="kind_is_known"),
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
    """The card terminal's own number for the payment."""
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
