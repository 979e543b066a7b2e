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
from salus.core.leaf import Leaf
from salus.core.leaf_row import LeafRow, Note, row_fields
from salus.core.sealing import SealedRecord

_Share = Annotated[bytes, msgspec.Meta(min_length=sharing.SHARE_BYTES, max_length=sharing.SHARE_BYTES)]


class _Item(LeafRow, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    share: _Share
    inner_share: _Share | None
    note: Note = b""  # a source of an older release sends none


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[_Item])


@dataclass(frozen=True, slots=True)
class DepositItem:
    """One record version for one custodian: the leaf it belongs to, its topics in clear, and the shares.

    `note` is what the source wants kept with it, at most `MAX_NOTE` bytes that only the source can open.
    """

    leaf: Leaf
    topics: int
    topics_salt: bytes
    share: bytes
    inner_share: bytes | None
    note: bytes = b""


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
            _Item(*row_fields(item.leaf, item.topics, item.topics_salt, item.share, item.inner_share, item.note))
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
    return [
        DepositItem(row.leaf(custodian_set), row.topics, row.topics_salt, row.share, row.inner_share, row.note)
        for row in rows
    ]
