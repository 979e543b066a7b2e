"""Deposit: key shares of one batch on their way from a source to one custodian.

The payload is msgpack, HPKE-sealed to the custodian; the call that carries it is signed by the source's operator and
names batch root and custodian set. Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from salus.core import shares as sharing
from salus.core.errors import InputError
from salus.core.ids import LeafHash, RecordId, SubjectRef
from salus.core.leaf import SALT_BYTES, Leaf, topics_commitment
from salus.core.sealing import SealedRecord


class _Item(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    record_id: bytes
    version: int
    previous: bytes
    subject: bytes
    envelope_digest: bytes
    content_commitment: bytes
    categories: int
    level: int
    confidentiality: int
    form: int
    first_day: int
    last_day: int
    topics: int
    topics_salt: bytes
    share: bytes
    inner_share: bytes | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Item])
_HASHES = ("record_id", "previous", "subject", "envelope_digest", "content_commitment")
_WIDTHS = {
    "version": 32,
    "categories": 64,
    "level": 8,
    "confidentiality": 8,
    "form": 8,
    "first_day": 32,
    "last_day": 32,
    "topics": 32,
}


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
    except msgspec.MsgspecError as error:
        raise InputError("malformed deposit payload") from error
    return [_item(row, custodian_set) for row in rows]


def _item(row: _Item, custodian_set: int) -> DepositItem:
    sized = (
        all(len(getattr(row, name)) == 32 for name in _HASHES)
        and all(0 <= getattr(row, name) < 1 << width for name, width in _WIDTHS.items())
        and len(row.topics_salt) == SALT_BYTES
        and len(row.share) == sharing.SHARE_BYTES
        and (row.inner_share is None or len(row.inner_share) == sharing.SHARE_BYTES)
    )
    if not sized:
        raise InputError("a deposit item has a field of the wrong size")
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
