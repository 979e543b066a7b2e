"""DIDs resolved from chain state, and what is known of a record (W3C DID Core 1.0, DID Resolution)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.errors import ForbiddenError
from api.model import Caller, Patient, Staff
from api.ports import VersionStore
from api.schemas.facts import DidDocument, LeafFact, RecordFact, RecordStatement
from salus.core.days import iso_utc
from salus.core.did import Did, DidKind
from salus.core.errors import InputError, NotFoundError
from salus.core.ids import ZERO32, ZERO_ADDRESS, Address, ParticipantId, RecordId, SubjectRef, hex32
from salus.core.index_rows import RecordRow
from salus.core.institution import KnownVersion
from salus.core.policy import ParticipantStatus
from salus.core.ports import ChainReader
from salus.core.ports_index import IndexReader, Page, RecordFilter
from salus.core.state import RecordStatus


class Resolver:
    """Documents of participants, subjects and records of this deployment."""

    def __init__(self, chain: ChainReader, index: IndexReader, versions: VersionStore) -> None:
        self._chain = chain
        self._index = index
        self._versions = versions

    def document(self, text: str, caller: Caller) -> DidDocument:
        """Document of a DID.

        Raises:
            InputError: malformed, or of another chain.
            NotFoundError: the chain does not know it.
            ForbiddenError: a subject's document is for staff and for its controller or guardian.
        """
        did = self._parsed(text)
        match did.kind:
            case DidKind.PARTICIPANT:
                return self._participant(did)
            case DidKind.SUBJECT:
                return self._subject(did, caller)
            case DidKind.RECORD:
                return self._record(did, caller)

    def record(self, text: str, caller: Caller) -> RecordFact:
        """State of a record: what its source said of it, and to staff the versions listed to this institution.

        Others who know a record's DID, grantees of the same patient, do not learn whether it was listed here.

        Raises:
            InputError: not the DID of a record of this chain.
        """
        did = self._parsed(text)
        if did.kind is not DidKind.RECORD:
            raise InputError("this needs the DID of a record")
        record = RecordId(did.id)
        statements = self._said(record)
        return RecordFact(
            did=str(did),
            record_id=hex32(record),
            status=_worst(statements).name,
            statements=[_statement(row) for row in statements],
            versions=[
                LeafFact(
                    leaf=hex32(known.leaf),
                    version=known.version,
                    custodian_set=known.custodian_set,
                    status=_worst(self._said(known.leaf)).name,
                )
                for known in self._listed(record, caller)
            ],
        )

    def _parsed(self, text: str) -> Did:
        did = Did.parse(text)
        if did.chain_id != self._chain.chain_id:
            raise InputError("the DID belongs to another chain")
        return did

    def _participant(self, did: Did) -> DidDocument:
        participant = ParticipantId(did.id)
        row = self._index.participant(participant)
        if row is None:
            raise NotFoundError("no institution of this DID ever applied")
        accounts = [operator.operator for operator in self._index.operators(participant) if operator.active]
        active = row.status == ParticipantStatus.ACTIVE
        return self._document(did, accounts, created=row.applied_at, deactivated=not active)

    def _subject(self, did: Did, caller: Caller) -> DidDocument:
        state = self._chain.subject(SubjectRef(did.id), self._chain.final())
        accounts = [account for account in (state.controller, state.guardian) if account != ZERO_ADDRESS]
        if isinstance(caller, Patient) and caller.account not in accounts:
            raise ForbiddenError("only the subject's controller or guardian may see it")
        if state.source == ZERO32:
            raise NotFoundError("no subject of this DID is bound")
        row = self._index.subject(SubjectRef(did.id))
        return self._document(did, accounts, created=row.bound_at if row else 0, deactivated=False)

    def _record(self, did: Did, caller: Caller) -> DidDocument:
        statements = self._said(did.id)
        accounts: list[Address] = []
        for row in statements:
            operators = self._index.operators(ParticipantId(row.source))
            accounts += [operator.operator for operator in operators if operator.active]
        gone = _worst(statements) in (RecordStatus.ORDERED, RecordStatus.DESTROYED)
        if not statements and not self._listed(RecordId(did.id), caller):
            raise NotFoundError("nothing of this record was ever listed here or said on chain")
        return self._document(did, accounts, created=0, deactivated=gone)

    def _document(self, did: Did, accounts: list[Address], *, created: int, deactivated: bool) -> DidDocument:
        metadata: dict[str, Any] = {"deactivated": deactivated}
        if created:
            metadata["created"] = iso_utc(created)
        final = self._chain.final()
        return DidDocument(
            did_document=did.document(list(accounts)),
            did_document_metadata=metadata,
            did_resolution_metadata={"contentType": "application/did+ld+json", "block": final.number},
        )

    def _listed(self, record: RecordId, caller: Caller) -> Sequence[KnownVersion]:
        return self._versions.versions_of(record) if isinstance(caller, Staff) else ()

    def _said(self, record_or_leaf: bytes) -> list[RecordRow]:
        return list(self._index.records(RecordFilter(record=record_or_leaf), Page()).items)


def _worst(rows: list[RecordRow]) -> RecordStatus:
    return RecordStatus(max((row.status for row in rows), default=0))


def _statement(row: RecordRow) -> RecordStatement:
    return RecordStatement(
        source_id=hex32(row.source),
        status=RecordStatus(row.status).name,
        reason=row.reason,
        ordered_at=row.ordered_at,
        erasable_from=row.erasable_from,
        destroyed_at=row.destroyed_at,
        attestations=row.attestations,
    )
