"""Quality: counts by source and day, and the numbers of a sender's messages that have not come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "oracle_0003"
down_revision = "oracle_0002"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "oracle_figure",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("measure", sa.String(64), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "oracle_series",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        sa.Column("series_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("highest", sa.BigInteger, nullable=False),
        sa.Column("before", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("series_hash", name="oracle_series_hash"),
    )
    op.create_table(
        "oracle_gap",
        sa.Column("series", _KEY, sa.ForeignKey("oracle_series.key"), primary_key=True, autoincrement=False),
        sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("noticed_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("oracle_gap", "oracle_series", "oracle_figure"):
        op.drop_table(table)
