"""Catch up: a database older than what its source has anchored learns it from custodians, before it goes on.

    batches of this source on chain ─► those not known here ─► custodians: leaves, notes ─► root as anchored? ─► adopt

An oracle restored from a backup, or begun anew with its site key, would give numbers that stand on chain already. Until
this is done nothing is sealed, deposited, anchored or erased; messages are taken and wait. Batches come in the order of
the chain, each in one transaction, so it may be stopped at any time.

Each version is believed by its note, which only this source can have made; that they are all of a batch, by its root.
Where versions of a batch were destroyed since, no leaves make the root: then all custodians of the set must have
answered, and what is adopted is what as many of them keep as can join a key. Bytes of messages don't come back: sources
send them again, and nothing is doubled by it. Source: docs/protocol.md section 8, docs/decisions/0028.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

import structlog

from oracle.behind import Missing, all_in, events_between, missing
from oracle.notes import open_note
from oracle.ports import Outbox, Recollection
from oracle.sitekey import SHARES, SiteKey
from salus.core import hpke
from salus.core.errors import EnvelopeError, InputError, IntegrityError, NotFoundError, SalusError, UnavailableError
from salus.core.ids import ZERO32, LeafHash, ParticipantId, SubjectRef, hex32
from salus.core.journal import Anchored, BatchState
from salus.core.merkle import MerkleTree
from salus.core.ports import ChainReader, CustodianClient, Randomness
from salus.core.recall import MAX_PAGE, RecallAnswer, RecallBody, RecalledVersion, decode_versions
from salus.core.remembered import Adopted, RememberedBatch, RememberedVersion
from salus.core.state import CustodianSet
from salus.flows.custody import Caller

Told = Mapping[LeafHash, RememberedVersion]
_MOST_PAGES = 64
_MOST_JOINS = 64
_KEY_BYTES = 32

_log = structlog.get_logger()


class CatchingUp:
    """Brings one source's database to where the chain is. `waits_for`: so many batches are missing, as last seen.

    `in_pool` counts transactions of this oracle's accounts that wait for a block: one may anchor what is unknown here.
    """

    def __init__(
        self,
        outbox: Outbox,
        recollection: Recollection,
        chain: ChainReader,
        custodians: CustodianClient,
        caller: Caller,
        site: SiteKey,
        source: ParticipantId,
        random: Randomness,
        in_pool: Callable[[], int] = lambda: 0,
    ) -> None:
        self._outbox = outbox
        self._recollection = recollection
        self._chain = chain
        self._custodians = custodians
        self._caller = caller
        self._site = site
        self._source = source
        self._random = random
        self._in_pool = in_pool
        self._in_vain: Counter[ParticipantId] = Counter()  # asked, and a batch was not whole by it
        self.is_done = False
        self.waits_for = 0

    def run(self, *, may_adopt: bool = True) -> Adopted:
        """Adopt what is missing, unless another oracle of the journal is to; done once nothing is.

        Raises:
            UnavailableError: the node is away, or too few custodians answer for a batch: try again.
            IntegrityError: the database has numbered versions itself that the chain has otherwise.
        """
        if waiting := self._in_pool():
            raise UnavailableError(
                f"{waiting} transactions of this oracle's account wait in its node's pool for a block"
            )
        found, head = Adopted(), self._chain.head()
        listed = list(missing(self._outbox, self._chain, self._source, head.number))
        self.waits_for = len(listed)
        if listed and not may_adopt:
            return found
        if listed:
            self._await_final(listed[-1].block)
            _log.warning("catching up", batches=len(listed), versions=sum(one.count for one in listed))
        for one in listed:
            links = tuple(self._links()) if one is listed[-1] else ()  # with the last, or they are looked for again
            batch = self._batch(one)
            found += self._recollection.adopt(batch, lambda rows: self._site.forget_rows(SHARES, rows), links)
            self.waits_for -= 1
        if may_adopt:
            self._pass_on()
        if listed:
            _log.warning(
                "caught up",
                batches=len(listed),
                versions=found.versions,
                records=found.records,
                subjects=found.subjects,
                messages=found.messages,
            )
        self.is_done = True
        return found

    def _pass_on(self) -> None:
        """Batches that wait here for custodians and are on chain: the shares and their keys may be gone already."""
        final = self._chain.final()
        for batch in all_in(self._outbox, BatchState.OPEN):
            if self._chain.anchor(self._source, batch.root, final).anchored_at:
                members = self._chain.custodian_set(batch.custodian_set, final).members
                self._outbox.acknowledge(batch.key, (1 << len(members)) - 1, complete=True)

    def _await_final(self, block: int) -> None:
        if (final := self._chain.final().number) < block:
            raise UnavailableError(
                f"block {block} has a batch that is not in this database and is not final yet: {final} is"
            )

    def _batch(self, one: Missing) -> RememberedBatch:
        final = self._chain.final()
        slot = self._chain.anchor(self._source, one.root, final)
        if not slot.anchored_at:
            raise UnavailableError(f"batch {hex32(one.root)} is on chain no more: another node, or lost blocks")
        members = self._chain.custodian_set(slot.custodian_set, final)
        versions = self._versions(one, members)
        if len(versions) < one.count:
            _log.warning("versions of a batch are destroyed", root=hex32(one.root), versions=one.count - len(versions))
        return RememberedBatch(
            one.root,
            slot.custodian_set,
            one.count,
            (1 << len(members.members)) - 1,
            Anchored(one.block, one.tx_hash, slot.anchored_at),
            tuple(sorted(versions.values(), key=lambda each: (each.leaf.version, each.leaf_hash))),
        )

    def _versions(self, one: Missing, members: CustodianSet) -> Told:
        """Versions of a batch, as custodians keep them."""
        all_told: list[Collection[LeafHash]] = []
        union: dict[LeafHash, RememberedVersion] = {}
        joins: list[Told] = [{}]
        failed: list[ParticipantId] = []
        for member in sorted(members.members, key=lambda each: self._in_vain[each]):  # one that is away costs seconds
            self._in_vain[member] += 1
            try:
                answer = self._told_by(member, one)
            except SalusError as error:
                failed.append(member)
                _log.warning("leaves not told", custodian=hex32(member), error=type(error).__name__, reason=str(error))
                continue
            all_told.append(answer.keys())
            told = {leaf: version for leaf, version in answer.items() if version is not None}
            union |= told
            # one that adds what is not in the batch spoils the joins it is in, not all
            joins += [{**before, **told} for before in joins[:_MOST_JOINS]]
            for whole in joins:
                if _is_whole(whole, one):
                    self._in_vain[member] -= 1
                    return whole
        if failed:
            raise UnavailableError(
                f"{len(union)} of {one.count} versions of batch {hex32(one.root)} are known: it takes custodians "
                f"{', '.join(map(hex32, failed))} to learn the others, or that they are destroyed"
            )
        counts = Counter(leaf for leaves in all_told for leaf in leaves)
        kept = [leaf for leaf, count in counts.items() if count >= members.threshold]
        if bare := [leaf for leaf in kept if leaf not in union]:
            raise UnavailableError(f"of {len(bare)} versions of batch {hex32(one.root)} no custodian has the true note")
        return {leaf: union[leaf] for leaf in kept}

    def _told_by(self, custodian: ParticipantId, one: Missing) -> dict[LeafHash, RememberedVersion | None]:
        """What one custodian keeps of a batch; nothing, if it never had it. None for a version whose note does not
        open: it may have been given a false one in a repair.

        Raises:
            IntegrityError: its answer doesn't end.
        """
        told: dict[LeafHash, RememberedVersion | None] = {}
        after = LeafHash(ZERO32)
        for _ in range(_MOST_PAGES):
            try:
                versions, more = self._page(custodian, one, after)
            except NotFoundError:
                return {}
            for version in versions:
                after = version.leaf.hash(self._chain.chain_id)
                told[after] = self._noted(after, version)
            if not more or not versions:
                return told
        raise IntegrityError("the custodian's answer does not end")

    def _noted(self, leaf_hash: LeafHash, version: RecalledVersion) -> RememberedVersion | None:
        try:
            return open_note(self._site, leaf_hash, version.leaf, version.note)
        except IntegrityError:
            return None

    def _page(self, custodian: ParticipantId, one: Missing, after: LeafHash) -> tuple[list[RecalledVersion], bool]:
        private = self._random(_KEY_BYTES)
        body = RecallBody(self._source, one.root, hpke.public_key(private), after, MAX_PAGE)
        answer = self._custodians.recall(custodian, self._caller.call("recall", custodian, body.to_json()))
        info = hpke.recall_info(self._chain.chain_id, self._source, one.root, custodian, after)
        try:
            read = RecallAnswer.from_json(answer)
            return decode_versions(hpke.open_sealed(read.sealed, private, info)), read.more
        except (InputError, EnvelopeError) as error:
            raise IntegrityError("the custodian answered in another form") from error

    def _links(self) -> Iterator[tuple[SubjectRef, SubjectRef | None]]:
        """Which numbers are one patient, as the chain has it since this last saw it."""
        seen = self._outbox.seen()
        for event in events_between(self._chain, 0 if seen is None else seen[0], self._chain.final().number):
            if event.contract != "SubjectRegistry":
                continue
            if event.name == "SubjectLinked":
                yield SubjectRef(event.args["subjectRef"]), SubjectRef(event.args["survivor"])
            elif event.name == "SubjectUnlinked":
                yield SubjectRef(event.args["subjectRef"]), None


def _is_whole(told: Told, one: Missing) -> bool:
    return len(told) == one.count and MerkleTree(told).root == one.root
