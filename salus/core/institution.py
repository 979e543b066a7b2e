"""What an institution's API keeps: sealed consent packages, its own requests, record versions it has seen listed."""

from __future__ import annotations

from dataclasses import dataclass

from salus.core.ids import AccessId, ConsentId, LeafHash, RecordId


@dataclass(frozen=True, slots=True)
class StoredPackage:
    """A consent package at rest: sealed bytes under its public id. `seq` counts up, `received_at` in Unix seconds."""

    seq: int
    consent_id: ConsentId
    sealed: bytes
    received_at: int


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A record version that was listed to this institution; `seen_at` in Unix seconds."""

    record_id: RecordId
    version: int
    leaf: LeafHash
    custodian_set: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """An access this institution asked for, sealed: what a receipt shows of it beyond the chain's events."""

    access_id: AccessId
    sealed: bytes
    recorded_at: int
