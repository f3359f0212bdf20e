"""Payments through the provider: plans, payments, refunds, mandates, disputes, and every call that is made."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _tenders_may_be(kinds: tuple[str, ...]) -> None:
    """Old rows are looked at after the new rule stands, so that nobody waits for a whole table."""
    names = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute("ALTER TABLE tenders DROP CONSTRAINT ck_tenders_kind_is_known")
    op.execute(f"ALTER TABLE tenders ADD CONSTRAINT ck_tenders_kind_is_known CHECK (kind IN ({names})) NOT VALID")
    op.execute("ALTER TABLE tenders VALIDATE CONSTRAINT ck_tenders_kind_is_known")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    _tenders_may_be(("cash", "card_terminal", "pay_on_collection", "online"))
    op.create_table(
        "provider_looks",
        sa.Column("about", sa.Text(collation="C"), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("wanted", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("every_try", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("about IN ('payment', 'mandate', 'dispute')", name=op.f("ck_provider_looks_about_is_known")),
        sa.PrimaryKeyConstraint("about", "provider_id", name=op.f("pk_provider_looks")),
    )
    op.create_index("ix_provider_looks_next_at", "provider_looks", ["next_at"], unique=False)
    op.create_table(
        "mandates",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("customer", sa.Text(collation="C"), nullable=True),
        sa.Column("method", sa.Text(collation="C"), nullable=True),
        sa.Column("client_secret", sa.Text(collation="C"), nullable=True),
        sa.Column("decline_code", sa.Text(collation="C"), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('intended', 'waiting', 'action_required', 'active', 'cancelled')",
            name=op.f("ck_mandates_state_is_known"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_mandates_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mandates")),
    )
    op.create_index(
        "ix_mandates_deadline",
        "mandates",
        ["deadline"],
        unique=False,
        postgresql_where=sa.text("state IN ('intended', 'waiting', 'action_required')"),
    )
    op.create_index(op.f("ix_mandates_order_id"), "mandates", ["order_id"], unique=False)
    op.create_index(
        "uq_mandates_live", "mandates", ["order_id"], unique=True, postgresql_where=sa.text("state <> 'cancelled'")
    )
    op.create_index(
        "uq_mandates_provider_id",
        "mandates",
        ["provider_id"],
        unique=True,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_table(
        "payment_cases",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("subject", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(collation="C"), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payment_cases_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_cases")),
    )
    op.create_index(op.f("ix_payment_cases_order_id"), "payment_cases", ["order_id"], unique=False)
    op.create_index(
        "uq_payment_cases_open",
        "payment_cases",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "payment_plans",
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("plan", sa.Text(collation="C"), nullable=False),
        sa.Column("deposit", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "deposit >= 0 AND (deposit = 0 OR plan = 'later')", name=op.f("ck_payment_plans_deposit_is_for_later")
        ),
        sa.CheckConstraint("plan IN ('now', 'on_shipment', 'later')", name=op.f("ck_payment_plans_plan_is_known")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payment_plans_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_payment_plans")),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("purpose", sa.Text(collation="C"), nullable=False),
        sa.Column("capture", sa.Text(collation="C"), nullable=False),
        sa.Column("mandate_id", sa.Text(collation="C"), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("client_secret", sa.Text(collation="C"), nullable=True),
        sa.Column("decline_code", sa.Text(collation="C"), nullable=True),
        sa.Column("splittable", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("capture_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link", sa.Text(collation="C"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("capture IN ('automatic', 'manual')", name=op.f("ck_payments_capture_is_known")),
        sa.CheckConstraint(
            "captured = 0 OR state IN ('authorised', 'captured')", name=op.f("ck_payments_captured_in_its_states")
        ),
        sa.CheckConstraint("purpose IN ('whole', 'deposit', 'balance')", name=op.f("ck_payments_purpose_is_known")),
        sa.CheckConstraint(
            "state IN ('intended', 'waiting', 'action_required', 'processing', 'authorised', 'captured', 'cancelled')",
            name=op.f("ck_payments_state_is_known"),
        ),
        sa.CheckConstraint(
            "0 <= refunded AND refunded <= captured AND captured <= amount",
            name=op.f("ck_payments_never_more_than_asked"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payments_amount_is_something")),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandates.id"], name=op.f("fk_payments_mandate_id_mandates")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
    )
    op.create_index(
        "ix_payments_capture_before",
        "payments",
        ["capture_before"],
        unique=False,
        postgresql_where=sa.text("state = 'authorised'"),
    )
    op.create_index("ix_payments_created_at", "payments", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_payments_deadline",
        "payments",
        ["deadline"],
        unique=False,
        postgresql_where=sa.text("state IN ('intended', 'waiting', 'action_required', 'processing')"),
    )
    op.create_index(op.f("ix_payments_order_id"), "payments", ["order_id"], unique=False)
    op.create_index("uq_payments_link", "payments", ["link"], unique=True, postgresql_where=sa.text("link IS NOT NULL"))
    op.create_index(
        "uq_payments_one_at_a_time",
        "payments",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('captured', 'cancelled')"),
    )
    op.create_index(
        "uq_payments_provider_id",
        "payments",
        ["provider_id"],
        unique=True,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_table(
        "disputes",
        sa.Column("provider_id", sa.Text(collation="C"), nullable=False),
        sa.Column("payment_id", sa.Text(collation="C"), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("due_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_disputes_payment_id_payments")),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_disputes")),
    )
    op.create_index(op.f("ix_disputes_payment_id"), "disputes", ["payment_id"], unique=False)
    op.create_table(
        "payment_attempts",
        sa.Column("provider_id", sa.Text(collation="C"), nullable=False),
        sa.Column("payment_id", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("decline_code", sa.Text(collation="C"), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'declined', 'succeeded')", name=op.f("ck_payment_attempts_state_is_known")
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_payment_attempts_payment_id_payments")),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_payment_attempts")),
    )
    op.create_index(op.f("ix_payment_attempts_payment_id"), "payment_attempts", ["payment_id"], unique=False)
    op.create_table(
        "refunds",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("payment_id", sa.Text(collation="C"), nullable=True),
        sa.Column("tender", sa.Text(collation="C"), nullable=True),
        sa.Column("reason", sa.Text(collation="C"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(payment_id IS NULL) <> (tender IS NULL) AND tender IN ('cash', 'card_terminal')",
            name=op.f("ck_refunds_goes_one_way"),
        ),
        sa.CheckConstraint(
            "(reason = 'line') = (line IS NOT NULL) AND (line IS NULL) = (quantity IS NULL) AND quantity >= 0",
            name=op.f("ck_refunds_units_of_a_line"),
        ),
        sa.CheckConstraint(
            "reason IN ('line', 'shipping', 'goodwill', 'cancellation', 'provider')",
            name=op.f("ck_refunds_reason_is_known"),
        ),
        sa.CheckConstraint(
            "state IN ('intended', 'pending', 'succeeded', 'failed', 'replaced')",
            name=op.f("ck_refunds_state_is_known"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount_is_something")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id_orders")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id_payments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
    )
    op.create_index("ix_refunds_created_at", "refunds", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"], unique=False)
    op.create_index(op.f("ix_refunds_payment_id"), "refunds", ["payment_id"], unique=False)
    op.create_index(
        "uq_refunds_provider_id",
        "refunds",
        ["provider_id"],
        unique=True,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_table(
        "provider_calls",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("operation", sa.Text(collation="C"), nullable=False),
        sa.Column("payment_id", sa.Text(collation="C"), nullable=True),
        sa.Column("mandate_id", sa.Text(collation="C"), nullable=True),
        sa.Column("refund_id", sa.Text(collation="C"), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("key_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(operation = 'refund') = (refund_id IS NOT NULL)", name=op.f("ck_provider_calls_refunds_are_named")
        ),
        sa.CheckConstraint(
            "operation IN ('open', 'capture', 'cancel', 'refund', 'ask_mandate')",
            name=op.f("ck_provider_calls_operation_is_known"),
        ),
        sa.CheckConstraint(
            "state IN ('intended', 'answered', 'refused')", name=op.f("ck_provider_calls_state_is_known")
        ),
        sa.CheckConstraint("num_nonnulls(payment_id, mandate_id) = 1", name=op.f("ck_provider_calls_about_one_thing")),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandates.id"], name=op.f("fk_provider_calls_mandate_id_mandates")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_provider_calls_payment_id_payments")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_provider_calls_refund_id_refunds")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_calls")),
    )
    op.create_index(
        "ix_provider_calls_due",
        "provider_calls",
        ["next_at", "seq"],
        unique=False,
        postgresql_where=sa.text("state = 'intended'"),
    )
    op.create_index("ix_provider_calls_mandate_id", "provider_calls", ["mandate_id"], unique=False)
    op.create_index(
        "ix_provider_calls_open",
        "provider_calls",
        ["payment_id", "seq"],
        unique=False,
        postgresql_where=sa.text("state = 'intended'"),
    )
    op.create_index("ix_provider_calls_payment_id", "provider_calls", ["payment_id"], unique=False)
    op.create_index("ix_provider_calls_refund_id", "provider_calls", ["refund_id"], unique=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '30s'")
    _tenders_may_be(("cash", "card_terminal", "pay_on_collection"))
    op.drop_index("ix_provider_calls_refund_id", table_name="provider_calls")
    op.drop_index("ix_provider_calls_payment_id", table_name="provider_calls")
    op.drop_index("ix_provider_calls_open", table_name="provider_calls", postgresql_where=sa.text("state = 'intended'"))
    op.drop_index("ix_provider_calls_mandate_id", table_name="provider_calls")
    op.drop_index("ix_provider_calls_due", table_name="provider_calls", postgresql_where=sa.text("state = 'intended'"))
    op.drop_table("provider_calls")
    op.drop_index("uq_refunds_provider_id", table_name="refunds", postgresql_where=sa.text("provider_id IS NOT NULL"))
    op.drop_index(op.f("ix_refunds_payment_id"), table_name="refunds")
    op.drop_index(op.f("ix_refunds_order_id"), table_name="refunds")
    op.drop_index("ix_refunds_created_at", table_name="refunds")
    op.drop_table("refunds")
    op.drop_index(op.f("ix_payment_attempts_payment_id"), table_name="payment_attempts")
    op.drop_table("payment_attempts")
    op.drop_index(op.f("ix_disputes_payment_id"), table_name="disputes")
    op.drop_table("disputes")
    op.drop_index("uq_payments_provider_id", table_name="payments", postgresql_where=sa.text("provider_id IS NOT NULL"))
    op.drop_index(
        "uq_payments_one_at_a_time",
        table_name="payments",
        postgresql_where=sa.text("state NOT IN ('captured', 'cancelled')"),
    )
    op.drop_index("uq_payments_link", table_name="payments", postgresql_where=sa.text("link IS NOT NULL"))
    op.drop_index(op.f("ix_payments_order_id"), table_name="payments")
    op.drop_index(
        "ix_payments_deadline",
        table_name="payments",
        postgresql_where=sa.text("state IN ('intended', 'waiting', 'action_required', 'processing')"),
    )
    op.drop_index("ix_payments_created_at", table_name="payments")
    op.drop_index("ix_payments_capture_before", table_name="payments", postgresql_where=sa.text("state = 'authorised'"))
    op.drop_table("payments")
    op.drop_table("payment_plans")
    op.drop_index("uq_payment_cases_open", table_name="payment_cases", postgresql_where=sa.text("closed_at IS NULL"))
    op.drop_index(op.f("ix_payment_cases_order_id"), table_name="payment_cases")
    op.drop_table("payment_cases")
    op.drop_index("uq_mandates_provider_id", table_name="mandates", postgresql_where=sa.text("provider_id IS NOT NULL"))
    op.drop_index("uq_mandates_live", table_name="mandates", postgresql_where=sa.text("state <> 'cancelled'"))
    op.drop_index(op.f("ix_mandates_order_id"), table_name="mandates")
    op.drop_index(
        "ix_mandates_deadline",
        table_name="mandates",
        postgresql_where=sa.text("state IN ('intended', 'waiting', 'action_required')"),
    )
    op.drop_table("mandates")
    op.drop_index("ix_provider_looks_next_at", table_name="provider_looks")
    op.drop_table("provider_looks")
