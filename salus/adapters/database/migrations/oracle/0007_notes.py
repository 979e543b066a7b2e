"""What custodians keep of a version for its source, while it is on its way to them; messages known by it alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "oracle_0007"
down_revision = "oracle_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("oracle_secret", sa.Column("note", sa.LargeBinary))
    is_recalled = sa.text("flags & 32 <> 0")  # MessageFlag.RECALLED
    op.create_index(
        "oracle_message_recalled",
        "oracle_message",
        ["key"],
        sqlite_where=is_recalled,
        postgresql_where=is_recalled,
    )


def downgrade() -> None:
    op.drop_index("oracle_message_recalled", "oracle_message")
    op.drop_column("oracle_secret", "note")
