"""Anchor: batches that all custodians hold get their root on chain, once; then what they withdraw becomes invalid.

The chain is asked before anything is sent, and the contract refuses a root twice, so a restart at any point neither
loses an anchor nor doubles one. A root counts as anchored at a final block only; what a chain has lost is sent again.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from oracle.look_back import look_back
from oracle.ports import Outbox
from oracle.sitekey import SHARES, SiteKey
from oracle.subjects import seed_of
from salus.core.errors import ChainRevert
from salus.core.ids import ZERO32, ParticipantId
from salus.core.journal import Anchored, Batch, BatchState, Invalidation, KnownSubject
from salus.core.ports import ChainReader, ChainWriter, Clock, ContractCall
from salus.core.state import AnchorState, RecordStatus

BATCH_TAG = 1
MAX_TOGETHER = 8
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0

_log = structlog.get_logger()


class Anchoring:
    """Anchors deposited batches of one source. `pause` sleeps that many seconds while blocks become final."""

    def __init__(
        self,
        outbox: Outbox,
        chain: ChainReader,
        writer: ChainWriter,
        site: SiteKey,
        source: ParticipantId,
        clock: Clock,
        pause: Callable[[float], None],
    ) -> None:
        self._outbox = outbox
        self._chain = chain
        self._writer = writer
        self._site = site
        self._source = source
        self._clock = clock
        self._pause = pause
        self._sent: dict[int, tuple[int, bytes]] = {}

    def anchor(self) -> int:
        """Send the roots of deposited batches and note those that are final; how many became final.

        Raises:
            ChainRevert: the registry refuses for another reason than that the root is there: the source isn't active,
                or its operator was removed.
            UnavailableError: the node is away.
        """
        look_back(self._outbox, self._chain, self._source)
        batches = self._outbox.batches(BatchState.DEPOSITED, MAX_TOGETHER)
        if not batches:
            return 0
        head = self._chain.head()
        unsent = [batch for batch in batches if not _is(batch, self._chain.anchor(self._source, batch.root, head))]
        if unsent:
            self._send(unsent)
        self._await_final([self._sent[batch.key][0] for batch in batches if batch.key in self._sent])
        return sum(self._note(batch) for batch in batches)

    def invalidate(self) -> int:
        """Declare withdrawn versions invalid; how many became so at a final block.

        A subject no patient has claimed is made known first: the registry writes on chains of known subjects only.

        Raises:
            ChainRevert, UnavailableError: as `anchor`.
        """
        listed = self._outbox.invalidations(MAX_TOGETHER)
        hashes: dict[int, bytes] = {}
        blocks: list[int] = []
        for one in listed:
            state = self._chain.record_state(self._source, one.leaf_hash, self._chain.head())
            if state.status is RecordStatus.VALID:
                self._register(one.subject)
                receipt = self._writer.send(_invalidation(one))
                hashes[one.key] = receipt.tx_hash
                blocks.append(receipt.block.number)
        self._await_final(blocks)
        final = self._chain.final()
        done = 0
        for one in listed:
            if self._chain.record_state(self._source, one.leaf_hash, final).status is not RecordStatus.VALID:
                self._outbox.invalidated(one.key, hashes.get(one.key, b""), self._clock.now(), final)
                done += 1
        return done

    def _register(self, known: KnownSubject) -> None:
        if self._chain.subject(known.subject, self._chain.head()).source == ZERO32:
            arguments = (known.subject, self._source, seed_of(self._site, known))
            self._writer.send(ContractCall("SubjectRegistry", "register", arguments))

    def _send(self, batches: list[Batch]) -> None:
        calls = [_anchor(batch) for batch in batches]
        try:
            receipts = self._writer.send_many(calls)
        except ChainRevert as error:
            if error.error != "RecordRegistryAnchored":
                raise
            return  # another run sent one of them; the next look at the chain sorts them
        for batch, receipt in zip(batches, receipts, strict=True):
            self._sent[batch.key] = (receipt.block.number, receipt.tx_hash)

    def _note(self, batch: Batch) -> bool:
        final = self._chain.final()
        slot = self._chain.anchor(self._source, batch.root, final)
        if not _is(batch, slot):
            return False
        self._site.forget_rows(SHARES, self._outbox.secrets(batch.key))
        block, tx_hash = self._sent.pop(batch.key, (final.number, b""))
        self._outbox.anchored(batch.key, Anchored(block, tx_hash, slot.anchored_at), final)
        _log.info("batch anchored", batch=batch.key, count=batch.count, block=block)
        return True

    def _await_final(self, blocks: list[int]) -> None:
        """Wait until all these blocks are final, or patience ends: then the next run looks again."""
        if not blocks:
            return
        waited = 0.0
        while self._chain.final().number < max(blocks) and waited < _PATIENCE_SECONDS:
            self._pause(_POLL_SECONDS)
            waited += _POLL_SECONDS


def _is(batch: Batch, slot: AnchorState) -> bool:
    return slot.anchored_at != 0 and (slot.count, slot.custodian_set) == (batch.count, batch.custodian_set)


def _anchor(batch: Batch) -> ContractCall:
    return ContractCall("RecordRegistry", "anchor", (batch.root, batch.count, batch.custodian_set, BATCH_TAG))


def _invalidation(one: Invalidation) -> ContractCall:
    return ContractCall("RecordRegistry", "invalidate", (one.leaf_hash, one.subject.subject, int(one.reason)))
