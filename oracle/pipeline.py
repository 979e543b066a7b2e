"""The write path on one page.

    journal ─► read ─► label ─► fold ─► seal ─► store ─► commit        one run of messages, one transaction
               commit ─► batch ─► deposit ─► anchor ─► invalidate, link

Messages are read in parallel and sealed in the order of arrival, one after the other: so are those of each patient, and
of both patients of a merge, which is a run by itself.

Each verb below does one run of its part and says how much it did; whoever calls them, in whatever rhythm, after
whatever crash, gets the same records anchored once. A message that can't become records goes to quarantine with the
reason and its place, and holds up nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import structlog

from oracle.anchor import Anchoring
from oracle.deposit import Depositing
from oracle.journal import open_raw
from oracle.link import Linking
from oracle.metrics import Metrics
from oracle.model import RawMessage, ReadMessage, Refolded
from oracle.notes import seal_note
from oracle.ports import MessageStore, RecordStore
from oracle.reading import MOST_HEARD, Heard, Reader
from oracle.seal import BrokenFoldError, SealedDrafts, Sealing
from oracle.sitekey import SiteKey
from oracle.store import store_envelopes
from salus.core.errors import IntegrityError, NotFoundError
from salus.core.ids import RecordId
from salus.core.journal import (
    Fault,
    KnownSubject,
    MessageFlag,
    MessageOutcome,
    MessageState,
    NewVersion,
    SealedMessage,
    Work,
)
from salus.core.ports import Clock, ContentStore
from salus.core.quality import HELD, SILENT, STALE, UNCHANGED, Tally

RUN = 256
RUNS_A_CALL = 8
MOST_FOLDED = 100
_SMALL = 1024 * 1024  # bytes of a message that is kept at hand while a run is sealed
INTERNAL = 207  # HL7 table 0357, application internal error

_log = structlog.get_logger()

_Opened = tuple[Sequence[SealedMessage], Sequence[RawMessage | None]]


class Pipeline:
    """The parts of the write path, put together."""

    def __init__(
        self,
        messages: MessageStore,
        records: RecordStore,
        content: ContentStore,
        site: SiteKey,
        reader: Reader,
        sealing: Sealing,
        depositing: Depositing,
        anchoring: Anchoring,
        linking: Linking,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._messages = messages
        self._records = records
        self._content = content
        self._site = site
        self._reader = reader
        self._sealing = sealing
        self._depositing = depositing
        self._anchoring = anchoring
        self._linking = linking
        self._clock = clock
        self._metrics = metrics

    def seal(self, run: int = RUN) -> int:
        """Turn pending messages into sealed, stored versions, in order of arrival; how many messages.

        While one run is sealed, stored and committed, the next ones are read. A call ends after RUNS_A_CALL of them:
        then a stop, or other profiles, can take effect.
        """
        handed: deque[_Opened] = deque()
        read = self._reader.read(self._hand_out(run, handed))
        count = 0
        while (results := self._next(read)) is not None:
            messages, whole = handed.popleft()
            found = _with_damaged(whole, results)
            for place, end in _steps(found):
                self._seal_and_commit(messages[place:end], whole[place:end], found[place:end])
            count += len(messages)
        return count

    def deposit(self, *, at_least: int = 1) -> int:
        """Make a batch of what waits, if that many do, and hand open batches to the custodians; how many went on."""
        with self._metrics.stage("deposit"):
            formed = self._depositing.form(at_least=at_least)
            if formed:
                self._metrics.batch_records.observe(formed)
            return self._depositing.deliver()

    def anchor(self) -> int:
        """Anchor what all custodians hold, invalidate what that withdraws, link subjects; how many of all."""
        with self._metrics.stage("anchor"):
            anchored = self._anchoring.anchor()
            invalidated = self._anchoring.invalidate()
            linked = self._linking.link()
        self._metrics.anchored.inc(anchored)
        return anchored + invalidated + linked

    def settle(self, run: int = RUN) -> None:
        """Do everything until nothing is left to do, in the caller's thread."""
        while self.seal(run) or self.deposit() or self.anchor():
            pass

    def _next(self, read: Iterator[list[ReadMessage]]) -> list[ReadMessage] | None:
        with self._metrics.stage("read"):
            return next(read, None)

    def _hand_out(self, run: int, handed: deque[_Opened]) -> Iterator[list[RawMessage]]:
        """Runs for the reader, fetched when it asks for them; `handed` notes each with its messages."""
        after = 0
        for _ in range(RUNS_A_CALL):
            if not (pending := self._messages.pending(run, after)):
                return
            after = pending[-1].key
            opened = [self._opened(message) for message in pending]
            handed.append((pending, opened))
            yield [message for message in opened if message]

    def _opened(self, message: SealedMessage) -> RawMessage | None:
        try:
            return RawMessage(message.listener, open_raw(self._site, message), message.received_at)
        except IntegrityError:
            return None

    def _seal_and_commit(
        self, messages: Sequence[SealedMessage], raws: Sequence[RawMessage | None], read: Sequence[ReadMessage]
    ) -> None:
        with self._metrics.stage("seal"):
            work, envelopes = self._seal(messages, raws, read)
        with self._metrics.stage("store"):
            store_envelopes(self._content, work.versions, envelopes)
        with self._metrics.stage("commit"):
            self._records.commit(work)
        self._metrics.sealed(work)

    def _seal(
        self, messages: Sequence[SealedMessage], raws: Sequence[RawMessage | None], read: Sequence[ReadMessage]
    ) -> tuple[Work, list[bytes]]:
        picture = self._sealing.picture(draft for one in read for draft in one.drafts)
        at_hand = {message.key: raw for message, raw in zip(messages, raws, strict=True)}
        refold = partial(self._refold, at_hand, Heard(self._site.record_id))
        outcomes: list[MessageOutcome] = []
        sealed: list[SealedDrafts] = []
        tally = Tally()
        for message, one in zip(messages, read, strict=True):
            own: list[SealedDrafts] = []
            try:
                seal = self._sealing.reseal if message.reseal else self._sealing.seal
                own.append(seal(message.key, one.drafts, picture, refold))
                if one.changes and not message.again:  # what was said of identities since must not be undone by it
                    own.append(self._sealing.change(message.key, one.changes, picture, refold))
            except BrokenFoldError as error:
                one = ReadMessage(broken=str(error))  # noqa: PLW2901 - from here on it is as one that doesn't read
            outcomes.append(_outcome(message, one))
            sealed += own
            if not message.again:  # it was counted when it first came
                _count(tally, message, one, own)
        self._metrics.drafts(sealed)
        self._metrics.ahead.inc(sum(one.ahead for one in read))
        work = Work(
            self._clock.now(),
            tuple(outcomes),
            tuple(picture.new_subjects.values()),
            self._noted(messages, sealed, picture.subjects.values()),
            tuple(confirmed for one in sealed for confirmed in one.confirmed),
            tuple(link for one in sealed for link in one.links),
            tally.figures(),
        )
        return work, [envelope for one in sealed for envelope in one.envelopes]

    def _noted(
        self, messages: Iterable[SealedMessage], sealed: Iterable[SealedDrafts], known: Iterable[KnownSubject]
    ) -> tuple[NewVersion, ...]:
        """Versions that messages made, each with its note for custodians."""
        of_key, subjects = {one.key: one for one in messages}, {one.subject: one for one in known}
        made = (version for one in sealed for version in one.versions)
        return tuple(replace(one, note=seal_note(self._site, one, of_key[one.message], subjects)) for one in made)

    def _refold(
        self, at_hand: dict[int, RawMessage | None], heard: Heard, group: RecordId, keys: Sequence[int]
    ) -> Refolded:
        """A group from all messages about it that are still kept; of very many or very large ones, from the latest."""
        told: list[tuple[int, RawMessage]] = []
        known, size, awaited = sorted(set(keys)), 0, False
        for key in reversed(known[-MOST_FOLDED:]):
            raw = at_hand[key] if key in at_hand else self._kept(key)
            if raw is None:
                self._metrics.unfolded.inc()
                awaited |= MessageFlag.RECALLED in self._messages.message(key).flags
                continue
            size += len(raw.raw)
            if told and size > MOST_HEARD:
                break
            if len(raw.raw) <= _SMALL:
                at_hand[key] = raw  # another group of this run will ask for it
            told.append((key, raw))
        refolded = self._reader.refold(told[::-1], group, heard, self._sealing.patient_of)
        return replace(refolded, whole=len(told) == len(known), awaited=awaited)

    def _kept(self, key: int) -> RawMessage | None:
        try:
            return self._opened(self._messages.sealed(key))
        except NotFoundError:
            return None


def _steps(read: Sequence[ReadMessage]) -> Iterator[tuple[int, int]]:
    """Parts of a run that can be sealed at once: a message that changes identities is one by itself."""
    began = 0
    for place, one in enumerate(read):
        if one.changes:
            if place > began:
                yield began, place
            yield place, place + 1
            began = place + 1
    if began < len(read):
        yield began, len(read)


def _with_damaged(opened: Sequence[RawMessage | None], read: Sequence[ReadMessage]) -> list[ReadMessage]:
    """Results in the place of their messages; those whose bytes don't open are broken."""
    results = iter(read)
    return [next(results) if message else ReadMessage(broken="damaged in the journal") for message in opened]


def _count(tally: Tally, message: SealedMessage, read: ReadMessage, sealed: Sequence[SealedDrafts]) -> None:
    """What a message adds to the figures of its source's quality."""
    source, at = message.listener, message.received_at
    if read.fault is not None or read.broken:
        tally.add(source, at, HELD)
        return
    tally.add_told(source, at, read.quality)
    if not any(one.versions or one.links for one in sealed):
        tally.add(source, at, UNCHANGED)
    for measure, count in ((STALE, sum(one.stale for one in sealed)), (SILENT, sum(one.silent for one in sealed))):
        if count:
            tally.add(source, at, measure, count)


def _outcome(message: SealedMessage, read: ReadMessage) -> MessageOutcome:
    key = message.key
    if message.reseal and (read.broken or read.fault is not None):
        # It became records once: in quarantine it would outlive its days. They stay in the old set, and are listed.
        _log.warning("message not resealed", message=key, error=read.broken or "not read any more")
        return MessageOutcome(key, MessageState.DONE)
    if read.broken:
        _log.error("message failed", message=key, error=read.broken)
        return MessageOutcome(key, MessageState.FAILED, Fault(INTERNAL, "message"))
    if read.fault is not None:
        _log.warning("message quarantined", message=key, code=read.fault.code, location=read.fault.location)
        return MessageOutcome(key, MessageState.QUARANTINED, read.fault)
    return MessageOutcome(key, MessageState.DONE)
