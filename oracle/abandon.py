"""Abandon: what waits for a custodian set that has lost a member for good is given up, and made anew for another.

    open batches and waiting versions of set N ──► broken up; shares and their keys gone
                                                └─► their messages ──► pending ──► the running oracle deals them anew

A batch goes on chain only when every member of its set has it, so these never would. Some records at a time, each time
in one transaction: whatever stops this, the next run takes up what is left, and a run with nothing left does nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from oracle.audit import Auditing
from oracle.behind import all_in, behind
from oracle.ports import AbandonStore, Outbox
from oracle.sitekey import SHARES, SiteKey
from salus.core.abandon import Fate, GivenUp, Part
from salus.core.errors import ConflictError, InputError, UnavailableError
from salus.core.ids import ParticipantId, RecordId
from salus.core.journal import BatchState
from salus.core.operations import Deed
from salus.core.ports import ChainReader, ContentStore

MOST_AT_ONCE = 500
"""Versions of one transaction; records that share messages go together, however many they are."""
LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What a run came to. `versions` that were given up, by what became of them; `left`: records that stay, and why.

    `messages` were put back in the queue, `batches` broken up. `envelopes` that nobody needs are in the content store
    still, because a place of it did not answer.
    """

    versions: dict[Fate, int]
    messages: int
    batches: int
    left: tuple[tuple[RecordId, Fate], ...]
    envelopes: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: versions looked at, of all that are under way."""

    looked: int
    of: int


class Abandon:
    """Beside a running oracle, on its database. `sleep` and `monotonic` take and give seconds.

    `present_set` is the set the oracle deals to, `identity` are kinds of messages that change identities.
    """

    def __init__(
        self,
        store: AbandonStore,
        outbox: Outbox,
        content: ContentStore,
        chain: ChainReader,
        source: ParticipantId,
        present_set: int,
        identity: Collection[str],
        site: SiteKey,
        auditing: Auditing,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._content = content
        self._chain = chain
        self._source = source
        self._present_set = present_set
        self._identity = identity
        self._site = site
        self._auditing = auditing
        self._sleep = sleep
        self._monotonic = monotonic

    def run(
        self, custodian_set: int, actor: str, reason: str = "", tell: Callable[[Progress], None] = lambda _: None
    ) -> Abandoned:
        """Give up all that is under way in a set.

        Raises:
            InputError: it is the set the oracle deals to.
            ConflictError: a batch of the set will be anchored, or is on chain; this database is an old backup; or the
                running oracle deals to this set still.
            UnavailableError: the node is away.
        """
        self._require_lost(custodian_set)
        tally, anew = _Tally(), set[RecordId]()
        before, moved = -1, self._monotonic()
        while True:
            left: list[tuple[RecordId, Fate]] = []
            for one in self._pass(custodian_set, actor, reason, tell):
                if not anew.isdisjoint(one.anew):
                    raise ConflictError(
                        f"the running oracle deals to set {custodian_set} still: start it again with another "
                        "SALUS_ORACLE_CUSTODIAN_SET, then run this again"
                    )
                anew.update(one.anew)
                tally.add(one, self._remove(one.envelopes))
                left += one.left
            pending = sum(why is Fate.PENDING for _, why in left)
            if pending != before:
                before, moved = pending, self._monotonic()
            if not pending or self._monotonic() - moved > PATIENCE_SECONDS:
                return tally.result(left)
            self._sleep(LOOK_SECONDS)  # the oracle is processing messages of these: it must not be overtaken

    def _pass(self, custodian_set: int, actor: str, reason: str, tell: Callable[[Progress], None]) -> Iterator[GivenUp]:
        parts = self._store.parts(custodian_set)
        looked, of = 0, sum(part.versions for part in parts)
        forget = partial(self._site.forget_rows, SHARES)
        for some in _packed(parts):
            order = self._auditing.order(actor, Deed.ABANDON, reason)
            records = [one for part in some for one in part.records]
            done = self._store.give_up(custodian_set, records, self._identity, order, forget)
            self._auditing.tell(order, done.messages)
            looked += sum(part.versions for part in some)
            tell(Progress(looked, of))
            yield done

    def _remove(self, envelopes: Sequence[bytes]) -> int:
        """Remove envelopes whose shares some custodians have; how many could not be removed.

        Not in the transaction: senders whose messages are journalled must not wait for the content store.
        """
        for place, digest in enumerate(envelopes):
            try:
                self._content.delete(digest)
            except UnavailableError:
                return len(envelopes) - place
        return 0

    def _require_lost(self, custodian_set: int) -> None:
        """Make sure that nothing of the set is on chain unknown to this database, or will be.

        That all custodians have a batch is asked again in each transaction.
        """
        if custodian_set == self._present_set:
            raise InputError(f"this oracle deals to set {custodian_set}: only what waits for another set is given up")
        known = behind(self._outbox, self._chain, self._source)
        if known.batches:
            raise ConflictError(
                f"{known.batches} batches are on chain that this database does not know: it is an old backup, and what "
                "waits in it may be anchored already (runbook, Restore an oracle)"
            )
        if any(one.custodian_set == custodian_set for one in all_in(self._outbox, BatchState.DEPOSITED)):
            raise ConflictError("all custodians of the set have one of its batches: let the oracle anchor it first")
        head = self._chain.head()
        for batch in all_in(self._outbox, BatchState.OPEN):
            is_of_set = batch.custodian_set == custodian_set
            if is_of_set and self._chain.anchor(self._source, batch.root, head).anchored_at:
                raise ConflictError(f"batch {batch.key} is on chain: all custodians of the set have it")


class _Tally:
    """What the transactions of a run came to."""

    def __init__(self) -> None:
        self._versions: Counter[Fate] = Counter()
        self._messages: set[int] = set()
        self._batches = 0
        self._envelopes = 0

    def add(self, one: GivenUp, envelopes: int) -> None:
        self._envelopes += envelopes
        self._versions.update(one.versions)
        self._messages.update(one.messages)
        self._batches += one.batches

    def result(self, left: Sequence[tuple[RecordId, Fate]]) -> Abandoned:
        return Abandoned(dict(self._versions), len(self._messages), self._batches, tuple(left), self._envelopes)


def _packed(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """Parts in order, so many together that they are one transaction."""
    some: list[Part] = []
    for part in parts:
        if some and sum(one.versions for one in some) + part.versions > MOST_AT_ONCE:
            yield some
            some = []
        some.append(part)
    if some:
        yield some
