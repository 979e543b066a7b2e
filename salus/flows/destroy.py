"""Destroy a record: order on chain → cooling-off → custodians erase and attest → content removed → negative fetch.

Destroyed means n − t + 1 attestations. What was copied outside cannot be proven gone, and the receipt says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.core.canonical import integer
from salus.core.destruction import still_enough
from salus.core.errors import ChainRevert, InputError, NotFoundError, UnavailableError
from salus.core.ids import ParticipantId, RecordId, SubjectRef, from_hex, hex32, order_id
from salus.core.ports import ChainReader, ChainWriter, Clock, ContentStore, ContractCall, CustodianClient
from salus.core.state import CustodianSet, RecordStatus
from salus.flows.custody import Caller, ask_all


@dataclass(frozen=True, slots=True)
class Order:
    """A destruction order with the controller's agreement; `custodian_set` holds the record's shares."""

    source: ParticipantId
    record: RecordId
    subject: SubjectRef
    deadline: int
    custodian_set: int
    signature: bytes

    @property
    def id(self) -> bytes:
        """Under which the registry keeps its state."""
        return order_id(self.record, self.subject)

    def call(self) -> ContractCall:
        """The source operator's call."""
        return ContractCall(
            "RecordRegistry",
            "order",
            (
                (self.source, self.record, self.subject, self.custodian_set, self.deadline),
                self.signature,
            ),
        )


@dataclass(frozen=True, slots=True)
class Destroyed:
    """Attested destruction: attestations by custodian (65-byte signatures), erased share counts, envelopes removed."""

    source: ParticipantId
    record: RecordId
    attestations: dict[ParticipantId, tuple[int, bytes]]
    removed: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Destroying:
    """What destroying needs."""

    chain: ChainReader
    writer: ChainWriter
    custodians: CustodianClient
    content: ContentStore
    caller: Caller
    clock: Clock
    pause: Callable[[float], None]


def order(destruction: Order, tools: Destroying) -> None:
    """File the order; a second filing of the same order changes nothing."""
    state = tools.chain.record_state(destruction.source, destruction.id, tools.chain.head())
    if state.status is RecordStatus.VALID:
        tools.writer.send(destruction.call())


def carry_out(
    destruction: Order,
    custodians: Sequence[ParticipantId],
    envelopes: Sequence[bytes],
    tools: Destroying,
    patience: float = 60,
) -> Destroyed:
    """Wait for the cooling-off to end, have custodians erase, send attestations, remove the envelopes.

    `envelopes` are the SHA-256 digests of all versions. n − t + 1 custodians are enough; one that is away erases by
    itself when it sees the order. May be run again: what is attested already is not sent twice.

    Raises:
        NotFoundError: there is no order on chain.
        ConflictError: a legal hold keeps the record.
        UnavailableError: the cooling-off does not end within `patience` seconds, or too many custodians are away.
        ChainRevert: too few attestations are true.
    """
    _wait_erasable(destruction, tools, patience)
    agreed = tools.chain.custodian_set(destruction.custodian_set, tools.chain.head())
    attestations = _erased_at(destruction, custodians, agreed, tools)
    _attest(destruction, attestations, agreed, tools)
    for digest in envelopes:
        tools.content.delete(digest)
    removed = tuple(digest for digest in envelopes if not _fetchable(tools.content, digest))
    return Destroyed(destruction.source, destruction.record, attestations, removed)


def erase_in(custodian_set: int, destruction: Order, tools: Destroying) -> None:
    """Have another set erase that holds versions of the record too; only members of the set in the order attest.

    Raises:
        ConflictError: the cooling-off has not ended, or a legal hold keeps the record.
        UnavailableError: so many are away that those could open what they hold still.
    """
    agreed = tools.chain.custodian_set(custodian_set, tools.chain.head())
    _erased_at(destruction, agreed.members, agreed, tools)


def _erased_at(
    destruction: Order, custodians: Sequence[ParticipantId], agreed: CustodianSet, tools: Destroying
) -> dict[ParticipantId, tuple[int, bytes]]:
    """Answers of custodians that have erased, so many that the others of the set can't join the key."""
    body: dict[str, Any] = {
        "sourceId": hex32(destruction.source),
        "recordId": hex32(destruction.record),
        "subjectRef": hex32(destruction.subject),
    }
    answers = ask_all(custodians, lambda custodian: _erase(custodian, body, tools))
    answers.require(still_enough(len(agreed.members), agreed.threshold))
    return answers.given


def _erase(custodian: ParticipantId, body: dict[str, Any], tools: Destroying) -> tuple[int, bytes]:
    answer = tools.custodians.destroy(custodian, tools.caller.call("destroy", custodian, body))
    try:
        return integer(answer["erased"], 32), from_hex(answer["attestation"], 65)
    except (KeyError, TypeError) as error:
        raise InputError("a custodian attested in another form") from error


def _attest(
    destruction: Order,
    attestations: Mapping[ParticipantId, tuple[int, bytes]],
    agreed: CustodianSet,
    tools: Destroying,
) -> None:
    source, record = destruction.source, destruction.record
    sent = tools.chain.record_state(source, destruction.id, tools.chain.head()).attestations
    false: ChainRevert | None = None
    for custodian, (erased, signature) in attestations.items():
        if sent >> agreed.members.index(custodian) & 1:
            continue
        members = (source, record, destruction.subject, custodian, erased)
        try:
            tools.writer.send(ContractCall("RecordRegistry", "attest", (members, signature)))
        except ChainRevert as error:
            if error.error == "RecordRegistryAttested":
                continue  # another run was faster: a source carries orders out by itself too
            false = error
    state = tools.chain.record_state(source, destruction.id, tools.chain.head())
    if false is not None and state.status is not RecordStatus.DESTROYED:
        raise false


def _wait_erasable(destruction: Order, tools: Destroying, patience: float) -> None:
    waited = 0.0
    while True:
        at = tools.chain.final()
        state = tools.chain.record_state(destruction.source, destruction.id, at)
        if state.status is RecordStatus.DESTROYED:
            return
        if state.status is RecordStatus.ORDERED and state.erasable_from <= at.timestamp:
            return
        if waited >= patience:
            if state.status is not RecordStatus.ORDERED:
                raise NotFoundError("there is no destruction order for this record on chain")
            raise UnavailableError("the cooling-off has not ended; run the command again later")
        tools.pause(0.2)
        waited += 0.2


def _fetchable(content: ContentStore, digest: bytes) -> bool:
    try:
        content.get(digest)
    except NotFoundError:
        return False
    return True
