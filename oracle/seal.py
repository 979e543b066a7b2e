"""Seal: drafts of record versions to sealed versions, against subjects and heads as they stand.

A draft that says nothing new makes no version. A version links to the leaf before it. A correction that moves a record
to another patient, or says that it was entered in error, withdraws the versions before it. What custodians get is
sealed under the site key until they have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from oracle.handover import seal_handover
from oracle.model import ReadDraft
from oracle.ports import RecordStore
from oracle.sitekey import SiteKey
from oracle.subjects import new_subject, subject_hash
from salus.core.canonical import canonical
from salus.core.ids import ZERO32, LeafHash, ParticipantId, RecordId
from salus.core.journal import (
    HeadStatus,
    InvalidationReason,
    KnownSubject,
    NewVersion,
    RecordState,
)
from salus.core.ports import Randomness
from salus.core.record import DraftStatus
from salus.core.sealing import RecordHead, SealedRecord, seal_canonical

_STATUS = {
    DraftStatus.CURRENT: HeadStatus.CURRENT,
    DraftStatus.CORRECTED: HeadStatus.CORRECTED,
    DraftStatus.ENTERED_IN_ERROR: HeadStatus.ENTERED_IN_ERROR,
}


@dataclass(frozen=True, slots=True)
class Sharing:
    """Custodian set that keys are dealt to: its number, threshold, and how many members it has."""

    custodian_set: int
    threshold: int
    members: int


@dataclass(frozen=True, slots=True)
class SealedDrafts:
    """What the drafts of one message became; `unchanged` of them said nothing new, `destroyed` are ordered gone."""

    versions: tuple[NewVersion, ...]
    envelopes: tuple[bytes, ...]
    unchanged: int = 0
    destroyed: int = 0


@dataclass(slots=True)
class _Picture:
    """Subjects and heads while a run of messages is sealed."""

    subjects: dict[bytes, KnownSubject]
    heads: dict[RecordId, RecordState]
    new_subjects: dict[bytes, KnownSubject] = field(default_factory=dict)


class Sealing:
    """Seals runs of drafts of one source. `picture` reads the store once per run; `seal` then touches it no more."""

    def __init__(
        self,
        store: RecordStore,
        site: SiteKey,
        source: ParticipantId,
        chain_id: int,
        sharing: Sharing,
        random: Randomness,
    ) -> None:
        self._store = store
        self._site = site
        self._source = source
        self._chain_id = chain_id
        self._sharing = sharing
        self._random = random

    def picture(self, drafts: Iterable[ReadDraft]) -> _Picture:
        """Subjects and heads that the drafts of a run are about."""
        listed = list(drafts)
        return _Picture(
            self._store.subjects({subject_hash(self._site, draft.subject_key) for draft in listed}),
            self._store.heads({self._site.record_id(draft.record_key) for draft in listed}),
        )

    def seal(self, message: int, drafts: Sequence[ReadDraft], picture: _Picture) -> SealedDrafts:
        """Seal the drafts of one message: all of them or, if it raises, none."""
        heads: dict[RecordId, RecordState] = {}
        subjects: dict[bytes, KnownSubject] = {}
        versions: list[NewVersion] = []
        envelopes: list[bytes] = []
        unchanged = destroyed = 0
        for draft in drafts:
            subject = self._subject(draft.subject_key, picture, subjects)
            record_id = self._site.record_id(draft.record_key)
            head = heads.get(record_id) or picture.heads.get(record_id)
            content_hash = self._content_hash(draft, subject)
            if head is not None and head.status is HeadStatus.DESTROYED:
                destroyed += 1
            elif head is not None and head.content_hash == content_hash:
                unchanged += 1
            else:
                sealed = self._seal(draft, record_id, subject, head)
                version = self._version(message, draft, head, sealed, content_hash)
                versions.append(version)
                envelopes.append(sealed.envelope)
                heads[record_id] = RecordState(
                    record_id, subject.subject, version.leaf.version, version.leaf_hash, content_hash, version.status
                )
        picture.heads |= heads
        picture.subjects |= subjects
        picture.new_subjects |= subjects
        return SealedDrafts(tuple(versions), tuple(envelopes), unchanged, destroyed)

    def _subject(self, key: str, picture: _Picture, new: dict[bytes, KnownSubject]) -> KnownSubject:
        name_hash = subject_hash(self._site, key)
        known = new.get(name_hash) or picture.subjects.get(name_hash)
        if known is None:
            known = new_subject(self._site, self._chain_id, self._source, name_hash, self._random)
            new[name_hash] = known
        return known

    def _content_hash(self, draft: ReadDraft, subject: KnownSubject) -> bytes:
        """What a version says, labels included; equal hashes make no new version."""
        labels = draft.labels
        said = canonical(
            {
                "categories": int(labels.categories),
                "confidentiality": int(labels.confidentiality),
                "days": [draft.first_day, draft.last_day],
                "form": int(draft.form),
                "level": labels.level,
                "status": draft.status.value,
                "topics": int(labels.topics),
            }
        )
        return self._site.digest("version", subject.subject, said, draft.body)

    def _seal(
        self, draft: ReadDraft, record_id: RecordId, subject: KnownSubject, head: RecordState | None
    ) -> SealedRecord:
        outline = RecordHead(
            record_id=record_id,
            version=head.version + 1 if head else 1,
            previous=head.leaf_hash if head else LeafHash(ZERO32),
            subject=subject.subject,
            labels=draft.labels,
            form=int(draft.form),
            first_day=draft.first_day,
            last_day=draft.last_day,
            custodian_set=self._sharing.custodian_set,
        )
        return seal_canonical(outline, draft.body, self._sharing.threshold, self._sharing.members, self._random)

    def _version(
        self, message: int, draft: ReadDraft, head: RecordState | None, sealed: SealedRecord, content_hash: bytes
    ) -> NewVersion:
        leaf_hash = sealed.leaf.hash(self._chain_id)
        return NewVersion(
            message=message,
            leaf_hash=leaf_hash,
            leaf=sealed.leaf,
            content_hash=content_hash,
            status=_STATUS[draft.status],
            withdraws=_withdraws(draft, head, sealed),
            secret=seal_handover(self._site, leaf_hash, sealed),
        )


def _withdraws(draft: ReadDraft, head: RecordState | None, sealed: SealedRecord) -> InvalidationReason | None:
    if head is None:
        return None
    if draft.status is DraftStatus.ENTERED_IN_ERROR:
        return InvalidationReason.ENTERED_IN_ERROR
    return None if head.subject == sealed.leaf.subject else InvalidationReason.OTHER_PATIENT
