"""Deposit: waiting versions become batches, and every custodian of the set gets its shares of each batch.

A batch goes on to the chain only when all custodians have acknowledged it durably; one that is away is asked again for
as long as it takes, from where the batch stood before a restart. Source: docs/protocol.md section 8.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

import structlog

from oracle.handover import OpenedBatch
from oracle.ports import Outbox
from oracle.sitekey import SiteKey
from salus.core import hpke
from salus.core.deposit import encode_items
from salus.core.errors import IntegrityError, SalusError
from salus.core.ids import ParticipantId, Root, hex32
from salus.core.journal import Batch, BatchState
from salus.core.merkle import MerkleTree
from salus.core.ports import ChainReader, Clock, CustodianClient
from salus.core.state import CustodianSet
from salus.flows.custody import Caller, ask_all

MAX_BATCH = 1000
MAX_OPEN = 16
"""Open batches of one custodian set."""
MAX_OPEN_OF_ALL = 64
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0

_log = structlog.get_logger()


@dataclass(slots=True)
class _Patience:
    """When a batch that failed is tried again."""

    pause: float = FIRST_PAUSE_SECONDS
    again_at: float = 0.0


class Depositing:
    """Forms batches and deposits them. `monotonic` gives seconds, for pauses after a failure only."""

    def __init__(
        self,
        outbox: Outbox,
        chain: ChainReader,
        custodians: CustodianClient,
        caller: Caller,
        site: SiteKey,
        source: ParticipantId,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._chain = chain
        self._custodians = custodians
        self._caller = caller
        self._site = site
        self._source = source
        self._clock = clock
        self._monotonic = monotonic
        self._patience: dict[Root, _Patience] = {}

    def form(self, *, at_least: int = 1) -> int:
        """Make a batch of the waiting versions of one custodian set if there are that many; its size, or 0.

        A set with a member that is away fills up with open batches; those of other sets go on.
        """
        if not self._outbox.are_waiting(at_least):  # asked ten times a second, and mostly the answer
            return 0
        is_open = Counter(batch.custodian_set for batch in self._outbox.batches(BatchState.OPEN, MAX_OPEN_OF_ALL))
        if is_open.total() >= MAX_OPEN_OF_ALL:
            return 0
        waiting = self._outbox.waiting(MAX_BATCH, [one for one, count in is_open.items() if count >= MAX_OPEN])
        if not waiting:
            return 0
        custodian_set = waiting[0].custodian_set
        chosen = list(takewhile(lambda one: one.custodian_set == custodian_set, waiting))
        root = MerkleTree(one.leaf_hash for one in chosen).root
        self._outbox.form(root, custodian_set, chosen, self._clock.now())
        return len(chosen)

    def deliver(self) -> int:
        """Ask the custodians that haven't acknowledged the open batches yet; how many batches became complete.

        Of batches that failed before one a call: a custodian that takes long to be away must not hold up other sets.
        """
        batches = self._outbox.batches(BatchState.OPEN, MAX_OPEN_OF_ALL)
        complete = sum(self._deliver(batch) for batch in batches if batch.root not in self._patience)
        due = [batch for batch in batches if batch.root in self._patience]
        for batch in due:
            if self._patience[batch.root].again_at <= self._monotonic():
                return complete + self._deliver(batch)
        return complete

    def _deliver(self, batch: Batch) -> bool:
        final = self._chain.final()
        members = self._chain.custodian_set(batch.custodian_set, final)
        missing = [
            (place, member) for place, member in enumerate(members.members) if not batch.acknowledged >> place & 1
        ]
        opened = self._opened(batch)
        if opened is None:
            return False
        calls = {
            member: self._call(batch, member, opened, place, self._chain.participant(member, final).encryption_key)
            for place, member in missing
        }
        answers = ask_all(calls, lambda member: self._ask(batch, member, calls[member]))
        given = sum(1 << place for place, member in missing if member in answers.given)
        done = _all_of(members) == batch.acknowledged | given
        if given:
            self._outbox.acknowledge(batch.key, given, complete=done)
        if answers.failed:
            self._wait(batch, answers.failed)
        else:
            self._patience.pop(batch.root, None)
        return done

    def _opened(self, batch: Batch) -> OpenedBatch | None:
        """What custodians get of a batch; None if it does not open, which must not hold up the others.

        That is damage, or it was being given up (`salus oracle abandon`) when that was killed, or is gone since.
        """
        try:
            opened = OpenedBatch(self._site, self._outbox.items(batch.key))
            if len(opened) != batch.count:
                raise IntegrityError("it has lost versions: restore the database from its backup")
        except IntegrityError as error:
            if batch.root in {one.root for one in self._outbox.batches(BatchState.OPEN, MAX_OPEN_OF_ALL)}:
                _log.error("batch does not open", batch=batch.key, custodian_set=batch.custodian_set, reason=str(error))
                self._wait(batch, {})
            return None
        return opened

    def _call(
        self, batch: Batch, custodian: ParticipantId, opened: OpenedBatch, place: int, encryption_key: bytes
    ) -> dict[str, object]:
        info = hpke.deposit_info(self._chain.chain_id, batch.root, batch.custodian_set, custodian)
        sealed = hpke.seal(encode_items(opened.items_for(place)), encryption_key, info)
        body = {
            "sourceId": hex32(self._source),
            "root": hex32(batch.root),
            "custodianSet": batch.custodian_set,
            "sealed": hex32(sealed),
        }
        return self._caller.call("deposit", custodian, body)

    def _ask(self, batch: Batch, custodian: ParticipantId, call: dict[str, object]) -> dict[str, object]:
        answer = self._custodians.deposit(custodian, call)
        if answer.get("root") != hex32(batch.root) or answer.get("stored") != batch.count:
            raise IntegrityError("the custodian acknowledged another batch")
        return answer

    def _wait(self, batch: Batch, failed: dict[ParticipantId, SalusError]) -> None:
        patience = self._patience.setdefault(batch.root, _Patience())
        patience.again_at = self._monotonic() + patience.pause
        patience.pause = min(patience.pause * 2, LONGEST_PAUSE_SECONDS)
        for custodian, error in failed.items():
            _log.warning(
                "deposit not acknowledged",
                batch=batch.key,
                custodian=hex32(custodian),
                error=type(error).__name__,
                code=int(getattr(error, "code", 0)),
            )


def _all_of(members: CustodianSet) -> int:
    return (1 << len(members.members)) - 1
