"""Public facts of the chain: deployment, participants, holders, subjects, consents, records."""

from __future__ import annotations

from typing import Any

from api.schemas.common import Account, Block, DidText, Hex32, Wire


class DomainFact(Wire):
    """EIP-712 domain; version is "1"."""

    name: str
    version: str
    chain_id: int
    verifying_contract: Account


class CustodianFact(Wire):
    """One member of a custodian set: its X25519 key seals deposits and links, `active` as of the final block."""

    participant_id: Hex32
    encryption_key: Hex32
    active: bool


class CustodianSetFact(Wire):
    """Members in order of share index; `threshold` of them join a key."""

    number: int
    threshold: int
    members: list[CustodianFact]


class ParticipantFact(Wire):
    """An institution: kind and roles by name; `title` is this API's own word for it, not the chain's."""

    participant_id: Hex32
    did: DidText
    title: str
    title_zh: str
    kind: str
    roles: list[str]
    status: str
    accredited_until: int
    hourly_quota: int
    encryption_key: Hex32
    operators: list[Account]


class Deployment(Wire):
    """What a wallet must know. Contracts and domains by directory role; `domains.Council` is the `Salus` domain."""

    chain_id: int
    participant_id: Hex32
    contracts: dict[str, Account]
    domains: dict[str, DomainFact]
    custodian_sets: list[CustodianSetFact]
    participants: list[ParticipantFact]
    head: Block
    final: Block


class Participants(Wire):
    """All institutions that ever applied."""

    items: list[ParticipantFact]


class HolderFact(Wire):
    """A holder's epoch: what it signs must name it."""

    address: Account
    epoch: int


class DenialFact(Wire):
    """A denial: OVERRIDABLE (except in an emergency) or ABSOLUTE."""

    participant_id: Hex32
    denial: str


class SubjectFact(Wire):
    """A subject, shown to its controller and guardian. `nonce` is for the controller's next signed call; a guardian's
    is the registry's `guardianNonceOf`."""

    subject_ref: Hex32
    did: DidText
    source_id: Hex32
    controller: Account
    guardian: Account
    nonce: int
    epoch: int
    retention_years: int
    frozen: bool
    hold: bool
    survivor: Hex32
    denials: list[DenialFact]


class ConsentFact(Wire):
    """A consent's slot at the head: UNKNOWN, LIVE, REVOKED or REPLACED; `void` when the holder revoked everything.

    `usesLeft` is None without limit. Times in Unix seconds, 0 for never.
    """

    holder: Account
    consent_id: Hex32
    status: str
    void: bool
    uses_left: int | None
    epoch: int
    holder_epoch: int
    granted_at: int
    block: Block


class LeafFact(Wire):
    """A version of a record that was listed to this institution, and what its source said of it since."""

    leaf: Hex32
    version: int
    custodian_set: int
    status: str


class RecordStatement(Wire):
    """What one source said of a record; times in Unix seconds, 0 for never."""

    source_id: Hex32
    status: str
    reason: int
    ordered_at: int
    erasable_from: int
    destroyed_at: int
    attestations: int


class RecordFact(Wire):
    """State of a record. Without a statement nothing was said against it; whether it exists only custodians know."""

    did: DidText
    record_id: Hex32
    status: str
    statements: list[RecordStatement]
    versions: list[LeafFact]


class DidDocument(Wire):
    """W3C DID document and where its facts come from."""

    did_document: dict[str, Any]
    did_document_metadata: dict[str, Any]
    did_resolution_metadata: dict[str, Any]
