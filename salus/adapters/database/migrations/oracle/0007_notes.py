"""What custodians keep of a version for its source, while it is on its way to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "oracle_0007"
down_revision = "oracle_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("oracle_secret", sa.Column("note", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("oracle_secret", "note")
