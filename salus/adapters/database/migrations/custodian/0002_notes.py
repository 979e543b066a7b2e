"""Sources' notes of record versions. A table of its own: lists and releases read rows of records whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "custodian_0002"
down_revision = "custodian_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "custody_note",
        sa.Column("record", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("custody_note")
