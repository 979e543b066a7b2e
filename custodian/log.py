"""Entries of the custodian's own log: what was taken in, shown, released and erased, for whom, and under what.

Entries name accounts, participants, subjects, consents, accesses and leaves by their ids, never content or keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from salus.core.codes import Code
from salus.core.ids import Address, LeafHash, ParticipantId, RecordId, Root, SubjectRef, hex32
from salus.core.merkle import records_root


class Kind(StrEnum):
    """What an entry records."""

    DEPOSIT = "deposit"
    LIST = "list"
    WITHHELD = "withheld"
    RELEASE = "release"
    DESTROY = "destroy"
    CHAIN = "chain"
    ALLOWED = "repair-allowed"
    REPAIR = "repair"
    REPAIRED = "repaired"
    RECALL = "recall"
    KEYS = "keys"


def deposited(signer: Address, source: ParticipantId, root: Root, count: int) -> dict[str, Any]:
    """A batch was stored."""
    return {
        "kind": Kind.DEPOSIT.value,
        "reference": hex32(root),
        "signer": signer,
        "sourceId": hex32(source),
        "count": count,
    }


def listed(
    signer: Address,
    participant: ParticipantId | None,
    reference: bytes,
    subject: SubjectRef,
    leaves: Sequence[LeafHash],
    withheld: Mapping[Code, int],
) -> dict[str, Any]:
    """Records were listed; `reference` is the consentId, or the subject when it asked itself.

    The leaves stand as their records root; what was left out stands as a count per code.
    """
    return {
        "kind": Kind.LIST.value,
        "reference": hex32(reference),
        "signer": signer,
        "participantId": None if participant is None else hex32(participant),
        "subjectRef": hex32(subject),
        "count": len(leaves),
        "recordsRoot": hex32(records_root(leaves)) if leaves else None,
        "withheld": {str(int(code)): withheld[code] for code in sorted(withheld)},
    }


def reported(signer: Address, participant: ParticipantId | None, consent: bytes) -> dict[str, Any]:
    """What a consent left out was shown to the subject or a supervisor."""
    return {
        "kind": Kind.WITHHELD.value,
        "reference": hex32(consent),
        "signer": signer,
        "participantId": None if participant is None else hex32(participant),
    }


def released(
    signer: Address,
    access: bytes,
    subject: SubjectRef,
    leaves: Iterable[LeafHash],
    refused: Mapping[LeafHash, Code],
    user_opening: str | None,
) -> dict[str, Any]:
    """Shares are about to be sent. `user_opening` is sealed to the regulator and kept for it."""
    return {
        "kind": Kind.RELEASE.value,
        "reference": hex32(access),
        "signer": signer,
        "subjectRef": hex32(subject),
        "leaves": [hex32(leaf) for leaf in leaves],
        "refused": {hex32(leaf): int(code) for leaf, code in refused.items()},
        "userOpening": user_opening,
    }


def destroyed(
    source: ParticipantId, record: RecordId, subject: SubjectRef, erased: int, keys_left: int = 0
) -> dict[str, Any]:
    """All shares of a subject's record were erased; of `keys_left`, damaged ones, it could not be told which key."""
    entry: dict[str, Any] = {
        "kind": Kind.DESTROY.value,
        "reference": hex32(record),
        "sourceId": hex32(source),
        "subjectRef": hex32(subject),
        "erased": erased,
    }
    return entry | ({"keysLeft": keys_left} if keys_left else {})


def allowed(custodian: ParticipantId, until: int) -> dict[str, Any]:
    """An operator here allowed another custodian to be helped, until a Unix time."""
    return {"kind": Kind.ALLOWED.value, "reference": hex32(custodian), "until": until}


def helped(
    signer: Address, custodian: ParticipantId, source: ParticipantId, reference: bytes, step: str, count: int
) -> dict[str, Any]:
    """Another custodian asked for repair, and is about to be told of so many record versions.

    `reference` is the batch's root, or the leaf if a session's key is shown.
    """
    return {
        "kind": Kind.REPAIR.value,
        "reference": hex32(reference),
        "signer": signer,
        "participantId": hex32(custodian),
        "sourceId": hex32(source),
        "step": step,
        "count": count,
    }


def mended(source: ParticipantId, root: Root, helpers: Iterable[ParticipantId], count: int) -> dict[str, Any]:
    """Shares of a batch came back from others."""
    return {
        "kind": Kind.REPAIRED.value,
        "reference": hex32(root),
        "sourceId": hex32(source),
        "helpers": [hex32(helper) for helper in helpers],
        "count": count,
    }


def recalled(signer: Address, source: ParticipantId, root: Root, count: int) -> dict[str, Any]:
    """A source is about to be told of so many record versions of a batch that it deposited."""
    return {
        "kind": Kind.RECALL.value,
        "reference": hex32(root),
        "signer": signer,
        "sourceId": hex32(source),
        "count": count,
    }


def chain_accepted(number: int, block_hash: bytes) -> dict[str, Any]:
    """An operator accepted a chain that had lost blocks."""
    return {"kind": Kind.CHAIN.value, "reference": hex32(block_hash), "number": number}


def unnamed_forgotten(periods: int, kept: int) -> dict[str, Any]:
    """An operator had the keys destroyed that no share rests under; `kept` shares' keys stay."""
    return {"kind": Kind.KEYS.value, "reference": "", "periods": periods, "kept": kept}
