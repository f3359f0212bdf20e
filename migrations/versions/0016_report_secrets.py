"""A secret of this shop, by which reports call customers names that lead to nobody."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# PostgreSQL takes these from the system's source of randomness; four times 122 bits are hashed to 256.
_MADE = """
    INSERT INTO report_secrets (id, secret)
    SELECT 1, sha256(string_agg(uuid_send(gen_random_uuid()), '\\x')) FROM generate_series(1, 4)
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.create_table(
        "report_secrets",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_report_secrets_there_is_one")),
        sa.CheckConstraint("length(secret) = 32", name=op.f("ck_report_secrets_secret_has_256_bits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_secrets")),
    )
    op.execute(_MADE)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_table("report_secrets")
