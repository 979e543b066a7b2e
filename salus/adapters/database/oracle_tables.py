"""Tables of the oracle. Rows are appended under integer keys; hashes are found by indexes beside.

What changes (a message's state) and what is large (its bytes) are rows of different tables, so a change of state does
not rewrite bytes. Whatever must be erasable (bytes of messages, shares) has a table of its own. Partial indexes cover
what is under way and stay small, however long the journal gets.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from salus.adapters.database.columns import Octets

metadata = sa.MetaData()
_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_HASH = Octets(32)

PENDING, QUARANTINED, FAILED = 1, 4, 5
ANCHORED, ABANDONED = 3, 4


def _key() -> sa.Column[int]:
    return sa.Column("key", _KEY, primary_key=True, autoincrement=True)


def _partial(name: str, *columns: sa.Column[Any], where: str) -> sa.Index:
    clause = sa.text(where)
    return sa.Index(name, *columns, sqlite_where=clause, postgresql_where=clause)


def head_of(sealed: sa.Column[Any]) -> sa.ColumnElement[bytes]:
    """The first 8 bytes of a sealed row, which name its key."""
    return sa.func.substr(sealed, 1, 8).label("head")


meta = sa.Table(
    "oracle_meta",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", Octets, nullable=False),
)
message = sa.Table(
    "oracle_message",
    metadata,
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
    sa.Column("size", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("message_hash", "raw_hash", name="oracle_message_bytes"),
)
sa.Index("oracle_message_content", message.c.content_hash)
_partial(  # all that the backlog is told by, so that it needs no row
    "oracle_message_pending", message.c.key, message.c.received_at, message.c.size, message.c.state, where="state = 1"
)
_partial("oracle_message_quarantine", message.c.key, where="state IN (4, 5)")
_partial("oracle_message_recalled", message.c.key, where="flags & 32 <> 0")
raw = sa.Table(
    "oracle_raw",
    metadata,
    sa.Column("message", _KEY, sa.ForeignKey("oracle_message.key"), primary_key=True, autoincrement=False),
    sa.Column("sealed", Octets, nullable=False),
)
sender = sa.Table(
    "oracle_sender",
    metadata,
    sa.Column("name_hash", _HASH, primary_key=True),
    sa.Column("listener", sa.String(64), nullable=False),
    sa.Column("sealed", Octets, nullable=False),
)
subject = sa.Table(
    "oracle_subject",
    metadata,
    _key(),
    sa.Column("name_hash", _HASH, nullable=False),
    sa.Column("subject_ref", _HASH, nullable=False),
    sa.Column("sealed_seed", Octets, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("survivor", Octets(32)),
    sa.UniqueConstraint("name_hash", name="oracle_subject_name"),
    sa.UniqueConstraint("subject_ref", name="oracle_subject_ref"),
)
_partial("oracle_subject_merged", subject.c.survivor, where="survivor IS NOT NULL")
desk_code = sa.Table(
    "oracle_desk_code",
    metadata,
    _key(),
    sa.Column("subject", _KEY, sa.ForeignKey("oracle_subject.key"), nullable=False),
    sa.Column("code_hash", _HASH, nullable=False),
    sa.Column("issued_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger),
    sa.Column("controller", Octets(20)),
    sa.UniqueConstraint("code_hash", name="oracle_desk_code_hash"),
)
sa.Index("oracle_desk_code_subject", desk_code.c.subject)
record = sa.Table(
    "oracle_record",
    metadata,
    _key(),
    sa.Column("record_id", _HASH, nullable=False),
    sa.Column("subject_ref", _HASH, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("leaf_hash", _HASH, nullable=False),
    sa.Column("content_hash", _HASH, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("said_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("group_hash", Octets(32)),
    sa.UniqueConstraint("record_id", name="oracle_record_id"),
)
_partial("oracle_record_group", record.c.group_hash, where="group_hash IS NOT NULL")
# Messages about a group that made no version: what comes late is put in its place by them, and destruction finds them
told = sa.Table(
    "oracle_told",
    metadata,
    sa.Column("group_hash", _HASH, primary_key=True),
    sa.Column("message", _KEY, sa.ForeignKey("oracle_message.key"), primary_key=True),
)
sa.Index("oracle_told_message", told.c.message)
alias = sa.Table(
    "oracle_alias",
    metadata,
    sa.Column("alias_hash", _HASH, primary_key=True),
    sa.Column("group_hash", _HASH, primary_key=True),
)
link = sa.Table(
    "oracle_link",
    metadata,
    _key(),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("subject", _KEY, sa.ForeignKey("oracle_subject.key"), nullable=False),
    sa.Column("survivor", _KEY, sa.ForeignKey("oracle_subject.key"), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("done_at", sa.BigInteger),
    sa.Column("tx_hash", Octets(32)),
)
_partial("oracle_link_open", link.c.key, where="done_at IS NULL")
link_signature = sa.Table(
    "oracle_link_signature",
    metadata,
    sa.Column("link", _KEY, sa.ForeignKey("oracle_link.key"), primary_key=True, autoincrement=False),
    sa.Column("subject_ref", _HASH, primary_key=True),
    sa.Column("nonce", sa.BigInteger, nullable=False),
    sa.Column("deadline", sa.BigInteger, nullable=False),
    sa.Column("signature", Octets(65), nullable=False),
)
batch = sa.Table(
    "oracle_batch",
    metadata,
    _key(),
    sa.Column("root", _HASH, nullable=False),
    sa.Column("custodian_set", sa.BigInteger, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("acknowledged", sa.BigInteger, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("anchored_at", sa.BigInteger),
    sa.Column("anchor_block", sa.BigInteger),
    sa.Column("anchor_tx", Octets(32)),
    sa.UniqueConstraint("root", name="oracle_batch_root"),
)
_partial("oracle_batch_under_way", batch.c.key, where="state <> 3")
version = sa.Table(
    "oracle_record_version",
    metadata,
    _key(),
    sa.Column("record", _KEY, sa.ForeignKey("oracle_record.key"), nullable=False),
    sa.Column("message", _KEY, sa.ForeignKey("oracle_message.key"), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("leaf_hash", _HASH, nullable=False),
    sa.Column("leaf", Octets, nullable=False),
    sa.Column("custodian_set", sa.BigInteger, nullable=False),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("withdraws", sa.SmallInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("batch", _KEY, sa.ForeignKey("oracle_batch.key")),
    sa.UniqueConstraint("record", "version", name="oracle_record_version_number"),
    sa.UniqueConstraint("leaf_hash", name="oracle_record_version_leaf"),
)
sa.Index("oracle_record_version_message", version.c.message)
sa.Index("oracle_record_version_batch", version.c.batch)
_partial("oracle_record_version_waiting", version.c.key, where="batch IS NULL")
secret = sa.Table(
    "oracle_secret",
    metadata,
    sa.Column("version", _KEY, sa.ForeignKey("oracle_record_version.key"), primary_key=True, autoincrement=False),
    sa.Column("sealed", Octets, nullable=False),
    sa.Column("note", Octets),
)
invalidation = sa.Table(
    "oracle_invalidation",
    metadata,
    _key(),
    sa.Column("version", _KEY, sa.ForeignKey("oracle_record_version.key"), nullable=False),
    sa.Column("reason", sa.SmallInteger, nullable=False),
    sa.Column("done_at", sa.BigInteger),
    sa.Column("tx_hash", Octets(32)),
    sa.UniqueConstraint("version", name="oracle_invalidation_version"),
)
_partial("oracle_invalidation_open", invalidation.c.key, where="done_at IS NULL")
sa.Index("oracle_record_subject", record.c.subject_ref)
agreed_destruction = sa.Table(
    "oracle_agreed_destruction",
    metadata,
    sa.Column("record_id", _HASH, primary_key=True),
    sa.Column("subject_ref", _HASH, primary_key=True),
    sa.Column("custodian_set", sa.BigInteger, nullable=False),
    sa.Column("deadline", sa.BigInteger, nullable=False),
    sa.Column("signature", Octets(65), nullable=False),
)
destruction = sa.Table(
    "oracle_destruction",
    metadata,
    sa.Column("record_id", _HASH, primary_key=True),
    sa.Column("subject_ref", _HASH, primary_key=True),
    sa.Column("custodian_set", sa.BigInteger, nullable=False),
    sa.Column("erasable_from", sa.BigInteger, nullable=False),
    sa.Column("done_at", sa.BigInteger),
    sa.Column("absent", sa.Integer),
)
_partial("oracle_destruction_open", destruction.c.erasable_from, where="done_at IS NULL")
