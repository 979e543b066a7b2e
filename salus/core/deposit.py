"""Deposit: key shares of one batch on their way from a source to one custodian.

The payload is msgpack, HPKE-sealed to the custodian; the call that carries it is signed by the source's operator and
names batch root and custodian set. Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec

from salus.core import shares as sharing
from salus.core.errors import InputError
from salus.core.ids import LeafHash, RecordId, SubjectRef
from salus.core.leaf import SALT_BYTES, Leaf, topics_commitment
from salus.core.sealing import SealedRecord

_Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Salt = Annotated[bytes, msgspec.Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
_Share = Annotated[bytes, msgspec.Meta(min_length=sharing.SHARE_BYTES, max_length=sharing.SHARE_BYTES)]
_Int8 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 8)]
_Int32 = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Int64 = Annotated[int, msgspec.Meta(ge=0)]  # msgpack has no longer ones


class _Item(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    record_id: _Hash
    version: _Int32
    previous: _Hash
    subject: _Hash
    envelope_digest: _Hash
    content_commitment: _Hash
    categories: _Int64
    level: _Int8
    confidentiality: _Int8
    form: _Int8
    first_day: _Int32
    last_day: _Int32
    topics: _Int32
    topics_salt: _Salt
    share: _Share
    inner_share: _Share | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Item])


@dataclass(frozen=True, slots=True)
class DepositItem:
    """One record version for one custodian: the leaf it belongs to, its topics in clear, and the shares."""

    leaf: Leaf
    topics: int
    topics_salt: bytes
    share: bytes
    inner_share: bytes | None


def items_for(records: Iterable[SealedRecord], position: int) -> list[DepositItem]:
    """Items of sealed records for the custodian at a position (from 0) of the set."""
    return [
        DepositItem(
            record.leaf,
            record.topics,
            record.topics_salt,
            record.shares[position],
            record.inner_shares[position] if record.inner_shares else None,
        )
        for record in records
    ]


def encode_items(items: Sequence[DepositItem]) -> bytes:
    """Msgpack payload, before sealing."""
    return _encoder.encode(
        [
            _Item(
                item.leaf.record_id,
                item.leaf.version,
                item.leaf.previous,
                item.leaf.subject,
                item.leaf.envelope_digest,
                item.leaf.content_commitment,
                item.leaf.categories,
                item.leaf.level,
                item.leaf.confidentiality,
                item.leaf.form,
                item.leaf.first_day,
                item.leaf.last_day,
                item.topics,
                item.topics_salt,
                item.share,
                item.inner_share,
            )
            for item in items
        ]
    )


def decode_items(payload: bytes, custodian_set: int) -> list[DepositItem]:
    """Items of a payload, with their leaves rebuilt (topics commitments computed, not believed).

    Raises:
        InputError: malformed.
    """
    try:
        rows = _decoder.decode(payload)
    except msgspec.MsgspecError as error:  # not such rows, or a field of the wrong size
        raise InputError("malformed deposit payload") from error
    return [_item(row, custodian_set) for row in rows]


def _item(row: _Item, custodian_set: int) -> DepositItem:
    leaf = Leaf(
        RecordId(row.record_id),
        row.version,
        LeafHash(row.previous),
        SubjectRef(row.subject),
        row.envelope_digest,
        row.content_commitment,
        row.categories,
        row.level,
        row.confidentiality,
        row.form,
        row.first_day,
        row.last_day,
        topics_commitment(row.topics_salt, row.topics),
        custodian_set,
    )
    return DepositItem(leaf, row.topics, row.topics_salt, row.share, row.inner_share)
