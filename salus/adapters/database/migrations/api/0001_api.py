"""The institution's API: sealed consent packages and requests, record versions seen, digests used once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "api_0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "packages",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=True),
        sa.Column("consent_id", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", _BIG, nullable=False),
    )
    op.create_index("packages_by_consent", "packages", ["consent_id"], unique=True)
    op.create_table(
        "requests",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=True),
        sa.Column("access_id", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", _BIG, nullable=False),
    )
    op.create_index("requests_by_access", "requests", ["access_id"], unique=True)
    op.create_table(
        "versions",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=True),
        sa.Column("record_id", sa.LargeBinary(), nullable=False),
        sa.Column("version", _BIG, nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("custodian_set", _BIG, nullable=False),
        sa.Column("seen_at", _BIG, nullable=False),
    )
    op.create_index("versions_by_leaf", "versions", ["leaf"], unique=True)
    op.create_index("versions_by_record", "versions", ["record_id", "version"])
    op.create_table(
        "used",
        sa.Column("seq", _BIG, primary_key=True, autoincrement=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", _BIG, nullable=False),
    )
    op.create_index("used_by_digest", "used", ["digest"], unique=True)
    op.create_index("used_by_expiry", "used", ["expires_at"])


def downgrade() -> None:
    for table in ("used", "versions", "requests", "packages"):
        op.drop_table(table)
