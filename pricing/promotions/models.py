"""The promotions' tables: what was drafted and decided, the codes that open it, and who used it how often."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce.kernel.db import Code, Facts, Table

_COUNTED = """
    limit_total IS NOT NULL OR limit_per_person IS NOT NULL OR limit_per_code IS NOT NULL
    OR coalesce((definition -> 'conditions' ->> 'unique_codes')::boolean, false)
"""


class PromotionRow(Table):
    """A promotion of a market, as it stands. From its scheduling on it is in the market's book."""

    __tablename__ = "promotions"
    __table_args__ = (
        CheckConstraint(
            "state IN ('draft', 'submitted', 'approved', 'rejected', 'scheduled', 'live', 'ended', 'withdrawn')",
            name="state_is_known",
        ),
        CheckConstraint("starts_at < ends_at", name="runs_for_a_while"),
        CheckConstraint(
            "state NOT IN ('scheduled', 'live', 'ended') OR starts_at IS NOT NULL", name="scheduled_has_a_start"
        ),
        CheckConstraint("state <> 'ended' OR ends_at IS NOT NULL", name="ended_has_an_end"),
        CheckConstraint("limit_total > 0 AND limit_per_person > 0 AND limit_per_code > 0", name="limits_are_something"),
        CheckConstraint(
            "limit_codes > 0 AND (limit_codes IS NOT NULL) = "
            "coalesce((definition -> 'conditions' ->> 'unique_codes')::boolean, false)",
            name="unique_codes_have_a_number",
        ),
        CheckConstraint(
            "on_cancel IN ('give_back', 'keep') AND on_return IN ('give_back', 'keep')", name="giving_back_is_known"
        ),
        Index("ix_promotions_market", "market", "id"),
        Index("ix_promotions_to_start", "starts_at", postgresql_where=text("state = 'scheduled'")),
        Index("ix_promotions_to_end", "ends_at", postgresql_where=text("state = 'live'")),
    )

    id: Mapped[Code] = mapped_column(primary_key=True)
    market: Mapped[Code] = mapped_column(ForeignKey("markets.code"))
    name: Mapped[str]
    state: Mapped[Code]
    starts_at: Mapped[datetime | None]
    """While it is not scheduled: when it is to start; null where that is left to whoever schedules it."""
    ends_at: Mapped[datetime | None]
    """Its true end: one that was stopped ends when it was stopped."""
    definition: Mapped[Facts]
    """What a book says of it: lane, priority, exclusive, conditions, benefit, cap and floor."""
    version: Mapped[int]
    """How often it was written: 1 as it was drafted."""
    limit_total: Mapped[int | None]
    limit_per_person: Mapped[int | None]
    limit_per_code: Mapped[int | None]
    limit_codes: Mapped[int | None]
    """Unique codes that there may be: it is approved with that number."""
    on_cancel: Mapped[Code]
    on_return: Mapped[Code]
    limited: Mapped[bool] = mapped_column(Computed(_COUNTED, persisted=True))
    """Its uses are counted: it has a limit, or codes that are used up one by one."""
    copy_of: Mapped[Code | None] = mapped_column(ForeignKey("promotions.id"))
    created_by: Mapped[Code]
    created_at: Mapped[datetime]
    submitted_by: Mapped[Code | None]
    approved_by: Mapped[Code | None]


class PromotionStep(Table):
    """The diary: each thing that was done to a promotion, by whom. Never changed."""

    __tablename__ = "promotion_steps"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    promotion_id: Mapped[Code] = mapped_column(ForeignKey("promotions.id"), index=True)
    step: Mapped[Code]
    """The state it went to; or `edited`, `stopped`, `codes_made`, which leave its state as it is."""
    actor: Mapped[Code]
    note: Mapped[str | None]
    facts: Mapped[Facts | None]
    """What was written in this step, where something was: every version stays readable."""
    at: Mapped[datetime]


class PromotionCode(Table):
    """A code that opens a promotion. One that is shared may open several; a unique one opens just this."""

    __tablename__ = "promotion_codes"
    __table_args__ = (
        CheckConstraint("0 <= uses AND uses <= most", name="no_more_than_allowed"),
        CheckConstraint("shared OR most IS NOT NULL", name="unique_ones_are_counted"),
        Index("uq_promotion_codes_unique", "market", "code", unique=True, postgresql_where=text("NOT shared")),
    )

    promotion_id: Mapped[Code] = mapped_column(ForeignKey("promotions.id"), primary_key=True)
    code: Mapped[Code] = mapped_column(primary_key=True)
    """In its normal form."""
    market: Mapped[Code]
    shared: Mapped[bool]
    batch: Mapped[int]
    """In which go it was made; 0 for those that were written by hand."""
    uses: Mapped[int] = mapped_column(server_default=text("0"))
    """Counted where there is a most."""
    most: Mapped[int | None]


class PromotionCounter(Table):
    """The uses of a promotion that has a limit in total."""

    __tablename__ = "promotion_counters"
    __table_args__ = (CheckConstraint("0 <= uses AND uses <= most", name="no_more_than_allowed"),)

    promotion_id: Mapped[Code] = mapped_column(ForeignKey("promotions.id"), primary_key=True)
    uses: Mapped[int] = mapped_column(server_default=text("0"))
    most: Mapped[int]


class PromotionPersonCounter(Table):
    """A person's uses of a promotion that has a limit per person."""

    __tablename__ = "promotion_person_counters"
    __table_args__ = (
        CheckConstraint("0 <= uses AND (uses <= most OR merged)", name="no_more_than_allowed"),
        Index("ix_promotion_person_counters_customer_id", "customer_id"),
    )

    promotion_id: Mapped[Code] = mapped_column(ForeignKey("promotions.id"), primary_key=True)
    customer_id: Mapped[Code] = mapped_column(primary_key=True)
    uses: Mapped[int]
    most: Mapped[int]
    """The promotion's limit."""
    merged: Mapped[bool] = mapped_column(server_default=text("false"))
    """Two persons' uses were added up here, which may be more than one person's; that none was taken above the limit
    each use says itself."""


class PromotionUse(Table):
    """An order used a limited promotion. Given back, it counts no more."""

    __tablename__ = "promotion_uses"
    __table_args__ = (
        CheckConstraint(
            "(given_back_at IS NULL) = (given_back_for IS NULL) AND given_back_for IN ('cancelled', 'returned')",
            name="given_back_for_a_reason",
        ),
        CheckConstraint("nth > 0", name="uses_count_from_one"),
        Index("ix_promotion_uses_promotion_id", "promotion_id", "code"),
        Index("ix_promotion_uses_customer_id", "customer_id", postgresql_where=text("customer_id IS NOT NULL")),
    )

    order_id: Mapped[Code] = mapped_column(primary_key=True)
    """Only a reference here."""
    promotion_id: Mapped[Code] = mapped_column(ForeignKey("promotions.id"), primary_key=True)
    customer_id: Mapped[Code | None]
    code: Mapped[Code | None]
    used_at: Mapped[datetime]
    nth: Mapped[int | None]
    """Which of its buyer's uses it was when it was taken, those given back not counted; null where there is no limit
    per person."""
    given_back_at: Mapped[datetime | None]
    given_back_for: Mapped[Code | None]
