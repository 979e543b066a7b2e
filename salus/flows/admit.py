"""Admit institutions: each applies for itself, the Council votes on all of them, custodians are joined to sets.

Twice is once: an institution that has applied or is admitted is not asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from salus.core.eip712 import Domain, StructType
from salus.core.errors import ConflictError, InputError, NotFoundError
from salus.core.hashing import keccak
from salus.core.ids import ZERO32, ZERO_ADDRESS, Address, ParticipantId, participant_id
from salus.core.membership import Membership
from salus.core.policy import ParticipantRole, ParticipantStatus
from salus.core.ports import ChainReader, ChainWriter, ContractCall, Signer
from salus.core.state import CustodianSet, ParticipantKind
from salus.flows.council import Chamber, decide

_REGISTRY = "ParticipantRegistry"
ACCEPTANCE_TYPE = StructType(
    "OperatorAcceptance",
    ("bytes32", "participantId"),
    ("address", "operator"),
    ("uint64", "deadline"),
)


@dataclass(frozen=True, slots=True)
class Applicant:
    """An institution that wants to join. `principal` is the account that applies and its first operator.

    `accreditation` is the digest of the documents, `encryption_key` its X25519 public key, `node_key` the 64 bytes of
    its node's public key, `validator` the account that seals blocks (both zero: it runs none); `salt` makes the id.
    """

    principal: Address
    kind: ParticipantKind
    encryption_key: bytes
    salt: bytes
    accreditation: bytes = ZERO32
    node_key: bytes = bytes(64)
    validator: Address = ZERO_ADDRESS

    def participant_id(self, chain_id: int) -> ParticipantId:
        """Id it gets."""
        return participant_id(chain_id, self.principal, self.salt)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the Council grants: roles, end of the accreditation in Unix seconds, requests per hour (custodian: 0)."""

    roles: ParticipantRole
    accredited_until: int
    hourly_quota: int


def apply(applicant: Applicant, writer: ChainWriter, chain: ChainReader) -> ParticipantId:
    """Apply with the principal's writer (it has that account only); returns the id."""
    participant = applicant.participant_id(chain.chain_id)
    if chain.participant(participant, chain.head()).status is ParticipantStatus.NONE:
        keys = (applicant.encryption_key, applicant.node_key[:32], applicant.node_key[32:], applicant.validator)
        application = (int(applicant.kind), applicant.accreditation, keys, applicant.salt)
        writer.send(ContractCall(_REGISTRY, "applyToJoin", (application,)))
    return participant


def admit(candidates: Sequence[tuple[ParticipantId, Terms]], chamber: Chamber, chain: ChainReader) -> None:
    """Admit applicants by one vote; those that are active already are left out.

    Raises:
        ConflictError: one of them has not applied, or is suspended or expelled.
    """
    at = chain.head()
    waiting: list[tuple[ParticipantId, Terms]] = []
    for participant, terms in candidates:
        status = chain.participant(participant, at).status
        if status is ParticipantStatus.APPLIED:
            waiting.append((participant, terms))
        elif status is not ParticipantStatus.ACTIVE:
            raise ConflictError(
                f"participant 0x{participant.hex()} is {status.name}, not APPLIED",
                advice="NONE: it has to apply first, or the id is mistyped. SUSPENDED: the Council reinstates it. "
                "EXPELLED: that is for good.",
            )
    if waiting:
        calls = [
            ContractCall(
                _REGISTRY, "admit", (participant, (int(terms.roles), terms.accredited_until, terms.hourly_quota))
            )
            for participant, terms in waiting
        ]
        decide(calls, keccak(b"".join(participant for participant, _ in waiting)), chamber)


def renew(participant: ParticipantId, before: Membership, after: Membership, chamber: Chamber) -> None:
    """Replace terms, accreditation and keys of an active or suspended participant by a vote, which the Council delays.

    Members that vote on machines of their own say the same `before` and `after`, which name the decision.

    Raises:
        InputError: nothing would change.
        ConflictError: the very same change was decided before.
    """
    if before == after:
        raise InputError("nothing would change: say what is to be another")
    terms = (int(after.roles), after.accredited_until, after.hourly_quota)
    keys = (after.encryption_key, after.node_key[:32], after.node_key[32:], after.validator)
    call = ContractCall(_REGISTRY, "renew", (participant, terms, after.accreditation, keys))
    if decide([call], _salt(participant, before, after), chamber) is None:
        raise ConflictError(
            "this very change was decided before: renew it to another end of the accreditation",
            advice="Read how it stands now (`salus participant show`); one day more is another change.",
        )


def form_custodian_set(members: CustodianSet, chamber: Chamber, chain: ChainReader) -> int:
    """Form a set of custodians by a vote; returns its number. An equal set is used again."""
    number = 1
    while (found := _set_at(number, chain)) is not None:
        if found == members:
            return number
        number += 1
    salt = keccak(b"".join(members.members) + number.to_bytes(32, "big"))
    call = ContractCall(_REGISTRY, "formCustodianSet", (list(members.members), members.threshold))
    receipt = decide([call], salt, chamber)
    return number if receipt is None else int(receipt.event("CustodianSetFormed").args["setId"])


def add_operator(
    participant: ParticipantId,
    operator: Signer,
    deadline: int,
    principal: ChainWriter,
    chain: ChainReader,
) -> None:
    """Let another account act for a participant, with that account's acceptance; `deadline` in Unix seconds.

    Raises:
        ConflictError: the account acts for another participant.
    """
    present = chain.operator_of(operator.address, chain.head())
    if present == participant:
        return
    if present is not None:
        raise ConflictError(
            f"account {operator.address} acts for another participant: take a fresh one",
            advice="An account acts for one institution only; make a new keystore.",
        )
    digest = acceptance_digest(participant, operator.address, deadline, chain.domain(_REGISTRY))
    args = (participant, operator.address, deadline, operator.sign(digest))
    principal.send(ContractCall(_REGISTRY, "addOperator", args))


def acceptance_digest(participant: ParticipantId, operator: Address, deadline: int, domain: Domain) -> bytes:
    """What an account signs to become an operator."""
    values = {"participantId": participant, "operator": operator, "deadline": deadline}
    return ACCEPTANCE_TYPE.digest(domain, values)


def _salt(participant: ParticipantId, *states: Membership) -> bytes:
    texts = [
        f"{int(each.status)}|{int(each.roles)}|{each.accredited_until}|{each.hourly_quota}|{each.accreditation.hex()}|"
        f"{each.encryption_key.hex()}|{each.node_key.hex()}|{each.validator}"
        for each in states
    ]
    return keccak(participant + "||".join(texts).encode())


def _set_at(number: int, chain: ChainReader) -> CustodianSet | None:
    try:
        return chain.custodian_set(number, chain.head())
    except NotFoundError:
        return None
