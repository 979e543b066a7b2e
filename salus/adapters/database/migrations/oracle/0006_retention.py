"""Patients' agreements to the destruction of what is past its years, and orders that the source has to carry out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "oracle_0006"
down_revision = "oracle_0005"
branch_labels = None
depends_on = None

_HASH = sa.LargeBinary(32)


def upgrade() -> None:
    op.create_table(
        "oracle_agreed_destruction",
        sa.Column("record_id", _HASH, primary_key=True),
        sa.Column("subject_ref", _HASH, primary_key=True),
        sa.Column("custodian_set", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.LargeBinary(65), nullable=False),
    )
    op.create_table(
        "oracle_destruction",
        sa.Column("record_id", _HASH, primary_key=True),
        sa.Column("subject_ref", _HASH, primary_key=True),
        sa.Column("custodian_set", sa.BigInteger, nullable=False),
        sa.Column("erasable_from", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("absent", sa.Integer),
    )
    is_open = sa.text("done_at IS NULL")
    op.create_index(
        "oracle_destruction_open",
        "oracle_destruction",
        ["erasable_from"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("oracle_record_subject", "oracle_record", ["subject_ref"])


def downgrade() -> None:
    op.drop_index("oracle_record_subject", "oracle_record")
    op.drop_table("oracle_destruction")
    op.drop_table("oracle_agreed_destruction")
