"""Tables of the custodian's store. Rows get ascending integer keys; hashes are indexed beside them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from salus.adapters.database.columns import Octets

metadata = MetaData()
_HASH = Octets(32)
_BYTES = Octets()
_KEY = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is SQLite's own row number

batch = Table(
    "custody_batch",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("source", _HASH, nullable=False),
    Column("root", _HASH, nullable=False),
    Column("custodian_set", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("deposited_at", BigInteger, nullable=False),
    Column("anchored_at", BigInteger),
    UniqueConstraint("source", "root", name="custody_batch_root"),
)
record = Table(
    "custody_record",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("source", _HASH, nullable=False),
    Column("leaf", _HASH, nullable=False),
    Column("record_id", _HASH, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("previous", _HASH, nullable=False),
    Column("subject", _HASH, nullable=False),
    Column("envelope_digest", _HASH, nullable=False),
    Column("content_commitment", _HASH, nullable=False),
    Column("categories", BigInteger, nullable=False),
    Column("level", Integer, nullable=False),
    Column("confidentiality", Integer, nullable=False),
    Column("form", Integer, nullable=False),
    Column("first_day", BigInteger, nullable=False),
    Column("last_day", BigInteger, nullable=False),
    Column("topics", BigInteger, nullable=False),
    Column("topics_salt", _BYTES, nullable=False),
    Column("topics_commitment", _HASH, nullable=False),
    Column("custodian_set", BigInteger, nullable=False),
    Column("fingerprint", _HASH, nullable=False),
    Column("anchored", Boolean, nullable=False),
    Column("deposited_at", BigInteger, nullable=False),
    UniqueConstraint("leaf", "source", name="custody_record_leaf"),
    Index("custody_record_subject", "subject"),
    Index("custody_record_version", "source", "record_id", "version"),
)
batch_record = Table(
    "custody_batch_record",
    metadata,
    Column("batch", _KEY, ForeignKey("custody_batch.key"), primary_key=True),
    Column("record", _KEY, primary_key=True),
    Index("custody_batch_record_record", "record"),
)
share = Table(
    "custody_share",
    metadata,
    Column("record", _KEY, primary_key=True, autoincrement=False),
    Column("period", String(7), nullable=False),
    Column("blob", _BYTES, nullable=False),
    Column("note", _BYTES),
    Index("custody_share_period", "period"),
)
tombstone = Table(
    "custody_tombstone",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("source", _HASH, nullable=False),
    Column("order_id", _HASH, nullable=False),
    Column("leaf", _HASH, nullable=False),
    Column("erased_at", BigInteger, nullable=False),
    UniqueConstraint("leaf", "source", name="custody_tombstone_leaf"),
    Index("custody_tombstone_order", "source", "order_id"),
)
order = Table(
    "custody_order",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("source", _HASH, nullable=False),
    Column("record_id", _HASH, nullable=False),
    Column("subject", _HASH, nullable=False),
    Column("erasable_from", BigInteger, nullable=False),
    UniqueConstraint("source", "record_id", "subject", name="custody_order_record"),
)
nonce = Table(
    "custody_nonce",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("nonce", _BYTES, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    UniqueConstraint("nonce", name="custody_nonce_nonce"),
    Index("custody_nonce_seen_at", "seen_at"),
)
log = Table(
    "custody_log",
    metadata,
    Column("entry", _KEY, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("reference", String(66), nullable=False),
    Column("previous", _HASH, nullable=False),
    Column("content", Text, nullable=False),
    Column("digest", _HASH, nullable=False),
    Index("custody_log_at", "at"),
    Index("custody_log_reference", "reference", "kind"),
)
state = Table(
    "custody_state",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("value", _BYTES, nullable=False),
)
