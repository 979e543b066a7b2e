"""The write path on one page.

    journal ─► read ─► label ─► seal ─► store ─► commit        one run of messages, one transaction
               commit ─► batch ─► deposit ─► anchor ─► invalidate

Each verb below does one run of its part and says how much it did; whoever calls them, in whatever rhythm, after
whatever crash, gets the same records anchored once. A message that can't become records goes to quarantine with the
reason and its place, and holds up nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from oracle.anchor import Anchoring
from oracle.deposit import Depositing
from oracle.hl7.errors import Condition, HL7Error
from oracle.hl7.message import parse
from oracle.intake.receive import receive
from oracle.journal import open_raw
from oracle.label import label
from oracle.metrics import Metrics
from oracle.normalise import SourceProfile, normalise
from oracle.ports import MessageStore, RecordStore
from oracle.seal import SealedDrafts, Sealing
from oracle.sitekey import SiteKey
from oracle.store import store_envelopes
from salus.core.errors import SalusError
from salus.core.journal import Fault, MessageOutcome, MessageState, SealedMessage, Work
from salus.core.ports import Clock, ContentStore
from salus.core.record import RecordDraft

RUN = 64
NOTHING_HERE = Fault(int(Condition.UNSUPPORTED_EVENT_CODE), "MSH-9")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Read:
    """One message read: its drafts, or why there are none."""

    key: int
    drafts: tuple[RecordDraft, ...] = ()
    outcome: MessageOutcome | None = None


class Pipeline:
    """The parts of the write path, put together. `profiles` are the sources by listener."""

    def __init__(
        self,
        messages: MessageStore,
        records: RecordStore,
        content: ContentStore,
        site: SiteKey,
        profiles: Mapping[str, SourceProfile],
        sealing: Sealing,
        depositing: Depositing,
        anchoring: Anchoring,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._messages = messages
        self._records = records
        self._content = content
        self._site = site
        self._profiles = profiles
        self._sealing = sealing
        self._depositing = depositing
        self._anchoring = anchoring
        self._clock = clock
        self._metrics = metrics

    def seal(self, limit: int = RUN) -> int:
        """Turn pending messages into sealed, stored versions, in order of arrival; how many messages."""
        pending = self._messages.pending(limit)
        if not pending:
            return 0
        with self._metrics.stage("read"):
            read = [self._read(message) for message in pending]
        with self._metrics.stage("seal"):
            work, envelopes = self._seal(read)
        with self._metrics.stage("store"):
            store_envelopes(self._content, work.versions, envelopes)
        with self._metrics.stage("commit"):
            self._records.commit(work)
        self._metrics.sealed(work)
        return len(pending)

    def deposit(self, *, at_least: int = 1) -> int:
        """Make a batch of what waits, if that many do, and hand open batches to the custodians; how many went on."""
        with self._metrics.stage("deposit"):
            formed = self._depositing.form(at_least=at_least)
            if formed:
                self._metrics.batch_records.observe(formed)
            return self._depositing.deliver()

    def anchor(self) -> int:
        """Anchor what all custodians hold, then invalidate what that withdraws; how many batches and versions."""
        with self._metrics.stage("anchor"):
            anchored = self._anchoring.anchor()
            invalidated = self._anchoring.invalidate()
        self._metrics.anchored.inc(anchored)
        return anchored + invalidated

    def settle(self, limit: int = RUN) -> None:
        """Do everything until nothing is left to do, in the caller's thread."""
        while self.seal(limit) or self.deposit() or self.anchor():
            pass

    def _read(self, message: SealedMessage) -> _Read:
        """Bytes to labelled drafts."""
        try:
            drafts = read_drafts(open_raw(self._site, message), self._profiles[message.listener])
        except HL7Error as error:
            return _Read(message.key, outcome=_quarantined(message.key, error))
        except Exception as error:  # noqa: BLE001 - a fault in our reading of one message must not hold up the others
            return _Read(message.key, outcome=_failed(message.key, error))
        if not drafts:
            return _Read(message.key, outcome=MessageOutcome(message.key, MessageState.QUARANTINED, NOTHING_HERE))
        return _Read(message.key, drafts)

    def _seal(self, read: Sequence[_Read]) -> tuple[Work, list[bytes]]:
        picture = self._sealing.picture(draft for one in read for draft in one.drafts)
        outcomes: list[MessageOutcome] = []
        sealed: list[SealedDrafts] = []
        for one in read:
            if one.outcome is None:
                try:
                    sealed.append(self._sealing.seal(one.key, one.drafts, picture))
                    outcomes.append(MessageOutcome(one.key, MessageState.DONE))
                except (SalusError, ValueError, TypeError) as error:
                    outcomes.append(_failed(one.key, error))
            else:
                outcomes.append(one.outcome)
        versions = tuple(version for one in sealed for version in one.versions)
        envelopes = [envelope for one in sealed for envelope in one.envelopes]
        self._metrics.unchanged.inc(sum(one.unchanged for one in sealed))
        subjects = tuple(picture.new_subjects.values())
        return Work(self._clock.now(), tuple(outcomes), subjects, versions), envelopes


def read_drafts(raw: bytes, profile: SourceProfile) -> tuple[RecordDraft, ...]:
    """Labelled drafts of one message's bytes.

    Raises:
        HL7Error: the message can't become records; its location says where.
    """
    received = receive(raw, profile.charset)
    if received.error is not None:
        raise received.error
    groups = normalise(parse(received.text), profile)
    return tuple(draft for group in groups for draft in label(group))


def _quarantined(key: int, error: HL7Error) -> MessageOutcome:
    _log.warning("message quarantined", message=key, code=int(error.condition), location=str(error.location))
    return MessageOutcome(key, MessageState.QUARANTINED, Fault(int(error.condition), str(error.location)))


def _failed(key: int, error: Exception) -> MessageOutcome:
    _log.error("message failed", message=key, error=type(error).__name__)
    return MessageOutcome(key, MessageState.FAILED, Fault(int(Condition.INTERNAL), "message"))
