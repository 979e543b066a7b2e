"""Reads of the RecordRegistry: anchors, and what became of leaves and records. Slots: docs/protocol.md section 5."""

from __future__ import annotations

from salus.adapters.chain.reads import Read, view
from salus.core.ids import ParticipantId
from salus.core.slots.records import anchor_state
from salus.core.slots.records import record_state as record_state_of
from salus.core.state import AnchorState, RecordState

_NAME = "RecordRegistry"


def anchor(participant: ParticipantId, root: bytes) -> Read[AnchorState]:
    """An anchor of a source (batch) or custodian (log)."""
    return view(_NAME, "anchorOf", (participant, root), anchor_state)


def record_state(source: ParticipantId, leaf_or_order: bytes) -> Read[RecordState]:
    """State of a leaf or a destruction order under its source."""
    return view(_NAME, "stateOf", (source, leaf_or_order), record_state_of)
