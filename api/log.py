"""The log for auditors and patients, and an institution's own accesses, from the index."""

from __future__ import annotations

from api.model import Patient
from api.ports import Titles
from api.schemas.accesses import Accesses, AccessFact
from api.schemas.audit import AccessCountFact, AlertFact, Entries, EntryFact, Sentences, Summary
from api.schemas.common import Block
from api.tables import named
from api.views import access_fact, block_fact, code_name, title_of
from salus.core.audit import EntryKind
from salus.core.codes import Code
from salus.core.errors import NotFoundError
from salus.core.ids import AccessId, ParticipantId, chain_key, hex32
from salus.core.index_rows import EntryRow
from salus.core.labels import Purpose, names
from salus.core.ports_index import AccessFilter, EntryFilter, IndexReader, Page
from salus.core.words_for_people import Language, entry_sentence

_ACCESS_KINDS = range(EntryKind.ACCESS_GRANTED, EntryKind.ACCESS_UNFROZEN + 1)
_OUTCOMES = (EntryKind.ACCESS_GRANTED, EntryKind.ACCESS_DENIED)
_ALERTS = 100


class Log:
    """Looks entries and accesses up. `participant` is the institution whose API this is."""

    def __init__(self, participant: ParticipantId, index: IndexReader, titles: Titles) -> None:
        self._me = participant
        self._index = index
        self._titles = titles

    def entries(self, which: EntryFilter, page: Page) -> Entries:
        """Entries an auditor asks for."""
        found = self._index.entries(which, page)
        return Entries(items=[self._entry(row) for row in found.items], next=found.next, indexed=self._indexed())

    def of_patient(self, patient: Patient, page: Page) -> Entries:
        """The chains of a signed-in account: its own as a holder, and those of subjects it controls or guards."""
        subjects = (row.subject for row in self._index.subjects_of(patient.account))
        return self.entries(EntryFilter(keys=(chain_key(patient.account), *subjects)), page)

    def summary(self, since: int | None, until: int | None, participant: ParticipantId | None) -> Summary:
        """Counts by institution, purpose and code over whole days, and alerts nobody has resolved."""
        counts = self._index.counts(since, until, participant)
        granted = sum(row.count for row in counts if row.code == Code.GRANTED)
        alerts = self._index.alerts(open_only=True, page=Page(limit=_ALERTS))
        return Summary(
            granted=granted,
            denied=sum(row.count for row in counts) - granted,
            counts=[
                AccessCountFact(
                    participant_id=hex32(row.participant),
                    participant_title=title_of(row.participant, self._titles),
                    purpose=" ".join(names(Purpose(row.purpose))),
                    code=row.code,
                    name=code_name(row.code),
                    count=row.count,
                )
                for row in counts
            ],
            alerts=[
                AlertFact(
                    kind=alert.kind,
                    reference=hex32(alert.reference),
                    block=alert.block,
                    at=alert.at,
                    detail=alert.detail,
                )
                for alert in alerts.items
            ],
            indexed=self._indexed(),
        )

    def accesses(self, code: int | None, page: Page) -> Accesses:
        """This institution's own accesses."""
        found = self._index.accesses(AccessFilter(participant=self._me, code=code), page)
        return Accesses(items=[access_fact(row) for row in found.items], next=found.next)

    def access(self, access: AccessId) -> AccessFact:
        """One of this institution's accesses, with what happened to it later.

        Raises:
            NotFoundError: none of this institution, or not indexed yet.
        """
        row = self._index.access(access)
        if row is None or row.participant != self._me:
            raise NotFoundError("this institution has no such access in the index")
        return access_fact(row, self._index.marks(access))

    def _entry(self, row: EntryRow) -> EntryFact:
        access = self._index.access(row.reference) if row.kind in _ACCESS_KINDS else None
        return EntryFact(
            seq=row.seq,
            position=row.position,
            key=hex32(row.key),
            key_position=row.key_position,
            kind=row.kind,
            name=named(EntryKind, row.kind),
            code=row.code,
            code_name=code_name(row.code) if row.kind in _OUTCOMES else "",
            reference=hex32(row.reference),
            participant_id=None if row.participant is None else hex32(row.participant),
            participant_title=title_of(row.participant, self._titles),
            emitter=row.emitter,
            at=row.at,
            block=row.block,
            tx_hash=hex32(row.tx),
            access=None if access is None else access_fact(access),
            sentences=Sentences(
                en=entry_sentence(row, lambda id_: self._titles.of(ParticipantId(id_)).en, Language.EN, access),
                zh=entry_sentence(row, lambda id_: self._titles.of(ParticipantId(id_)).zh, Language.ZH, access),
            ),
        )

    def _indexed(self) -> Block | None:
        stamp = self._index.indexed()
        return None if stamp is None else block_fact(stamp)
