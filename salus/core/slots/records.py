"""RecordRegistry: anchors, and what became of leaves and records. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.core.ids import Address, ParticipantId
from salus.core.slots.layout import LAYOUT, Storage, member
from salus.core.state import AnchorState, RecordState, RecordStatus

_REGISTRY = LAYOUT["RecordRegistry"]
_64 = (1 << 64) - 1
_32 = (1 << 32) - 1


def anchor(storage: Storage, registry: Address, source: ParticipantId, root: bytes) -> AnchorState:
    """An anchor slot; `anchored_at` 0 when there is none."""
    return anchor_state(storage.word(registry, member(member(_REGISTRY["anchorOf"].slot, source), root)))


def record(storage: Storage, registry: Address, source: ParticipantId, leaf_or_order: bytes) -> RecordState:
    """State of a leaf or a destruction order under its source."""
    return record_state(storage.word(registry, member(member(_REGISTRY["stateOf"].slot, source), leaf_or_order)))


def anchor_state(word: int) -> AnchorState:
    """An anchor from its word."""
    return AnchorState(word & _64, word >> 64 & _32, word >> 96 & _32, word >> 128 & 0xFF)


def record_state(word: int) -> RecordState:
    """State of a leaf or an order from its word."""
    return RecordState(
        status=RecordStatus(word & 0xFF),
        reason=word >> 8 & 0xFF,
        ordered_at=word >> 16 & _64,
        erasable_from=word >> 80 & _64,
        custodian_set=word >> 144 & _32,
        attestations=word >> 176 & _64,
    )
