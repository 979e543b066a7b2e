"""The write path on one page.

    journal ─► read ─► label ─► seal ─► store ─► commit        one run of messages, one transaction
               commit ─► batch ─► deposit ─► anchor ─► invalidate

Each verb below does one run of its part and says how much it did; whoever calls them, in whatever rhythm, after
whatever crash, gets the same records anchored once. A message that can't become records goes to quarantine with the
reason and its place, and holds up nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from oracle.anchor import Anchoring
from oracle.deposit import Depositing
from oracle.journal import open_raw
from oracle.metrics import Metrics
from oracle.model import RawMessage, ReadMessage
from oracle.ports import MessageStore, RecordStore
from oracle.reading import Reader
from oracle.seal import SealedDrafts, Sealing
from oracle.sitekey import SiteKey
from oracle.store import store_envelopes
from salus.core.errors import IntegrityError
from salus.core.journal import Fault, MessageOutcome, MessageState, SealedMessage, Work
from salus.core.ports import Clock, ContentStore

RUN = 64
RUNS_AT_ONCE = 4
INTERNAL = 207  # HL7 table 0357, application internal error

_log = structlog.get_logger()


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
        self._clock = clock
        self._metrics = metrics

    def seal(self, run: int = RUN) -> int:
        """Turn pending messages into sealed, stored versions, in order of arrival; how many messages.

        While one run is sealed, stored and committed, the next ones are read.
        """
        pending = self._messages.pending(run * RUNS_AT_ONCE)
        runs = [pending[place : place + run] for place in range(0, len(pending), run)]
        opened = [[self._opened(message) for message in one] for one in runs]
        read = self._reader.read([[message for message in one if message] for one in opened])
        for messages, whole in zip(runs, opened, strict=True):
            with self._metrics.stage("read"):
                found = _with_damaged(whole, next(read))
            with self._metrics.stage("seal"):
                work, envelopes = self._seal(messages, found)
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

    def settle(self, run: int = RUN) -> None:
        """Do everything until nothing is left to do, in the caller's thread."""
        while self.seal(run) or self.deposit() or self.anchor():
            pass

    def _opened(self, message: SealedMessage) -> RawMessage | None:
        try:
            return RawMessage(message.listener, open_raw(self._site, message))
        except IntegrityError:
            return None

    def _seal(self, messages: Sequence[SealedMessage], read: Sequence[ReadMessage]) -> tuple[Work, list[bytes]]:
        picture = self._sealing.picture(draft for one in read for draft in one.drafts)
        outcomes: list[MessageOutcome] = []
        sealed: list[SealedDrafts] = []
        for message, one in zip(messages, read, strict=True):
            outcomes.append(_outcome(message.key, one))
            sealed.append(self._sealing.seal(message.key, one.drafts, picture))
        versions = tuple(version for one in sealed for version in one.versions)
        envelopes = [envelope for one in sealed for envelope in one.envelopes]
        self._metrics.unchanged.inc(sum(one.unchanged for one in sealed))
        subjects = tuple(picture.new_subjects.values())
        return Work(self._clock.now(), tuple(outcomes), subjects, versions), envelopes


def _with_damaged(opened: Sequence[RawMessage | None], read: Sequence[ReadMessage]) -> list[ReadMessage]:
    """Results in the place of their messages; those whose bytes don't open are broken."""
    results = iter(read)
    return [next(results) if message else ReadMessage(broken="damaged in the journal") for message in opened]


def _outcome(key: int, read: ReadMessage) -> MessageOutcome:
    if read.broken:
        _log.error("message failed", message=key, error=read.broken)
        return MessageOutcome(key, MessageState.FAILED, Fault(INTERNAL, "message"))
    if read.fault is not None:
        _log.warning("message quarantined", message=key, code=read.fault.code, location=read.fault.location)
        return MessageOutcome(key, MessageState.QUARANTINED, read.fault)
    return MessageOutcome(key, MessageState.DONE)
