"""Sources' notes of record versions, in the row of the share: one insertion for both."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "custodian_0002"
down_revision = "custodian_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("custody_share", sa.Column("note", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("custody_share", "note")
