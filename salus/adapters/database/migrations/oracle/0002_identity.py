"""Order and identity: when a source said what, which records belong together, and which subjects are one patient."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "oracle_0002"
down_revision = "oracle_0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_HASH = sa.LargeBinary(32)


def _partial(name: str, table: str, column: str, where: str) -> None:
    clause = sa.text(where)
    op.create_index(name, table, [column], sqlite_where=clause, postgresql_where=clause)


def upgrade() -> None:
    op.add_column("oracle_subject", sa.Column("survivor", _HASH))
    _partial("oracle_subject_merged", "oracle_subject", "survivor", "survivor IS NOT NULL")
    op.add_column("oracle_record", sa.Column("said_at", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("oracle_record", sa.Column("group_hash", _HASH))
    _partial("oracle_record_group", "oracle_record", "group_hash", "group_hash IS NOT NULL")
    op.create_table(
        "oracle_told",
        sa.Column("group_hash", _HASH, primary_key=True),
        sa.Column("message", _KEY, sa.ForeignKey("oracle_message.key"), primary_key=True),
    )
    op.create_index("oracle_told_message", "oracle_told", ["message"])
    op.create_table(
        "oracle_alias",
        sa.Column("alias_hash", _HASH, primary_key=True),
        sa.Column("group_hash", _HASH, primary_key=True),
    )
    op.create_table(
        "oracle_link",
        sa.Column("key", _KEY, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("subject", _KEY, sa.ForeignKey("oracle_subject.key"), nullable=False),
        sa.Column("survivor", _KEY, sa.ForeignKey("oracle_subject.key"), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("tx_hash", sa.LargeBinary(32)),
    )
    _partial("oracle_link_open", "oracle_link", "key", "done_at IS NULL")
    op.create_table(
        "oracle_link_signature",
        sa.Column("link", _KEY, sa.ForeignKey("oracle_link.key"), primary_key=True, autoincrement=False),
        sa.Column("subject_ref", _HASH, primary_key=True),
        sa.Column("nonce", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger, nullable=False),
        sa.Column("signature", sa.LargeBinary(65), nullable=False),
    )


def downgrade() -> None:
    for table in ("oracle_link_signature", "oracle_link", "oracle_alias", "oracle_told"):
        op.drop_table(table)
    op.drop_index("oracle_record_group", table_name="oracle_record")
    op.drop_column("oracle_record", "group_hash")
    op.drop_column("oracle_record", "said_at")
    op.drop_index("oracle_subject_merged", table_name="oracle_subject")
    op.drop_column("oracle_subject", "survivor")
