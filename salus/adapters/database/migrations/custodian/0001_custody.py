"""The custodian's first schema: batches, records, shares, tombstones, orders, nonces, log, state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "custodian_0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_HASH = sa.LargeBinary(32)


def _key() -> sa.Column[int]:
    return sa.Column("key", _KEY, primary_key=True, autoincrement=True)


def upgrade() -> None:
    op.create_table(
        "custody_batch",
        _key(),
        sa.Column("source", _HASH, nullable=False),
        sa.Column("root", _HASH, nullable=False),
        sa.Column("custodian_set", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("deposited_at", sa.BigInteger, nullable=False),
        sa.Column("anchored_at", sa.BigInteger),
        sa.UniqueConstraint("source", "root", name="custody_batch_root"),
    )
    op.create_table(
        "custody_record",
        _key(),
        sa.Column("source", _HASH, nullable=False),
        sa.Column("leaf", _HASH, nullable=False),
        sa.Column("record_id", _HASH, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("previous", _HASH, nullable=False),
        sa.Column("subject", _HASH, nullable=False),
        sa.Column("envelope_digest", _HASH, nullable=False),
        sa.Column("content_commitment", _HASH, nullable=False),
        sa.Column("categories", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("confidentiality", sa.Integer, nullable=False),
        sa.Column("form", sa.Integer, nullable=False),
        sa.Column("first_day", sa.BigInteger, nullable=False),
        sa.Column("last_day", sa.BigInteger, nullable=False),
        sa.Column("topics", sa.BigInteger, nullable=False),
        sa.Column("topics_salt", sa.LargeBinary(16), nullable=False),
        sa.Column("topics_commitment", _HASH, nullable=False),
        sa.Column("custodian_set", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", _HASH, nullable=False),
        sa.Column("anchored", sa.Boolean, nullable=False),
        sa.Column("deposited_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("leaf", "source", name="custody_record_leaf"),
    )
    op.create_index("custody_record_subject", "custody_record", ["subject"])
    op.create_index("custody_record_version", "custody_record", ["source", "record_id", "version"])
    op.create_table(
        "custody_batch_record",
        sa.Column("batch", _KEY, sa.ForeignKey("custody_batch.key"), primary_key=True),
        sa.Column("record", _KEY, primary_key=True),
    )
    op.create_index("custody_batch_record_record", "custody_batch_record", ["record"])
    op.create_table(
        "custody_share",
        sa.Column("record", _KEY, primary_key=True, autoincrement=False),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("blob", sa.LargeBinary, nullable=False),
    )
    op.create_index("custody_share_period", "custody_share", ["period"])
    op.create_table(
        "custody_tombstone",
        _key(),
        sa.Column("source", _HASH, nullable=False),
        sa.Column("order_id", _HASH, nullable=False),
        sa.Column("leaf", _HASH, nullable=False),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("leaf", "source", name="custody_tombstone_leaf"),
    )
    op.create_index("custody_tombstone_order", "custody_tombstone", ["source", "order_id"])
    op.create_table(
        "custody_order",
        _key(),
        sa.Column("source", _HASH, nullable=False),
        sa.Column("record_id", _HASH, nullable=False),
        sa.Column("subject", _HASH, nullable=False),
        sa.Column("erasable_from", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("source", "record_id", "subject", name="custody_order_record"),
    )
    op.create_table(
        "custody_nonce",
        _key(),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("nonce", name="custody_nonce_nonce"),
    )
    op.create_index("custody_nonce_seen_at", "custody_nonce", ["seen_at"])
    op.create_table(
        "custody_log",
        sa.Column("entry", _KEY, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("reference", sa.String(66), nullable=False),
        sa.Column("previous", _HASH, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("digest", _HASH, nullable=False),
    )
    op.create_index("custody_log_at", "custody_log", ["at"])
    op.create_index("custody_log_reference", "custody_log", ["reference", "kind"])
    state = op.create_table(
        "custody_state",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(state, [{"name": "log", "number": 0, "value": bytes(32)}])


def downgrade() -> None:
    for table in ("state", "log", "nonce", "order", "tombstone", "share", "batch_record", "record", "batch"):
        op.drop_table(f"custody_{table}")
