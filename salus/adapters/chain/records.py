"""Reads of the RecordRegistry: anchors, and what became of leaves and records. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.adapters.chain.reads import Read, view
from salus.core.ids import ParticipantId
from salus.core.state import AnchorState, RecordState, RecordStatus

_NAME = "RecordRegistry"
_64 = (1 << 64) - 1
_32 = (1 << 32) - 1


def anchor(participant: ParticipantId, root: bytes) -> Read[AnchorState]:
    """An anchor of a source (batch) or custodian (log)."""
    return view(_NAME, "anchorOf", (participant, root), _anchor)


def record_state(source: ParticipantId, leaf_or_order: bytes) -> Read[RecordState]:
    """State of a leaf or a destruction order under its source."""
    return view(_NAME, "stateOf", (source, leaf_or_order), _record)


def _anchor(slot: int) -> AnchorState:
    return AnchorState(slot & _64, slot >> 64 & _32, slot >> 96 & _32, slot >> 128 & 0xFF)


def _record(slot: int) -> RecordState:
    return RecordState(
        status=RecordStatus(slot & 0xFF),
        reason=slot >> 8 & 0xFF,
        ordered_at=slot >> 16 & _64,
        erasable_from=slot >> 80 & _64,
        custodian_set=slot >> 144 & _32,
        attestations=slot >> 176 & _64,
    )
