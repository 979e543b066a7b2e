"""Public facts of the chain as this API tells them: deployment, institutions, custodian sets, holders, subjects."""

from __future__ import annotations

from api.errors import ForbiddenError
from api.ports import Titles
from api.schemas.facts import (
    ConsentFact,
    CustodianFact,
    CustodianSetFact,
    DenialFact,
    Deployment,
    DomainFact,
    HolderFact,
    ParticipantFact,
    SubjectFact,
)
from api.views import block_fact
from salus.core.contracts import CONTRACTS
from salus.core.did import Did, DidKind
from salus.core.errors import NotFoundError
from salus.core.ids import ZERO32, Address, ConsentId, ParticipantId, SubjectRef, hex32
from salus.core.index_rows import ParticipantRow
from salus.core.labels import names
from salus.core.policy import UNLIMITED_USES, ParticipantRole, ParticipantStatus
from salus.core.ports import ChainReader
from salus.core.ports_index import IndexReader
from salus.core.state import BlockStamp, Denial, ParticipantKind

_DOMAINS = tuple(name for name in CONTRACTS if name != "AuditLog")


class Facts:
    """Reads them: institutions from the index, registries from the chain."""

    def __init__(self, participant: ParticipantId, chain: ChainReader, index: IndexReader, titles: Titles) -> None:
        self._me = participant
        self._chain = chain
        self._index = index
        self._titles = titles

    def deployment(self) -> Deployment:
        """What a wallet must know."""
        chain, final = self._chain, self._chain.final()
        return Deployment(
            chain_id=chain.chain_id,
            participant_id=hex32(self._me),
            contracts={name: chain.address_of(name) for name in CONTRACTS},
            domains={name: self._domain(name) for name in _DOMAINS},
            custodian_sets=self._custodian_sets(final),
            participants=self.participants(),
            head=block_fact(chain.head()),
            final=block_fact(final),
        )

    def participants(self) -> list[ParticipantFact]:
        """All institutions that ever applied."""
        return [self._participant(row) for row in self._index.participants()]

    def participant(self, participant: ParticipantId) -> ParticipantFact:
        """One institution.

        Raises:
            NotFoundError: no event of the chain names it.
        """
        row = self._index.participant(participant)
        if row is None:
            raise NotFoundError("no institution of this id ever applied")
        return self._participant(row)

    def holder(self, holder: Address) -> HolderFact:
        """A holder's present epoch."""
        state = self._chain.consent(holder, ConsentId(ZERO32), self._chain.head())
        return HolderFact(address=holder, epoch=state.holder_epoch)

    def consent(self, holder: Address, consent: ConsentId) -> ConsentFact:
        """A consent's slot at the head: revocations count from there."""
        head = self._chain.head()
        state = self._chain.consent(holder, consent, head)
        return ConsentFact(
            holder=holder,
            consent_id=hex32(consent),
            status=state.status.name,
            void=state.epoch != state.holder_epoch,
            uses_left=None if state.uses_left == UNLIMITED_USES else state.uses_left,
            epoch=state.epoch,
            holder_epoch=state.holder_epoch,
            granted_at=state.granted_at,
            block=block_fact(head),
        )

    def subject(self, subject: SubjectRef, account: Address) -> SubjectFact:
        """A subject, for its controller or guardian.

        Raises:
            ForbiddenError: the account is neither; nothing is said of whether the subject exists.
        """
        state = self._chain.subject(subject, self._chain.head())
        if account not in (state.controller, state.guardian):
            raise ForbiddenError("only the subject's controller or guardian may see it")
        return SubjectFact(
            subject_ref=hex32(subject),
            did=str(Did(self._chain.chain_id, DidKind.SUBJECT, subject)),
            source_id=hex32(state.source),
            controller=state.controller,
            guardian=state.guardian,
            nonce=state.nonce,
            epoch=state.epoch,
            retention_years=state.retention_years,
            frozen=state.frozen,
            hold=state.hold,
            survivor=hex32(state.survivor),
            denials=[
                DenialFact(participant_id=hex32(row.participant), denial=Denial(row.denial).name)
                for row in self._index.denials(subject)
            ],
        )

    def _domain(self, contract: str) -> DomainFact:
        domain = self._chain.domain(contract)
        return DomainFact(
            name=domain.name, version="1", chain_id=domain.chain_id, verifying_contract=domain.verifying_contract
        )

    def _custodian_sets(self, at: BlockStamp) -> list[CustodianSetFact]:
        sets = []
        for row in self._index.custodian_sets():
            members = []
            for member in row.member_ids():
                state = self._chain.participant(ParticipantId(member), at)
                active = state.status is ParticipantStatus.ACTIVE
                key = hex32(state.encryption_key)
                members.append(CustodianFact(participant_id=hex32(member), encryption_key=key, active=active))
            sets.append(CustodianSetFact(number=row.number, threshold=row.threshold, members=members))
        return sets

    def _participant(self, row: ParticipantRow) -> ParticipantFact:
        participant = ParticipantId(row.participant)
        title = self._titles.of(participant)
        return ParticipantFact(
            participant_id=hex32(participant),
            did=str(Did(self._chain.chain_id, DidKind.PARTICIPANT, participant)),
            title=title.en,
            title_zh=title.zh,
            kind=ParticipantKind(row.kind).name,
            roles=names(ParticipantRole(row.roles)),
            status=ParticipantStatus(row.status).name,
            accredited_until=row.accredited_until,
            hourly_quota=row.hourly_quota,
            encryption_key=hex32(row.encryption_key),
            operators=[operator.operator for operator in self._index.operators(participant) if operator.active],
        )
