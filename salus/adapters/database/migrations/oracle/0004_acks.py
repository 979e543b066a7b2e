"""Application acknowledgments owed to senders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "oracle_0004"
down_revision = "oracle_0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "oracle_ack",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        sa.Column("message", _KEY, sa.ForeignKey("oracle_message.key"), nullable=False),
        sa.Column("listener", sa.String(64), nullable=False),
        sa.Column("transport", sa.String(16), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("message", name="oracle_ack_message"),
    )
    owed = sa.text("state = 1")
    op.create_index("oracle_ack_owed", "oracle_ack", ["listener", "message"], sqlite_where=owed, postgresql_where=owed)


def downgrade() -> None:
    op.drop_table("oracle_ack")
