"""Seal: drafts of record versions to sealed versions, against subjects and heads as they stand.

A group that earlier messages have told of is folded with them first, unless this message says again what stands. A
draft that says nothing new makes no version. A version links to the leaf before it. A correction that moves a record to
another patient, or says that it was entered in error, withdraws the versions before it; a record of a patient whose
numbers were merged stays with the number it was filed under, so no consent comes to cover more. What custodians get is
sealed under the site key until they have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from oracle.handover import seal_handover
from oracle.model import ChangeKind, IdentityChange, ReadDraft, Refolded
from oracle.ports import RecordStore
from oracle.sitekey import SiteKey
from oracle.subjects import new_subject, subject_hash
from salus.core.canonical import canonical
from salus.core.ids import ZERO32, LeafHash, ParticipantId, RecordId, SubjectRef
from salus.core.journal import (
    Confirmed,
    HeadStatus,
    InvalidationReason,
    KnownSubject,
    LinkKind,
    NewLink,
    NewVersion,
    RecordState,
)
from salus.core.labels import Category, Confidentiality
from salus.core.ports import Clock, Randomness
from salus.core.record import DraftStatus
from salus.core.sealing import RecordHead, SealedRecord, seal_canonical

Refold = Callable[[RecordId, Sequence[int]], Refolded]
"""Reads a group again from the messages about it, by their keys."""

_LINKS = {ChangeKind.MERGE: LinkKind.LINK, ChangeKind.LINK: LinkKind.LINK, ChangeKind.UNLINK: LinkKind.UNLINK}
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
    """What the drafts of one message became; `unchanged` of them said nothing new, `destroyed` are ordered gone.

    `stale` groups had been told better before; `silent` ones change a final value without saying so.
    """

    versions: tuple[NewVersion, ...]
    envelopes: tuple[bytes, ...]
    confirmed: tuple[Confirmed, ...] = ()
    links: tuple[NewLink, ...] = ()
    unchanged: int = 0
    destroyed: int = 0
    stale: int = 0
    silent: int = 0


@dataclass(slots=True)
class _Sealed:
    """What is gathered while one message is sealed."""

    heads: dict[RecordId, RecordState] = field(default_factory=dict)
    subjects: dict[bytes, KnownSubject] = field(default_factory=dict)
    versions: list[NewVersion] = field(default_factory=list)
    envelopes: list[bytes] = field(default_factory=list)
    confirmed: list[Confirmed] = field(default_factory=list)
    unchanged: int = 0
    destroyed: int = 0
    stale: int = 0
    silent: int = 0


@dataclass(slots=True)
class _Picture:
    """Subjects and heads while a run of messages is sealed."""

    subjects: dict[bytes, KnownSubject]
    heads: dict[RecordId, RecordState]
    histories: dict[RecordId, list[int]]
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
        clock: Clock,
        random: Randomness,
    ) -> None:
        self._store = store
        self._site = site
        self._source = source
        self._chain_id = chain_id
        self._sharing = sharing
        self._clock = clock
        self._random = random
        self._joined: dict[bytes, SubjectRef] = {}

    def picture(self, drafts: Iterable[ReadDraft]) -> _Picture:
        """Subjects and heads that the drafts of a run are about."""
        listed = list(drafts)
        return _Picture(
            self._store.subjects({subject_hash(self._site, draft.subject_key) for draft in listed}),
            self._store.heads({self._site.record_id(draft.record_key) for draft in listed}),
            self._store.histories({self._site.record_id(draft.group_key) for draft in listed}),
        )

    def seal(self, message: int, drafts: Sequence[ReadDraft], picture: _Picture, refold: Refold) -> SealedDrafts:
        """Seal the drafts of one message: all of them or, if it raises, none."""
        sealed = _Sealed()
        spoken: list[RecordId] = []
        for group_key, listed in groupby(drafts, key=lambda draft: draft.group_key):
            group, own = self._site.record_id(group_key), list(listed)
            history, awaited = picture.histories.get(group), False
            if history and (message in history or not self._repeats(own, picture)):
                refolded = refold(group, [*history, message])
                own, awaited = self._folded(own, refolded, sealed), refolded.awaited
                self._complete(picture, own)
            self._seal_group(message, group, own, picture, sealed, awaited=awaited)
            spoken.append(group)
        for group in spoken:
            picture.histories.setdefault(group, []).append(message)
        return self._done(sealed, picture)

    def reseal(self, message: int, drafts: Sequence[ReadDraft], picture: _Picture, refold: Refold) -> SealedDrafts:
        """Make a new version, for the present custodian set, of every record of a message that another set holds.

        Only of what its messages, as far as they are kept, say just as it stands: nothing is lost or changed by it,
        and nothing withdrawn. What is destroyed, ordered to be, or in the present set already makes none.
        """
        sealed = _Sealed()
        for group in {self._site.record_id(draft.group_key): None for draft in drafts}:
            own = self._drafts_of(refold(group, [*picture.histories.get(group, ()), message]))
            self._complete(picture, own)
            for draft in own:
                self._reseal(message, group, draft, picture, sealed)
        return self._done(sealed, picture)

    def _reseal(self, message: int, group: RecordId, draft: ReadDraft, picture: _Picture, sealed: _Sealed) -> None:
        record_id = self._site.record_id(draft.record_key)
        head = sealed.heads.get(record_id) or picture.heads.get(record_id)
        known = picture.subjects.get(subject_hash(self._site, draft.subject_key))
        if head is None or known is None:
            return
        if head.status is HeadStatus.DESTROYED or self._store.is_ordered(record_id):
            sealed.destroyed += 1
            return
        subject = self._filed_under(head, known)
        stands = self._content_hash(draft, subject) == head.content_hash and subject == head.subject
        if not stands or self._set_of(head) == self._sharing.custodian_set:
            sealed.unchanged += 1
            return
        record = self._seal(draft, record_id, subject, head)
        version = replace(
            self._version(message, group, draft, head, record, head.content_hash), status=head.status, withdraws=None
        )
        sealed.versions.append(version)
        sealed.envelopes.append(record.envelope)
        sealed.heads[record_id] = replace(head, version=version.leaf.version, leaf_hash=version.leaf_hash)

    def _set_of(self, head: RecordState) -> int:
        """The custodian set of a record's newest version; the present one if it was made a moment ago."""
        newest = self._store.versions(head.record_id)[-1]
        return newest.custodian_set if newest.version == head.version else self._sharing.custodian_set

    def patient_of(self, subject_key: str) -> bytes:
        """What tells a patient from others, whichever of the numbers that the source has merged is used."""
        name_hash = subject_hash(self._site, subject_key)
        known = self._store.subjects([name_hash]).get(name_hash)
        if known is None:
            return self._joined.get(name_hash, name_hash)
        return self._patient(known.survivor or known.subject)

    def change(
        self, message: int, changes: Sequence[IdentityChange], picture: _Picture, refold: Refold
    ) -> SealedDrafts:
        """Carry out what a message says about identities: links for the chain, records that move to another patient.

        `picture` is of this message alone.
        """
        self._joined = {}
        try:
            return self._change(message, changes, picture, refold)
        finally:
            self._joined = {}  # the store knows them from now on

    def _change(
        self, message: int, changes: Sequence[IdentityChange], picture: _Picture, refold: Refold
    ) -> SealedDrafts:
        sealed = _Sealed()
        links: list[NewLink] = []
        names = {subject_hash(self._site, key) for one in changes for key in (one.subject_key, one.survivor_key)}
        picture.subjects |= self._store.subjects(names)
        for one in changes:
            subject, survivor = (
                self._subject(key, picture, sealed.subjects) for key in (one.subject_key, one.survivor_key)
            )
            if one.kind is ChangeKind.MOVE:
                self._move(message, one.named, picture, sealed, refold)
            else:
                links.append(NewLink(_LINKS[one.kind], subject.name_hash, survivor.name_hash))
                if one.kind is not ChangeKind.UNLINK:
                    self._join(message, subject, survivor, picture, sealed, refold)
        return replace(self._done(sealed, picture), links=tuple(links))

    def _move(self, message: int, named: str, picture: _Picture, sealed: _Sealed, refold: Refold) -> None:
        groups = {self._site.record_id(named), *self._store.named([self._site.digest("also", named)])}
        for group, history in sorted(self._store.histories(groups).items()):
            drafts = self._drafts_of(refold(group, [*history, message]))
            self._complete(picture, drafts)
            self._seal_group(message, group, drafts, picture, sealed)

    def _join(
        self,
        message: int,
        subject: KnownSubject,
        survivor: KnownSubject,
        picture: _Picture,
        sealed: _Sealed,
        refold: Refold,
    ) -> None:
        """Two numbers are one patient: of records that were told of under both, what was told under either stands."""
        before, after = (self._patient(one.survivor or one.subject) for one in (subject, survivor))
        if before == after:
            return
        # a number that nothing is filed under yet is known by its name only
        self._joined |= {before: after, subject.name_hash: after, survivor.name_hash: after}
        histories = self._store.histories(self._store.groups_of({subject.subject, survivor.subject}))
        for group, stored in sorted(histories.items()):
            history = {*stored, *picture.histories.get(group, ())}  # of this message, too, if it told of the group
            if len(history) < 2:
                continue
            drafts = [replace(draft, wrong=False) for draft in self._drafts_of(refold(group, sorted(history)))]
            self._complete(picture, drafts)
            if not all(self._stands(draft, picture, sealed) for draft in drafts):
                self._seal_group(message, group, drafts, picture, sealed)

    def _stands(self, draft: ReadDraft, picture: _Picture, sealed: _Sealed) -> bool:
        head = picture.heads.get(self._site.record_id(draft.record_key))
        if head is None or head.status is HeadStatus.DESTROYED:
            return head is not None
        known = self._subject(draft.subject_key, picture, sealed.subjects)
        return head.content_hash == self._content_hash(draft, self._filed_under(head, known))

    def _patient(self, ref: SubjectRef) -> SubjectRef:
        """The subject that a subject is merged into by the message being sealed, or itself."""
        return self._joined.get(ref, ref)

    def _complete(self, picture: _Picture, drafts: Sequence[ReadDraft]) -> None:
        """Add subjects and heads that only earlier messages had named."""
        names = {subject_hash(self._site, draft.subject_key) for draft in drafts} - picture.subjects.keys()
        records = {self._site.record_id(draft.record_key) for draft in drafts} - picture.heads.keys()
        if names:
            picture.subjects |= self._store.subjects(names)
        if records:
            picture.heads |= self._store.heads(records)

    def _folded(self, own: Sequence[ReadDraft], refolded: Refolded, sealed: _Sealed) -> list[ReadDraft]:
        """What the group came to; a result that this message calls another patient's withdraws what stood."""
        drafts = self._drafts_of(refolded, own)
        sealed.stale += refolded.stale
        sealed.silent += refolded.silent
        wrong = {draft.record_key for draft in own if draft.wrong}
        told = max((draft.said_at for draft in own), default=0)
        return [replace(draft, wrong=draft.record_key in wrong, said_at=max(draft.said_at, told)) for draft in drafts]

    def _drafts_of(self, refolded: Refolded, otherwise: Sequence[ReadDraft] = ()) -> Sequence[ReadDraft]:
        """Drafts of a group that was folded, or others when nothing of it is kept.

        Raises:
            BrokenFoldError: it could not be folded.
        """
        if refolded.broken:
            raise BrokenFoldError(refolded.broken)
        drafts = refolded.drafts or otherwise
        return drafts if refolded.whole else [self._not_below(draft) for draft in drafts]

    def _not_below(self, draft: ReadDraft) -> ReadDraft:
        """A draft with labels no lower than those of the version that stands: what raised them may be forgotten."""
        leaves = self._store.versions(self._site.record_id(draft.record_key))
        if not leaves:
            return draft
        stands, labels = leaves[-1], draft.labels
        kept = replace(
            labels,
            categories=labels.categories | Category(stands.categories),
            level=max(labels.level, stands.level),
            confidentiality=max(labels.confidentiality, Confidentiality(stands.confidentiality)),
        )
        return replace(draft, labels=kept)

    def _repeats(self, drafts: Sequence[ReadDraft], picture: _Picture) -> bool:
        """Whether a message says, later than it was last said, exactly what stands."""
        for draft in drafts:
            head = picture.heads.get(self._site.record_id(draft.record_key))
            subject = picture.subjects.get(subject_hash(self._site, draft.subject_key))
            if head is None or subject is None or draft.wrong or draft.said_at < head.said_at:
                return False
            if head.content_hash != self._content_hash(draft, self._filed_under(head, subject)):
                return False
        return True

    def _seal_group(
        self,
        message: int,
        group: RecordId,
        drafts: Sequence[ReadDraft],
        picture: _Picture,
        sealed: _Sealed,
        *,
        awaited: bool = False,
    ) -> None:
        """Seal what a group came to. `awaited`: bytes of others of its messages are lost until they are sent again; a
        record that was said later than this stands meanwhile, and is folded with this then."""
        silent = True
        for draft in drafts:
            known = self._subject(draft.subject_key, picture, sealed.subjects)
            record_id = self._site.record_id(draft.record_key)
            head = sealed.heads.get(record_id) or picture.heads.get(record_id)
            subject = self._filed_under(head, known)
            content_hash = self._content_hash(draft, subject)
            if head is not None and head.status is HeadStatus.DESTROYED:
                sealed.destroyed += 1
            elif head is not None and head.content_hash == content_hash:
                sealed.unchanged += 1
                sealed.heads[record_id] = replace(head, said_at=max(head.said_at, draft.said_at))
            elif head is not None and awaited and not draft.wrong and draft.said_at < head.said_at:
                sealed.stale += 1
            else:
                silent = False
                record = self._seal(draft, record_id, subject, head)
                version = self._version(message, group, draft, head, record, content_hash)
                sealed.versions.append(version)
                sealed.envelopes.append(record.envelope)
                sealed.heads[record_id] = RecordState(
                    record_id,
                    subject,
                    version.leaf.version,
                    version.leaf_hash,
                    content_hash,
                    version.status,
                    version.said_at,
                )
        if silent and drafts:
            said_at = max(draft.said_at for draft in drafts)
            sealed.confirmed.append(Confirmed(message, group, self._site.record_id(drafts[0].record_key), said_at))

    def _filed_under(self, head: RecordState | None, known: KnownSubject) -> SubjectRef:
        """The subject of a record: where it is filed already, if that is the same patient under another number."""
        if head is None or head.subject == known.subject:
            return known.subject
        patient = self._patient(known.survivor or known.subject)
        return head.subject if self._patient(self._store.survivor(head.subject)) == patient else known.subject

    def _done(self, sealed: _Sealed, picture: _Picture) -> SealedDrafts:
        picture.heads |= sealed.heads
        picture.subjects |= sealed.subjects
        picture.new_subjects |= sealed.subjects
        return SealedDrafts(
            tuple(sealed.versions),
            tuple(sealed.envelopes),
            tuple(sealed.confirmed),
            unchanged=sealed.unchanged,
            destroyed=sealed.destroyed,
            stale=sealed.stale,
            silent=sealed.silent,
        )

    def _subject(self, key: str, picture: _Picture, new: dict[bytes, KnownSubject]) -> KnownSubject:
        name_hash = subject_hash(self._site, key)
        known = new.get(name_hash) or picture.subjects.get(name_hash)
        if known is None:
            known = new_subject(self._site, self._chain_id, self._source, name_hash, self._random)
            new[name_hash] = known
        return known

    def _content_hash(self, draft: ReadDraft, subject: SubjectRef) -> bytes:
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
        return self._site.digest("version", subject, said, draft.body)

    def _seal(
        self, draft: ReadDraft, record_id: RecordId, subject: SubjectRef, head: RecordState | None
    ) -> SealedRecord:
        outline = RecordHead(
            record_id=record_id,
            version=head.version + 1 if head else 1,
            previous=head.leaf_hash if head else LeafHash(ZERO32),
            subject=subject,
            labels=draft.labels,
            form=int(draft.form),
            first_day=draft.first_day,
            last_day=draft.last_day,
            custodian_set=self._sharing.custodian_set,
        )
        return seal_canonical(outline, draft.body, self._sharing.threshold, self._sharing.members, self._random)

    def _version(
        self,
        message: int,
        group: RecordId,
        draft: ReadDraft,
        head: RecordState | None,
        sealed: SealedRecord,
        content_hash: bytes,
    ) -> NewVersion:
        leaf_hash = sealed.leaf.hash(self._chain_id)
        return NewVersion(
            message=message,
            leaf_hash=leaf_hash,
            leaf=sealed.leaf,
            content_hash=content_hash,
            status=_STATUS[draft.status],
            withdraws=_withdraws(draft, head, sealed),
            secret=seal_handover(self._site, leaf_hash, sealed, self._clock.now()),
            group=group,
            said_at=max(draft.said_at, head.said_at if head else 0),
            also=tuple(self._site.digest("also", name) for name in draft.also),
        )


class BrokenFoldError(Exception):
    """What messages say together could not be folded: a fault of ours, named by the error it was."""


def _withdraws(draft: ReadDraft, head: RecordState | None, sealed: SealedRecord) -> InvalidationReason | None:
    if head is None:
        return None
    if draft.status is DraftStatus.ENTERED_IN_ERROR:
        return InvalidationReason.ENTERED_IN_ERROR
    if draft.wrong:
        return InvalidationReason.OTHER_PATIENT
    return None if head.subject == sealed.leaf.subject else InvalidationReason.OTHER_PATIENT
