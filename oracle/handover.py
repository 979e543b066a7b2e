"""What custodians get of a record version besides its leaf: topics and shares, sealed under the site key until then."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from oracle.sitekey import SHARES, SiteKey
from salus.core.deposit import DepositItem
from salus.core.ids import LeafHash
from salus.core.journal import BatchItem
from salus.core.sealing import SealedRecord


class _Handover(msgspec.Struct, array_like=True, frozen=True):
    topics: int
    topics_salt: bytes
    shares: tuple[bytes, ...]
    inner_shares: tuple[bytes, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Handover)


def seal_handover(site: SiteKey, leaf_hash: LeafHash, record: SealedRecord, at: int) -> bytes:
    """Topics and shares of a version as they rest in the outbox."""
    handover = _Handover(record.topics, record.topics_salt, record.shares, record.inner_shares)
    return site.seal_row(SHARES, leaf_hash, _encoder.encode(handover), at)


class OpenedBatch:
    """The versions of a batch, opened for depositing.

    Raises:
        IntegrityError: another site key, or damage.
    """

    def __init__(self, site: SiteKey, items: Iterable[BatchItem]) -> None:
        self._items = [
            (item.leaf, _decoder.decode(site.open_row(SHARES, item.leaf_hash, item.secret)), item.note)
            for item in items
        ]

    def __len__(self) -> int:
        return len(self._items)

    def items_for(self, position: int) -> list[DepositItem]:
        """What the custodian at a position (from 0) of the set gets."""
        return [
            DepositItem(
                leaf,
                handover.topics,
                handover.topics_salt,
                handover.shares[position],
                handover.inner_shares[position] if handover.inner_shares else None,
                note,
            )
            for leaf, handover, note in self._items
        ]
