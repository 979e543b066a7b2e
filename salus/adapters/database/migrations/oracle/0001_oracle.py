"""The oracle's first schema: journal, subjects, records, versions, batches, invalidations."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "oracle_0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_HASH = sa.LargeBinary(32)


def _key() -> sa.Column[int]:
    return sa.Column("key", _KEY, primary_key=True, autoincrement=True)


def _of(name: str, table: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, _KEY, sa.ForeignKey(f"oracle_{table}.key"), **options)


def _partial(name: str, table: str, where: str) -> None:
    clause = sa.text(where)
    op.create_index(f"oracle_{name}", f"oracle_{table}", ["key"], sqlite_where=clause, postgresql_where=clause)


def upgrade() -> None:
    _journal()
    _subjects()
    _records()


def _journal() -> None:
    op.create_table(
        "oracle_meta",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "oracle_message",
        _key(),
        sa.Column("listener", sa.String(64), nullable=False),
        sa.Column("message_hash", _HASH, nullable=False),
        sa.Column("raw_hash", _HASH, nullable=False),
        sa.Column("content_hash", _HASH, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("flags", sa.SmallInteger, nullable=False),
        sa.Column("code", sa.SmallInteger, nullable=False),
        sa.Column("location", sa.String(64), nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        sa.Column("duplicate_of", _KEY),
        sa.UniqueConstraint("message_hash", "raw_hash", name="oracle_message_bytes"),
    )
    op.create_index("oracle_message_content", "oracle_message", ["content_hash"])
    _partial("message_pending", "message", "state = 1")
    _partial("message_quarantine", "message", "state IN (4, 5)")
    op.create_table(
        "oracle_raw",
        _of("message", "message", primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def _subjects() -> None:
    op.create_table(
        "oracle_subject",
        _key(),
        sa.Column("name_hash", _HASH, nullable=False),
        sa.Column("subject_ref", _HASH, nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("name_hash", name="oracle_subject_name"),
        sa.UniqueConstraint("subject_ref", name="oracle_subject_ref"),
    )
    op.create_table(
        "oracle_desk_code",
        _key(),
        _of("subject", "subject", nullable=False),
        sa.Column("code_hash", _HASH, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
        sa.Column("controller", sa.LargeBinary(20)),
        sa.UniqueConstraint("code_hash", name="oracle_desk_code_hash"),
    )
    op.create_index("oracle_desk_code_subject", "oracle_desk_code", ["subject"])


def _records() -> None:
    op.create_table(
        "oracle_record",
        _key(),
        sa.Column("record_id", _HASH, nullable=False),
        sa.Column("subject_ref", _HASH, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("leaf_hash", _HASH, nullable=False),
        sa.Column("content_hash", _HASH, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("record_id", name="oracle_record_id"),
    )
    op.create_table(
        "oracle_batch",
        _key(),
        sa.Column("root", _HASH, nullable=False),
        sa.Column("custodian_set", sa.BigInteger, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("acknowledged", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("anchored_at", sa.BigInteger),
        sa.Column("anchor_block", sa.BigInteger),
        sa.Column("anchor_tx", sa.LargeBinary(32)),
        sa.UniqueConstraint("root", name="oracle_batch_root"),
    )
    _partial("batch_under_way", "batch", "state <> 3")
    op.create_table(
        "oracle_record_version",
        _key(),
        _of("record", "record", nullable=False),
        _of("message", "message", nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("leaf_hash", _HASH, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("custodian_set", sa.BigInteger, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("withdraws", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        _of("batch", "batch"),
        sa.UniqueConstraint("record", "version", name="oracle_record_version_number"),
        sa.UniqueConstraint("leaf_hash", name="oracle_record_version_leaf"),
    )
    op.create_index("oracle_record_version_message", "oracle_record_version", ["message"])
    op.create_index("oracle_record_version_batch", "oracle_record_version", ["batch"])
    _partial("record_version_waiting", "record_version", "batch IS NULL")
    op.create_table(
        "oracle_secret",
        _of("version", "record_version", primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "oracle_invalidation",
        _key(),
        _of("version", "record_version", nullable=False),
        sa.Column("reason", sa.SmallInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger),
        sa.Column("tx_hash", sa.LargeBinary(32)),
        sa.UniqueConstraint("version", name="oracle_invalidation_version"),
    )
    _partial("invalidation_open", "invalidation", "done_at IS NULL")


def downgrade() -> None:
    for table in (
        "invalidation",
        "secret",
        "record_version",
        "batch",
        "record",
        "desk_code",
        "subject",
        "raw",
        "message",
        "meta",
    ):
        op.drop_table(f"oracle_{table}")
