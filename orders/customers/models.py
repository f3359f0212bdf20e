"""The customers' tables."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Facts, Table


class Customer(Table):
    """One person, whichever channel they come through. Contact details are kept as they were given."""

    __tablename__ = "customers"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("no"),
        CheckConstraint("merged_into <> id", name="not_merged_into_itself"),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    code: Mapped[Code]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    country: Mapped[Code | None]
    created_at: Mapped[datetime | None]
    merged_into: Mapped[Code | None] = mapped_column(ForeignKey("customers.id"), index=True)
    no: Mapped[int] = mapped_column(Identity(always=True))
    """What reports call this customer: short, and for ever."""


class CustomerIdentity(Table):
    """A normalised identity (account, e-mail, phone in E.164, loyalty id) and the one person it finds."""

    __tablename__ = "customer_identities"
    __table_args__ = (CheckConstraint("kind IN ('account', 'email', 'phone', 'loyalty')", name="kind_is_known"),)

    kind: Mapped[Code] = mapped_column(primary_key=True)
    value: Mapped[Code] = mapped_column(primary_key=True)
    customer_id: Mapped[Code] = mapped_column(ForeignKey("customers.id"), index=True)


class CustomerGroup(Table):
    """A group that a customer is in, such as employees or students."""

    __tablename__ = "customer_groups"

    customer_id: Mapped[Code] = mapped_column(ForeignKey("customers.id"), primary_key=True)
    code: Mapped[Code] = mapped_column(primary_key=True)


class CustomerGroupStep(Table):
    """The diary of groups: who put a customer into one, or took them out, and when. Never changed."""

    __tablename__ = "customer_group_steps"
    __table_args__ = (CheckConstraint("step IN ('joined', 'left')", name="step_is_known"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    customer_id: Mapped[Code] = mapped_column(ForeignKey("customers.id"), index=True)
    code: Mapped[Code]
    step: Mapped[Code]
    actor: Mapped[Code]
    at: Mapped[datetime | None]
    """Null: before this diary was kept."""


class FirstPurchase(Table):
    """The order that was a customer's first, where a promotion for first purchases took something off it."""

    __tablename__ = "first_purchases"
    __table_args__ = (
        Index("uq_first_purchases_one_each", "customer_id", unique=True, postgresql_where=text("NOT merged")),
    )

    order_id: Mapped[Code] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    customer_id: Mapped[Code] = mapped_column(ForeignKey("customers.id"), index=True)
    merged: Mapped[bool] = mapped_column(server_default=text("false"))
    """It was the first of somebody who turned out to be somebody else, who had one too."""


class CustomerMerge(Table):
    """The audit trail of a merge: who was merged into whom, by whom, and exactly what moved."""

    __tablename__ = "customer_merges"

    id: Mapped[Code] = mapped_column(primary_key=True)
    merged: Mapped[Code] = mapped_column(ForeignKey("customers.id"), index=True)
    survivor: Mapped[Code] = mapped_column(ForeignKey("customers.id"), index=True)
    actor: Mapped[Code]
    reason: Mapped[str]
    merged_at: Mapped[datetime]
    moved: Mapped[Facts]
    """The identities and order ids that moved, so that a merge can be traced row by row."""
