"""Operations: size of messages, senders by name, and the log of what operators did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "oracle_0005"
down_revision = "oracle_0004"
branch_labels = None
depends_on = None

_WAITS = sa.text("state = 1")
_SIZES = (
    "UPDATE oracle_message SET size = COALESCE("
    "(SELECT length(sealed) FROM oracle_raw WHERE oracle_raw.message = oracle_message.key), 0) WHERE state = 1"
)
_SQLITE = (
    "CREATE TRIGGER oracle_audit_no_{verb} BEFORE {VERB} ON oracle_audit "
    "BEGIN SELECT RAISE(ABORT, 'oracle_audit is append-only'); END"
)
_FUNCTION = (
    "CREATE FUNCTION oracle_audit_kept() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'oracle_audit is append-only'; END $$"
)
_TRIGGER = (
    "CREATE TRIGGER oracle_audit_kept BEFORE UPDATE OR DELETE ON oracle_audit "
    "FOR EACH ROW EXECUTE FUNCTION oracle_audit_kept()"
)


def upgrade() -> None:
    op.add_column("oracle_message", sa.Column("size", sa.Integer, nullable=False, server_default="0"))
    op.execute(_SIZES)
    op.drop_index("oracle_message_pending", table_name="oracle_message")
    columns = ["key", "received_at", "size", "state"]
    op.create_index("oracle_message_pending", "oracle_message", columns, sqlite_where=_WAITS, postgresql_where=_WAITS)
    op.create_table(
        "oracle_sender",
        sa.Column("name_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("listener", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "oracle_audit",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("deed", sa.String(16), nullable=False),
        sa.Column("message", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.LargeBinary, nullable=False),
        sa.Column("link", sa.LargeBinary(32), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(_SQLITE.format(verb=verb, VERB=verb.upper()))
    else:
        op.execute(_FUNCTION)
        op.execute(_TRIGGER)


def downgrade() -> None:
    op.drop_table("oracle_audit")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION oracle_audit_kept()")
    op.drop_table("oracle_sender")
    op.drop_index("oracle_message_pending", table_name="oracle_message")
    op.create_index("oracle_message_pending", "oracle_message", ["key"], sqlite_where=_WAITS, postgresql_where=_WAITS)
    op.drop_column("oracle_message", "size")
