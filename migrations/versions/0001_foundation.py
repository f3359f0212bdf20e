"""The tables of the foundation: catalog, pricing, inventory, orders, and what the kernel keeps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


APPEND_ONLY = ("movements", "order_timeline", "ledger_entries", "customer_merges")

REFUSE_CHANGE = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% is a diary: rows are added, never changed', TG_TABLE_NAME USING ERRCODE = 'check_violation';
    END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("family", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(collation="C"), nullable=True),
        sa.Column("location", sa.Text(collation="C"), nullable=True),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('storefront', 'terminal', 'merchandiser', 'analyst', 'operator', 'admin')",
            name=op.f("ck_api_keys_role_is_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index("ix_api_keys_family", "api_keys", ["family"], unique=False)
    op.create_table(
        "categories",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("parent", sa.Text(collation="C"), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("parent <> code", name=op.f("ck_categories_not_its_own_parent")),
        sa.ForeignKeyConstraint(["parent"], ["categories.code"], name=op.f("fk_categories_parent_categories")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_categories")),
    )
    op.create_index(op.f("ix_categories_parent"), "categories", ["parent"], unique=False)
    op.create_table(
        "customers",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(collation="C"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("merged_into <> id", name=op.f("ck_customers_not_merged_into_itself")),
        sa.ForeignKeyConstraint(["merged_into"], ["customers.id"], name=op.f("fk_customers_merged_into_customers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("code", name=op.f("uq_customers_code")),
    )
    op.create_index(op.f("ix_customers_merged_into"), "customers", ["merged_into"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("principal", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("principal", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "imported_rows",
        sa.Column("file", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(digest) = 16", name=op.f("ck_imported_rows_digest_has_16_bytes")),
        sa.PrimaryKeyConstraint("file", "key", name=op.f("pk_imported_rows")),
    )
    op.create_table(
        "inbox_messages",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_messages")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_inbox_messages_source_external_id")),
    )
    op.create_table(
        "markets",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("currency", sa.Text(collation="C"), nullable=False),
        sa.Column("countries", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name=op.f("ck_markets_currency_is_a_code")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_markets")),
    )
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("topic", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("relayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_messages")),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_index(
        "ix_outbox_messages_to_relay",
        "outbox_messages",
        ["id"],
        unique=False,
        postgresql_where=sa.text("relayed_at IS NULL"),
    )
    op.create_table(
        "products",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("warranty_months", sa.Integer(), server_default=sa.text("24"), nullable=False),
        sa.Column("warranty_terms", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint("warranty_months BETWEEN 0 AND 240", name=op.f("ck_products_warranty_is_sane")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_products")),
    )
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    op.create_table(
        "channels",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('online', 'retail')", name=op.f("ck_channels_kind_is_known")),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_channels_market_markets")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_channels")),
    )
    op.create_index(op.f("ix_channels_market"), "channels", ["market"], unique=False)
    op.create_table(
        "customer_identities",
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("value", sa.Text(collation="C"), nullable=False),
        sa.Column("customer_id", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('account', 'email', 'phone', 'loyalty')", name=op.f("ck_customer_identities_kind_is_known")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_identities_customer_id_customers")
        ),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_customer_identities")),
    )
    op.create_index(op.f("ix_customer_identities_customer_id"), "customer_identities", ["customer_id"], unique=False)
    op.create_table(
        "customer_merges",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("merged", sa.Text(collation="C"), nullable=False),
        sa.Column("survivor", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["merged"], ["customers.id"], name=op.f("fk_customer_merges_merged_customers")),
        sa.ForeignKeyConstraint(["survivor"], ["customers.id"], name=op.f("fk_customer_merges_survivor_customers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_merges")),
    )
    op.create_index(op.f("ix_customer_merges_merged"), "customer_merges", ["merged"], unique=False)
    op.create_index(op.f("ix_customer_merges_survivor"), "customer_merges", ["survivor"], unique=False)
    op.create_table(
        "locations",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("country", sa.Text(collation="C"), nullable=False),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Numeric(), nullable=True),
        sa.Column("longitude", sa.Numeric(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.CheckConstraint("kind IN ('warehouse', 'store')", name=op.f("ck_locations_kind_is_known")),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_locations_market_markets")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_locations")),
    )
    op.create_index(op.f("ix_locations_market"), "locations", ["market"], unique=False)
    op.create_table(
        "outbox_deliveries",
        sa.Column("message_id", sa.Text(collation="C"), nullable=False),
        sa.Column("reaction", sa.Text(collation="C"), nullable=False),
        sa.Column("rings", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_ring_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("done_at IS NULL OR dead_at IS NULL", name=op.f("ck_outbox_deliveries_done_or_dead")),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["outbox_messages.id"],
            name=op.f("fk_outbox_deliveries_message_id_outbox_messages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", "reaction", name=op.f("pk_outbox_deliveries")),
    )
    op.create_index(
        "ix_outbox_deliveries_dead",
        "outbox_deliveries",
        ["dead_at"],
        unique=False,
        postgresql_where=sa.text("dead_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_deliveries_to_ring",
        "outbox_deliveries",
        ["next_ring_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL AND dead_at IS NULL"),
    )
    op.create_table(
        "tax_rates",
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("tax_class", sa.Text(collation="C"), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rate_bp", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("market"), "="),
            (sa.text("tax_class"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_tax_rates_overlap",
        ),
        sa.CheckConstraint(
            "tax_class IN ('standard', 'reduced', 'zero')", name=op.f("ck_tax_rates_tax_class_is_known")
        ),
        sa.CheckConstraint("rate_bp BETWEEN 0 AND 10000", name=op.f("ck_tax_rates_rate_is_sane")),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_tax_rates_valid_for_a_while")),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_tax_rates_market_markets")),
        sa.PrimaryKeyConstraint("market", "tax_class", "valid_from", name=op.f("pk_tax_rates")),
    )
    op.create_table(
        "variants",
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("product", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(collation="C"), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("gtin", sa.Text(collation="C"), nullable=True),
        sa.Column("tax_class", sa.Text(collation="C"), nullable=False),
        sa.Column("attributes", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            sa.Computed("attributes::jsonb", persisted=True),
            nullable=True,
        ),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple', name || ' ' || coalesce(brand, '') || ' ' || sku)", persisted=True),
            nullable=False,
        ),
        sa.Column("serial_numbered", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("status IN ('draft', 'active', 'retired')", name=op.f("ck_variants_status_is_known")),
        sa.CheckConstraint("tax_class IN ('standard', 'reduced', 'zero')", name=op.f("ck_variants_tax_class_is_known")),
        sa.ForeignKeyConstraint(["category"], ["categories.code"], name=op.f("fk_variants_category_categories")),
        sa.ForeignKeyConstraint(["product"], ["products.code"], name=op.f("fk_variants_product_products")),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_variants")),
    )
    op.create_index(op.f("ix_variants_category"), "variants", ["category"], unique=False)
    op.create_index("ix_variants_options", "variants", ["options"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_variants_product"), "variants", ["product"], unique=False)
    op.create_index("ix_variants_words", "variants", ["words"], unique=False, postgresql_using="gin")
    op.create_index("uq_variants_gtin", "variants", ["gtin"], unique=True, postgresql_where=sa.text("gtin IS NOT NULL"))
    op.create_table(
        "listings",
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("visible_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("visible_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("certified_from", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("visible_from < visible_to", name=op.f("ck_listings_visible_for_a_while")),
        sa.ForeignKeyConstraint(["channel"], ["channels.code"], name=op.f("fk_listings_channel_channels")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_listings_sku_variants")),
        sa.PrimaryKeyConstraint("channel", "sku", name=op.f("pk_listings")),
    )
    op.create_index(op.f("ix_listings_sku"), "listings", ["sku"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_number", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(collation="C"), nullable=False),
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("location", sa.Text(collation="C"), nullable=True),
        sa.Column("customer_id", sa.Text(collation="C"), nullable=True),
        sa.Column("currency", sa.Text(collation="C"), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("fulfilment", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subtotal", sa.BigInteger(), nullable=False),
        sa.Column("discount_total", sa.BigInteger(), nullable=False),
        sa.Column("tax_total", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("sale_fingerprint", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("fulfilment IN ('ship', 'collect', 'carried')", name=op.f("ck_orders_fulfilment_is_known")),
        sa.CheckConstraint("source IN ('api', 'till', 'import')", name=op.f("ck_orders_source_is_known")),
        sa.CheckConstraint(
            "state IN ('placed', 'ready', 'part_shipped', 'shipped', 'completed', 'cancelled')",
            name=op.f("ck_orders_state_is_known"),
        ),
        sa.ForeignKeyConstraint(["channel"], ["channels.code"], name=op.f("fk_orders_channel_channels")),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_orders_customer_id_customers")),
        sa.ForeignKeyConstraint(["location"], ["locations.code"], name=op.f("fk_orders_location_locations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("order_number", name=op.f("uq_orders_order_number")),
    )
    op.create_index("ix_orders_customer_id", "orders", ["customer_id", "placed_at"], unique=False)
    op.create_index(
        "ix_orders_open",
        "orders",
        ["channel", "placed_at"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('completed', 'cancelled')"),
    )
    op.create_index("ix_orders_placed_at", "orders", ["placed_at", "order_number"], unique=False)
    op.create_table(
        "recommended_prices",
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("market", sa.Text(collation="C"), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("sku"), "="),
            (sa.text("market"), "="),
            (sa.text("tstzrange(valid_from, valid_to)"), "&&"),
            using="gist",
            name="ex_recommended_prices_overlap",
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_recommended_prices_not_negative")),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_recommended_prices_valid_for_a_while")),
        sa.ForeignKeyConstraint(["market"], ["markets.code"], name=op.f("fk_recommended_prices_market_markets")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_recommended_prices_sku_variants")),
        sa.PrimaryKeyConstraint("sku", "market", "valid_from", name=op.f("pk_recommended_prices")),
    )
    op.create_table(
        "stock_pools",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("location", sa.Text(collation="C"), nullable=False),
        sa.Column("purpose", sa.Text(collation="C"), server_default=sa.text("'general'"), nullable=False),
        sa.Column("supply", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("held", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("overdrawn", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("held <= supply + overdrawn", name=op.f("ck_stock_pools_never_promised_twice")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_stock_pools_held_not_negative")),
        sa.CheckConstraint("overdrawn >= 0", name=op.f("ck_stock_pools_overdrawn_not_negative")),
        sa.ForeignKeyConstraint(["location"], ["locations.code"], name=op.f("fk_stock_pools_location_locations")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_stock_pools_sku_variants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_pools")),
        sa.UniqueConstraint("sku", "location", "purpose", name=op.f("uq_stock_pools_sku_location_purpose")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index(op.f("ix_stock_pools_location"), "stock_pools", ["location"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("pool_id", sa.Text(collation="C"), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("basket", sa.Text(collation="C"), nullable=True),
        sa.Column("owner", sa.Text(collation="C"), nullable=True),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("outcome IN ('released', 'expired', 'left')", name=op.f("ck_holds_outcome_is_known")),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name=op.f("ck_holds_ended_with_an_outcome")),
        sa.CheckConstraint("units > 0", name=op.f("ck_holds_holds_something")),
        sa.ForeignKeyConstraint(["pool_id"], ["stock_pools.id"], name=op.f("fk_holds_pool_id_stock_pools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_index(
        "ix_holds_basket", "holds", ["basket"], unique=False, postgresql_where=sa.text("basket IS NOT NULL")
    )
    op.create_index("ix_holds_live", "holds", ["pool_id"], unique=False, postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index("ix_holds_reference", "holds", ["reference"], unique=False)
    op.create_index(
        "ix_holds_to_expire",
        "holds",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL AND expires_at IS NOT NULL"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(collation="C"), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('charge', 'payment', 'cancellation', 'refund', 'repayment')",
            name=op.f("ck_ledger_entries_kind_is_known"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_ledger_entries_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
    )
    op.create_index("ix_ledger_entries_order_id", "ledger_entries", ["order_id"], unique=False)
    op.create_table(
        "movements",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("pool_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('opening', 'received', 'sold', 'returned', 'transferred', 'counted', 'corrected')",
            name=op.f("ck_movements_kind_is_known"),
        ),
        sa.CheckConstraint("units <> 0", name=op.f("ck_movements_moves_something")),
        sa.ForeignKeyConstraint(["pool_id"], ["stock_pools.id"], name=op.f("fk_movements_pool_id_stock_pools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movements")),
    )
    op.create_index("ix_movements_pool_id_id", "movements", ["pool_id", "id"], unique=False)
    op.create_index("ix_movements_reference", "movements", ["reference"], unique=False)
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("recommended_price", sa.BigInteger(), nullable=True),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("discount_total", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate_bp", sa.Integer(), nullable=True),
        sa.Column("tax_total", sa.BigInteger(), nullable=False),
        sa.Column("line_total", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "0 <= sent AND 0 <= cancelled AND sent + cancelled <= quantity", name=op.f("ck_order_lines_within_quantity")
        ),
        sa.CheckConstraint("discount_total >= 0", name=op.f("ck_order_lines_discount_not_negative")),
        sa.CheckConstraint("line >= 1", name=op.f("ck_order_lines_line_from_one")),
        sa.CheckConstraint(
            "line_total = quantity * unit_price - discount_total", name=op.f("ck_order_lines_line_adds_up")
        ),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_order_lines_quantity_from_one")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id_orders")),
        sa.ForeignKeyConstraint(["sku"], ["variants.sku"], name=op.f("fk_order_lines_sku_variants")),
        sa.PrimaryKeyConstraint("order_id", "line", name=op.f("pk_order_lines")),
    )
    op.create_index("ix_order_lines_sku", "order_lines", ["sku"], unique=False)
    op.create_table(
        "order_timeline",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_timeline_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_timeline")),
    )
    op.create_index(op.f("ix_order_timeline_order_id"), "order_timeline", ["order_id"], unique=False)
    op.create_table(
        "overdrafts",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("pool_id", sa.Text(collation="C"), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(collation="C"), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("units > 0", name=op.f("ck_overdrafts_overdraws_something")),
        sa.ForeignKeyConstraint(["pool_id"], ["stock_pools.id"], name=op.f("fk_overdrafts_pool_id_stock_pools")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overdrafts")),
    )
    op.create_index(
        "ix_overdrafts_open", "overdrafts", ["opened_at"], unique=False, postgresql_where=sa.text("closed_at IS NULL")
    )
    op.create_index(op.f("ix_overdrafts_pool_id"), "overdrafts", ["pool_id"], unique=False)
    op.create_table(
        "shipments",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("location", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("kind IN ('shipped', 'collected', 'carried')", name=op.f("ck_shipments_kind_is_known")),
        sa.ForeignKeyConstraint(["location"], ["locations.code"], name=op.f("fk_shipments_location_locations")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_shipments_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shipments")),
    )
    op.create_index(op.f("ix_shipments_order_id"), "shipments", ["order_id"], unique=False)
    op.create_table(
        "tenders",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("given", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("change = 0 OR kind = 'cash'", name=op.f("ck_tenders_only_cash_gives_change")),
        sa.CheckConstraint(
            "kind IN ('cash', 'card_terminal', 'pay_on_collection')", name=op.f("ck_tenders_kind_is_known")
        ),
        sa.CheckConstraint("state IN ('due', 'paid', 'void')", name=op.f("ck_tenders_state_is_known")),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_tenders_amount_not_negative")),
        sa.CheckConstraint("given = amount + change AND change >= 0", name=op.f("ck_tenders_change_adds_up")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_tenders_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenders")),
    )
    op.create_index("ix_tenders_order_id", "tenders", ["order_id"], unique=False)
    op.create_table(
        "returns",
        sa.Column("return_number", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("location", sa.Text(collation="C"), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refund_total", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_returns_quantity_from_one")),
        sa.CheckConstraint("refund_total >= 0", name=op.f("ck_returns_refund_not_negative")),
        sa.ForeignKeyConstraint(["channel"], ["channels.code"], name=op.f("fk_returns_channel_channels")),
        sa.ForeignKeyConstraint(["location"], ["locations.code"], name=op.f("fk_returns_location_locations")),
        sa.ForeignKeyConstraint(
            ["order_id", "line"],
            ["order_lines.order_id", "order_lines.line"],
            name=op.f("fk_returns_order_id_line_order_lines"),
        ),
        sa.PrimaryKeyConstraint("return_number", name=op.f("pk_returns")),
    )
    op.create_index("ix_returns_order_id_line", "returns", ["order_id", "line"], unique=False)
    op.create_table(
        "shipment_lines",
        sa.Column("shipment_id", sa.Text(collation="C"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("serials", sa.ARRAY(sa.Text(collation="C")), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("ck_shipment_lines_quantity_from_one")),
        sa.ForeignKeyConstraint(
            ["order_id", "line"],
            ["order_lines.order_id", "order_lines.line"],
            name=op.f("fk_shipment_lines_order_id_line_order_lines"),
        ),
        sa.ForeignKeyConstraint(
            ["shipment_id"], ["shipments.id"], name=op.f("fk_shipment_lines_shipment_id_shipments")
        ),
        sa.PrimaryKeyConstraint("shipment_id", "line", name=op.f("pk_shipment_lines")),
    )
    op.create_table(
        "sold_serials",
        sa.Column("sku", sa.Text(collation="C"), nullable=False),
        sa.Column("serial", sa.Text(collation="C"), nullable=False),
        sa.Column("order_id", sa.Text(collation="C"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id", "line"],
            ["order_lines.order_id", "order_lines.line"],
            name=op.f("fk_sold_serials_order_id_line_order_lines"),
        ),
        sa.PrimaryKeyConstraint("sku", "serial", name=op.f("pk_sold_serials")),
    )
    op.create_index("ix_sold_serials_order_id", "sold_serials", ["order_id", "line"], unique=False)
    op.execute(REFUSE_CHANGE)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_index("ix_sold_serials_order_id", table_name="sold_serials")
    op.drop_table("sold_serials")
    op.drop_table("shipment_lines")
    op.drop_index("ix_returns_order_id_line", table_name="returns")
    op.drop_table("returns")
    op.drop_index("ix_tenders_order_id", table_name="tenders")
    op.drop_table("tenders")
    op.drop_index(op.f("ix_shipments_order_id"), table_name="shipments")
    op.drop_table("shipments")
    op.drop_index(op.f("ix_overdrafts_pool_id"), table_name="overdrafts")
    op.drop_index("ix_overdrafts_open", table_name="overdrafts", postgresql_where=sa.text("closed_at IS NULL"))
    op.drop_table("overdrafts")
    op.drop_index(op.f("ix_order_timeline_order_id"), table_name="order_timeline")
    op.drop_table("order_timeline")
    op.drop_index("ix_order_lines_sku", table_name="order_lines")
    op.drop_table("order_lines")
    op.drop_index("ix_movements_reference", table_name="movements")
    op.drop_index("ix_movements_pool_id_id", table_name="movements")
    op.drop_table("movements")
    op.drop_index("ix_ledger_entries_order_id", table_name="ledger_entries")
    op.drop_table("ledger_entries")
    op.drop_index(
        "ix_holds_to_expire",
        table_name="holds",
        postgresql_where=sa.text("ended_at IS NULL AND expires_at IS NOT NULL"),
    )
    op.drop_index("ix_holds_reference", table_name="holds")
    op.drop_index("ix_holds_live", table_name="holds", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_index("ix_holds_basket", table_name="holds", postgresql_where=sa.text("basket IS NOT NULL"))
    op.drop_table("holds")
    op.drop_index(op.f("ix_stock_pools_location"), table_name="stock_pools")
    op.drop_table("stock_pools")
    op.drop_table("recommended_prices")
    op.drop_index("ix_orders_placed_at", table_name="orders")
    op.drop_index(
        "ix_orders_open", table_name="orders", postgresql_where=sa.text("state NOT IN ('completed', 'cancelled')")
    )
    op.drop_index("ix_orders_customer_id", table_name="orders")
    op.drop_table("orders")
    op.drop_index(op.f("ix_listings_sku"), table_name="listings")
    op.drop_table("listings")
    op.drop_index("uq_variants_gtin", table_name="variants", postgresql_where=sa.text("gtin IS NOT NULL"))
    op.drop_index("ix_variants_words", table_name="variants", postgresql_using="gin")
    op.drop_index(op.f("ix_variants_product"), table_name="variants")
    op.drop_index("ix_variants_options", table_name="variants", postgresql_using="gin")
    op.drop_index(op.f("ix_variants_category"), table_name="variants")
    op.drop_table("variants")
    op.drop_table("tax_rates")
    op.drop_index(
        "ix_outbox_deliveries_to_ring",
        table_name="outbox_deliveries",
        postgresql_where=sa.text("done_at IS NULL AND dead_at IS NULL"),
    )
    op.drop_index(
        "ix_outbox_deliveries_dead", table_name="outbox_deliveries", postgresql_where=sa.text("dead_at IS NOT NULL")
    )
    op.drop_table("outbox_deliveries")
    op.drop_index(op.f("ix_locations_market"), table_name="locations")
    op.drop_table("locations")
    op.drop_index(op.f("ix_customer_merges_survivor"), table_name="customer_merges")
    op.drop_index(op.f("ix_customer_merges_merged"), table_name="customer_merges")
    op.drop_table("customer_merges")
    op.drop_index(op.f("ix_customer_identities_customer_id"), table_name="customer_identities")
    op.drop_table("customer_identities")
    op.drop_index(op.f("ix_channels_market"), table_name="channels")
    op.drop_table("channels")
    op.drop_table("schedules")
    op.drop_table("products")
    op.drop_index(
        "ix_outbox_messages_to_relay", table_name="outbox_messages", postgresql_where=sa.text("relayed_at IS NULL")
    )
    op.drop_table("outbox_messages")
    op.drop_table("markets")
    op.drop_table("inbox_messages")
    op.drop_table("imported_rows")
    op.drop_index("ix_idempotency_keys_created_at", table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_customers_merged_into"), table_name="customers")
    op.drop_table("customers")
    op.drop_index(op.f("ix_categories_parent"), table_name="categories")
    op.drop_table("categories")
    op.drop_index("ix_api_keys_family", table_name="api_keys")
    op.drop_table("api_keys")
    op.execute("DROP FUNCTION refuse_change")
