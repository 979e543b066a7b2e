"""Receipts this institution issues: facts from the index and its own memory, checked, then signed by its operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.ports import EvidenceMaker
from api.requests import Requests
from api.schemas.receipts import DestructionReceiptRequest, RecordReceiptRequest
from salus.core import signatures
from salus.core.access import Access
from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.cid import digest_of
from salus.core.contracts import ROLES
from salus.core.custody import attestation_digest
from salus.core.destruction import destruction_digest
from salus.core.errors import ConflictError, NotFoundError, SignatureError, UnavailableError
from salus.core.evidence import Evidence
from salus.core.ids import (
    AccessId,
    Address,
    LeafHash,
    ParticipantId,
    RecordId,
    Root,
    SubjectRef,
    from_hex,
)
from salus.core.index_rows import EntryRow, RecordRow
from salus.core.leaf import Leaf
from salus.core.ports import ChainReader, Clock, Signer
from salus.core.ports_index import EntryFilter, IndexReader, Page
from salus.core.receipt import (
    Body,
    Frame,
    ReceiptDeployment,
    access_receipt,
    destruction_receipt,
    record_receipt,
)
from salus.core.receipt_bodies import AccessBody, RecordBody
from salus.core.receipt_destruction import Agreement, DestructionBody, Erasure
from salus.core.receipt_log import LogSegment, segment_of
from salus.core.receipt_state import check_state
from salus.core.slots import Storage
from salus.core.state import RecordStatus

_LONGEST = 512
"""Entries of a log shown after the one a receipt is about; a longer log is shown up to there."""


class Proofs:
    """Issues receipts of one institution. `finality` is the engine's rule: dev, clique or qbft.

    `evidence` proves what they say; None on a development chain, whose receipts stand on their issuer's word.
    """

    def __init__(
        self,
        participant: ParticipantId,
        chain: ChainReader,
        index: IndexReader,
        requests: Requests,
        operator: Signer,
        clock: Clock,
        finality: str,
        evidence: EvidenceMaker | None = None,
    ) -> None:
        self._me = participant
        self._chain = chain
        self._index = index
        self._requests = requests
        self._operator = operator
        self._clock = clock
        self._finality = finality
        self._evidence = evidence

    def access(self, access_id: AccessId) -> dict[str, Any]:
        """Receipt of an access this institution asked for, granted or denied.

        Raises:
            NotFoundError: not asked for here, or not indexed yet.
        """
        request, row = self._requests.get(access_id), self._index.access(access_id)
        if row is None:
            raise NotFoundError("the access is not in the index yet; try again after the next block")
        frame = self._frame(self._gateway_of(access_id, request.access))
        kind = EntryKind.ACCESS_GRANTED if row.expiry else EntryKind.ACCESS_DENIED
        body = AccessBody(
            access_id,
            request.access,
            request.consent,
            row.key,
            row.code,
            row.expiry,
            row.at,
            request.leaves,
            self._segments(frame, row.key, kind, access_id),
        )
        return access_receipt(frame, body, self._proven(frame, body)).sign(self._operator)

    def record(self, request: RecordReceiptRequest) -> dict[str, Any]:
        """Receipt of an anchored record version, from the facts its holder brings.

        Raises:
            InputError: the leaf is malformed.
            NotFoundError: its root is not anchored by that source.
            ReceiptError: the facts contradict each other.
        """
        source, root = ParticipantId(from_hex(request.source_id)), Root(from_hex(request.root))
        leaf = Leaf.from_json(request.leaf)
        leaf_hash = leaf.hash(self._chain.chain_id)
        anchor = self._index.anchor(source, root)
        if anchor is None or anchor.tag != 1:
            raise NotFoundError("the source has not anchored this root, or it is not indexed yet")
        said = self._worst(source, leaf_hash, leaf)
        frame = self._frame()
        body = RecordBody(
            source,
            leaf_hash,
            leaf,
            tuple(from_hex(node) for node in request.proof),
            root,
            anchor.count,
            anchor.at,
            RecordStatus.VALID if said is None else RecordStatus(said.status),
            0 if said is None else said.reason,
            self._segments(frame, source, EntryKind.BATCH_ANCHORED, root),
        )
        return record_receipt(frame, body, self._proven(frame, body)).sign(self._operator)

    def destruction(self, request: DestructionReceiptRequest) -> dict[str, Any]:
        """Receipt of a destruction by this source, from the attestations it collected.

        Raises:
            NotFoundError: no order of this source is indexed.
            ConflictError: not destroyed yet.
            ReceiptError: the facts contradict each other.
        """
        record, subject = RecordId(from_hex(request.record_id)), SubjectRef(from_hex(request.subject_ref))
        row = self._index.record(self._me, record, subject)
        if row is None or row.status not in (RecordStatus.ORDERED, RecordStatus.DESTROYED):
            raise NotFoundError("no destruction of this record was ordered by this institution")
        if row.status != RecordStatus.DESTROYED:
            raise ConflictError("the record is ordered to be destroyed, but not destroyed yet")
        frame = self._frame()
        members = self._chain.custodian_set(row.custodian_set, self._chain.final())
        body = DestructionBody(
            self._me,
            record,
            subject,
            row.ordered_at,
            row.erasable_from,
            row.custodian_set,
            members.members,
            members.threshold,
            self._agreement(request, row),
            tuple(
                self._erasure(record, subject, item.custodian_id, item.erased, item.signature)
                for item in request.attestations
            ),
            tuple(digest_of(cid) for cid in request.removed),
            self._segments(frame, subject, EntryKind.DESTRUCTION_ORDERED, record),
        )
        return destruction_receipt(frame, body, self._proven(frame, body)).sign(self._operator)

    def _proven(self, frame: Frame, body: Body) -> Evidence | None:
        if self._evidence is None:
            return None
        council, operator = frame.deployment.council, self._operator.address

        def facts(storage: Storage) -> None:
            check_state(storage, frame, council, frame.issuer, operator, body)

        return self._evidence.evidence(frame.block, facts)

    def _gateway_of(self, access_id: AccessId, access: Access) -> Address:
        """The gateway that recorded an access; it may be retired since."""
        for gateway in self._chain.gateways(self._chain.final()):
            if access.access_id(gateway) == access_id:
                return gateway.verifying_contract
        raise NotFoundError("no gateway of this deployment recorded the access")

    def _frame(self, gateway: Address | None = None) -> Frame:
        block = self._index.indexed()
        if block is None:
            raise UnavailableError("the index is empty; is the watch running?")
        chain = self._chain
        contracts = {name: chain.address_of(name) for name in ROLES}
        if gateway is not None:
            contracts["AccessGateway"] = gateway
        deployment = ReceiptDeployment(chain.chain_id, chain.address_of("Council"), contracts)
        return Frame(deployment, block, self._finality, self._me, max(self._clock.now(), block.timestamp))

    def _segments(self, frame: Frame, key: bytes, kind: EntryKind, reference: bytes) -> tuple[LogSegment, ...]:
        """The key's chain from the entry a receipt is about to the newest one, at most 512 entries after it."""
        which = EntryFilter(keys=(key,), kind=int(kind), reference=reference)
        found = self._index.entries(which, Page(limit=1)).items
        if not found:
            raise NotFoundError("the log entry is not in the index yet; try again after the next block")
        first = found[0]
        earlier = self._index.entries(EntryFilter(keys=(key,)), Page(first.seq, 1, newest_first=True)).items
        later = self._index.entries(EntryFilter(keys=(key,)), Page(first.seq, _LONGEST)).items
        until = frame.block.number
        rows = [first, *(row for row in later if row.block <= until)]
        return (segment_of(key, _head_after(earlier), [_entry(row) for row in rows], frame.chain_id),)

    def _worst(self, source: ParticipantId, leaf_hash: LeafHash, leaf: Leaf) -> RecordRow | None:
        said = (self._index.record(source, name, leaf.subject) for name in (leaf_hash, leaf.record_id))
        return max((row for row in said if row), key=lambda row: row.status, default=None)

    def _agreement(self, request: DestructionReceiptRequest, row: RecordRow) -> Agreement | None:
        if request.agreement is None:
            return None
        signature = from_hex(request.agreement.signature, 65)
        domain = self._chain.domain("RecordRegistry")
        record, subject = RecordId(row.record), SubjectRef(row.subject)
        digest = destruction_digest(domain, self._me, record, subject, row.custodian_set, request.agreement.deadline)
        return Agreement(signatures.recover(digest, signature), request.agreement.deadline, signature)

    def _erasure(self, record: RecordId, subject: SubjectRef, custodian_id: str, erased: int, signed: str) -> Erasure:
        custodian, signature = ParticipantId(from_hex(custodian_id)), from_hex(signed, 65)
        domain = self._chain.domain("RecordRegistry")
        digest = attestation_digest(domain, self._me, record, subject, custodian, erased)
        signer = signatures.recover(digest, signature)
        if self._chain.operator_of(signer, self._chain.final()) != custodian:
            raise SignatureError("an attestation is not signed by an operator of its custodian")
        return Erasure(custodian, signer, erased, signature)


def _head_after(rows: Sequence[EntryRow]) -> LogHead:
    return LogHead(int.from_bytes(rows[0].key_head, "big"), rows[0].key_position) if rows else LogHead()


def _entry(row: EntryRow) -> Entry:
    return Entry(row.emitter, row.key, row.kind, row.code, row.reference, row.at)
