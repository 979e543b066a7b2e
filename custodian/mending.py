"""Mending: a custodian that lost shares gets them back from other members of its sets, batch by batch as anchored.

For each batch t helpers say what they hold of it, and give their parts. A share counts only if its digest is the one
that the source put into the envelope for this place; the envelope's own digest is in the anchored leaf. So no helper
can make a wrong share stand, nor tell of a record that is none and have it counted as destroyed. Who lied is found by
exchanging helpers one by one, or, where there are no others, by opening the session.

What is destroyed stays destroyed: a leaf whose order is final on this custodian's own node gets a tombstone. Inner
shares of level 5 need all members and can't come back; they are named. Mending starts anywhere and may be stopped at
any time: what is there and opens is not asked for again. Source: docs/decisions/0026.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TypeVar

from custodian.audit import AnchoredBatch, Standing, anchored_batches, standings
from custodian.circle import Circle, HelperError, Told
from custodian.log import mended
from custodian.mended import Mended
from custodian.ports import Helpers
from custodian.repair import OPENING_THRESHOLD, ended_by_order
from custodian.rules import Custodian, View, look
from custodian.sweeps import sweep_orders
from custodian.wrap import Wrapping, fingerprint, number_of
from salus.core.custody import DepositedRecord, RestoredBatch, WrappedShare
from salus.core.envelope import parse
from salus.core.errors import ConflictError, EnvelopeError, IntegrityError, NotFoundError, UnavailableError
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, LeafHash, ParticipantId, Root, order_id
from salus.core.labels import MAX_LEVEL
from salus.core.merkle import MerkleTree
from salus.core.ports import ContentStore
from salus.core.repair import Session, joined
from salus.core.repair_wire import HeldRecord
from salus.core.state import CustodianSet
from salus.flows.custody import Answers

T = TypeVar("T")
Progress = Callable[[Mended], None]
"""Told after each batch."""
MAX_ENVELOPE_BYTES = 400_000
"""What a helper takes in a call, to open a session."""
_IN_VAIN = 3
"""How often the same helpers are asked again about leaves of which their parts were wrong."""
_TOO_FEW = "Have these custodians mend what stands behind each, then go on; docs/runbook.md, A custodian lost its disk."


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A batch, its set, when it was anchored, and what is wanted of it; `digests` of all dealt shares by leaf.

    Leaves that are not `sure` may be of no batch.
    """

    batch: AnchoredBatch
    members: CustodianSet
    anchored_at: int
    records: dict[LeafHash, HeldRecord]
    digests: dict[LeafHash, tuple[bytes, ...]]
    sure: set[LeafHash]


class Mending:
    """One run, of one custodian."""

    def __init__(self, custodian: Custodian, helpers: Helpers, content: ContentStore) -> None:
        self._custodian = custodian
        self._helpers = helpers
        self._content = content
        self._found = Mended()
        self._sets: dict[int, CustodianSet] = {}
        self._is_away = False
        self._rows: dict[str, Counter[int]] = {}  # how many rows name a key, by period
        self._in_vain: Counter[frozenset[ParticipantId]] = Counter()  # groups asked again that were wrong again

    def run(self, tell: Progress = lambda _: None) -> Mended:
        """Mend all batches up to the final block.

        Raises:
            UnavailableError: the node is away, or so many helpers that nothing can be mended now: run it again later.
        """
        sweep_orders(self._custodian)
        view = look(self._custodian)
        self._found.block = view.final.number
        gaps: Counter[ParticipantId] = Counter()
        sets: dict[ParticipantId, set[int]] = {}
        for batch in anchored_batches(self._custodian, view):
            sets.setdefault(batch.source, set()).add(batch.custodian_set)
            self._found.batches += 1
            gaps[batch.source] += batch.count - self._mend(batch)
            tell(self._found)
        for source, gap in gaps.items():
            for number in sorted(sets[source]):
                if gap > self._custodian.store.tombstones(source):
                    self._bury(source, number, gap)
            self._found.missing += max(0, gap - self._custodian.store.tombstones(source))
        return self._found

    def _mend(self, batch: AnchoredBatch) -> int:
        """Mend one batch; returns how many of its record versions are here then, or wait here to be erased."""
        here = self._here(batch)
        if len(here) == batch.count:
            return batch.count
        view = look(self._custodian)
        members = self._set(batch.custodian_set, view)
        circles = self._circles(batch, members, view)
        told = self._listed(circles)
        if told is None:
            self._found.absent.append(batch.root)
            return len(here)
        lost = {leaf: one for leaf, one in told.records.items() if leaf not in here}
        orders = {leaf: order_id(one.leaf.record_id, one.leaf.subject) for leaf, one in lost.items()}
        kept = {one.leaf_hash for one in self._custodian.store.kept_in(batch.source, batch.root) or ()}
        sure = self._sure(batch, kept, told)
        self._leave_tombstones(batch.source, {leaf: orders[leaf] for leaf in lost if leaf in sure - kept}, view)
        ended = ended_by_order(self._custodian, batch.source, orders, view)
        left = {leaf: one for leaf, one in lost.items() if leaf not in ended}
        anchored_at = self._custodian.chain.anchor(batch.source, batch.root, view.final).anchored_at
        open_, before = list(ended - kept - self._custodian.store.erased(list(ended))), self._found.repaired
        if left:
            wanted = _Wanted(batch, members, anchored_at, left, self._dealt(left, len(members.members)), sure)
            open_ += [leaf for leaf in left if leaf not in wanted.digests]
            open_ += self._collect(wanted, circles, view)
        self._found.open += [leaf for leaf in open_ if leaf in sure]
        self._found.alone.update(helper for leaf in open_ if leaf not in sure for helper in told.by[leaf])
        if self._custodian.store.kept_in(batch.source, batch.root) is None:
            self._note_empty(batch, anchored_at)
        return len(here) + len(ended & kept) + self._found.repaired - before

    def _note_empty(self, batch: AnchoredBatch, anchored_at: int) -> None:
        """Remember a batch of which nothing came back, since all of it is destroyed: it is not one never deposited."""
        restored = RestoredBatch(batch.source, batch.root, batch.custodian_set, batch.count, anchored_at, ())
        entry = mended(batch.source, batch.root, (), 0)
        self._custodian.store.restore(restored, entry, self._custodian.clock.now())

    def _sure(self, batch: AnchoredBatch, kept: set[LeafHash], told: Told) -> set[LeafHash]:
        """Leaves that are of the batch, whoever told of them: those that were deposited here, all if they make its
        root, else those that all helpers tell of."""
        leaves = kept | told.records.keys()
        if len(leaves) == batch.count and MerkleTree(leaves).root == batch.root:
            return leaves
        return kept | told.by_all

    def _leave_tombstones(self, source: ParticipantId, orders: dict[LeafHash, bytes], view: View) -> None:
        """Of leaves whose order is final: one signer can seal a head with an order that nobody gave."""
        ended = ended_by_order(self._custodian, source, orders, View(view.final, view.final))
        gone = {leaf: orders[leaf] for leaf in ended}
        if gone:
            self._custodian.store.leave_tombstones(source, gone, self._custodian.clock.now())
            self._found.gone += len(gone)

    def _here(self, batch: AnchoredBatch) -> set[LeafHash]:
        """Leaves of a batch whose shares are here as far as they can be."""
        kept = self._custodian.store.kept_in(batch.source, batch.root) or []
        found = standings(self._custodian, kept)
        half = [leaf for leaf, standing in found.items() if standing is Standing.HALF]
        whole = [leaf for leaf, standing in found.items() if standing is Standing.WHOLE]
        self._found.half += half
        self._found.whole += len(whole)
        return {*half, *whole}

    def _set(self, number: int, view: View) -> CustodianSet:
        if number not in self._sets:
            self._sets[number] = self._custodian.chain.custodian_set(number, view.final)
        return self._sets[number]

    def _circles(self, batch: AnchoredBatch, members: CustodianSet, view: View) -> list[Circle]:
        """Every choice of helpers."""
        others = [one for one in members.members if one != self._custodian.id]
        return [self._circle(batch, members, group, view) for group in combinations(others, members.threshold)]

    def _best_first(self, circles: Sequence[Circle]) -> list[Circle]:
        """Those first whose helpers did not lie nor fail to help."""
        bad = self._found.liars.keys() | self._found.away.keys()
        return sorted(circles, key=lambda circle: len(bad.intersection(circle.session.helpers)))

    def _circle(
        self,
        batch: AnchoredBatch,
        members: CustodianSet,
        group: Sequence[ParticipantId],
        view: View,
        leaf: LeafHash | None = None,
    ) -> Circle:
        session = Session(
            self._custodian.chain.chain_id,
            batch.custodian_set,
            self._custodian.id,
            batch.source,
            batch.root,
            tuple(one for one in members.members if one in group),
            leaf,
        )
        return Circle(self._custodian, self._helpers, session, members.members, view, batch.count)

    def _listed(self, circles: Sequence[Circle]) -> Told | None:
        """Record versions of a batch, as helpers hold them: the first circle that meets is enough. None if none does.

        A hash names its leaf, so what is listed has no false labels; but it may miss something, and one helper can make
        up leaves that are of no batch. What nobody else holds gets no parts.
        """
        for circle in self._best_first(circles):
            told = self._try(circle.meet)
            if told is not None:
                return told
        if self._is_away:
            raise UnavailableError(f"too few custodians help now, go on later: {self._reasons()}", advice=_TOO_FEW)
        return None

    def _try(self, ask: Callable[[], T]) -> T | None:
        """An answer, or None when a helper failed, which is remembered."""
        self._is_away = False
        try:
            return ask()
        except HelperError as error:
            self._found.away.update(error.failed)
            self._is_away = error.away
            return None

    def _reasons(self) -> str:
        return "; ".join(f"0x{one.hex()} {why}" for one, why in self._found.away.items())

    def _dealt(self, records: dict[LeafHash, HeldRecord], count: int) -> dict[LeafHash, tuple[bytes, ...]]:
        """Digests of all shares as dealt, out of envelopes; those without a sound envelope are missing."""
        found = {}
        for leaf, one in records.items():
            try:
                digests = parse(self._content.get(one.leaf.envelope_digest)).header.share_digests
            except (NotFoundError, IntegrityError, EnvelopeError):
                continue
            if len(digests) == count:
                found[leaf] = digests
        return found

    def _collect(self, wanted: _Wanted, circles: Sequence[Circle], view: View) -> list[LeafHash]:
        """Get back what is wanted; which leaves did not come."""
        place = wanted.members.members.index(self._custodian.id)
        left = set(wanted.digests)
        failed: dict[LeafHash, Circle] = {}
        lacking: dict[ParticipantId, set[LeafHash]] = {}
        for circle in self._best_first(circles):
            if not left:
                break
            parts = self._try(partial(circle.parts, sorted(left)))
            for helper, leaves in circle.lacking.items():
                lacking.setdefault(helper, set()).update(leaves)
            right: dict[LeafHash, bytes] = {}
            for leaf, by_helper in (parts or {}).items():
                share = joined(place, by_helper.values())
                if sha256(share) == wanted.digests[leaf][place]:
                    right[leaf] = share
                else:
                    failed.setdefault(leaf, circle)
            if right:
                left -= self._keep(wanted, right, circle.session.helpers)
                self._exchange(wanted, {leaf: failed[leaf] for leaf in right if leaf in failed}, circle, view)
        for leaf in sorted(left & failed.keys(), key=lambda leaf: wanted.records[leaf].leaf.envelope_digest):
            if self._open(wanted, leaf, failed[leaf], view):
                left.discard(leaf)
        missed = left & wanted.sure
        self._found.lacking.update({helper: len(some & missed) for helper, some in lacking.items() if some & missed})
        return sorted(left)

    def _keep(self, wanted: _Wanted, shares: dict[LeafHash, bytes], helpers: Sequence[ParticipantId]) -> set[LeafHash]:
        """Keep shares; which are kept. One that its source dealt otherwise, or a batch that it counted otherwise, is
        named, and must not hold up what others dealt."""
        custodian, batch, now = self._custodian, wanted.batch, self._custodian.clock.now()
        wrapping = Wrapping(batch.source, now, custodian.keys, custodian.random)
        records = []
        for leaf in shares.keys() - self._dealt_otherwise(wanted, shares):
            one = wanted.records[leaf]
            wrapped = wrapping.wrap(shares[leaf], None, leaf)
            mark = fingerprint(shares[leaf], None)
            records.append(DepositedRecord(leaf, one.leaf, one.topics, one.topics_salt, wrapped, mark, one.note))
        restored = RestoredBatch(
            batch.source, batch.root, batch.custodian_set, batch.count, wanted.anchored_at, tuple(records)
        )
        kept = {one.leaf_hash for one in records}
        if kept:
            self._forget_replaced(batch.source, kept)
            try:
                custodian.store.restore(restored, mended(batch.source, batch.root, helpers, len(records)), now)
            except ConflictError:
                kept = set()
        self._found.ill_dealt += sorted(shares.keys() - kept)
        self._found.half += [leaf for leaf in sorted(kept) if wanted.records[leaf].leaf.level == MAX_LEVEL]
        self._found.repaired += len(kept)
        return kept

    def _dealt_otherwise(self, wanted: _Wanted, shares: dict[LeafHash, bytes]) -> set[LeafHash]:
        """Leaves that were deposited here with another share than the envelope names."""
        store, source = self._custodian.store, wanted.batch.source
        keys = {
            one.key: leaf for leaf, found in store.find(list(shares)).items() for one in found if one.source == source
        }
        marks = store.fingerprints(keys)
        return {
            leaf
            for key, leaf in keys.items()
            # An inner share can't come back, so at the highest level the fingerprint is another one.
            if wanted.records[leaf].leaf.level < MAX_LEVEL and marks[key] != fingerprint(shares[leaf], None)
        }

    def _forget_replaced(self, source: ParticipantId, leaves: Iterable[LeafHash]) -> None:
        """Destroy the keys of damaged shares before others take their place: no row would name them any more, and they
        would open an old backup after the record was destroyed.

        Where the damage is in the number itself, it may name another share's key: that one stays.
        """
        store, keys = self._custodian.store, self._custodian.keys
        found = store.find(list(leaves))
        mine = [one.key for several in found.values() for one in several if one.source == source]
        named: dict[str, list[int]] = {}
        for wrapped in store.shares(mine).values():
            with suppress(IntegrityError):  # it does not say which key it has
                named.setdefault(wrapped.period, []).append(number_of(wrapped))
        for period, numbers in named.items():
            if period not in self._rows:
                self._rows[period] = Counter(_numbers(store.wrapped_in(period)))
            keys.forget(period, [number for number in numbers if self._rows[period][number] == 1])

    # who lied

    def _exchange(self, wanted: _Wanted, failed: dict[LeafHash, Circle], right: Circle, view: View) -> None:
        """Each helper of a circle that failed, with others of one that did not.

        Its part was wrong for certain only where it fails beside each of them: one that lies beside some others only
        would have these blamed. With a threshold above two, two liars could, so there the group is named.
        """
        for leaf, circle in failed.items():
            helpers = frozenset(circle.session.helpers)
            if helpers in self._found.suspects or helpers & self._found.liars.keys():
                continue
            if wanted.members.threshold == OPENING_THRESHOLD:
                for helper in helpers - {*right.session.helpers}:
                    if all(self._fails(wanted, leaf, (one, helper), view) for one in right.session.helpers):
                        self._found.liars[helper] += 1
            if not helpers & self._found.liars.keys():
                self._found.suspects.add(helpers)

    def _fails(self, wanted: _Wanted, leaf: LeafHash, group: Sequence[ParticipantId], view: View) -> bool:
        """Whether helpers give parts that do not make the share."""
        tried = self._circle(wanted.batch, wanted.members, group, view)
        parts = self._try(partial(tried.parts, [leaf]))
        return parts is not None and leaf in parts and not self._is_right(wanted, leaf, parts[leaf])

    def _is_right(self, wanted: _Wanted, leaf: LeafHash, by_helper: dict[ParticipantId, bytes]) -> bool:
        place = wanted.members.members.index(self._custodian.id)
        return sha256(joined(place, by_helper.values())) == wanted.digests[leaf][place]

    def _open(self, wanted: _Wanted, leaf: LeafHash, failed: Circle, view: View) -> bool:
        """Ask the same helpers again for this leaf alone; if it fails again, have them show what they used.

        Returns whether the leaf came back.
        """
        helpers = failed.session.helpers
        group = frozenset(helpers)
        if group & self._found.liars.keys() or self._in_vain[group] >= _IN_VAIN:
            return False  # each costs of what an honest helper helps with in an hour
        circle = self._circle(wanted.batch, wanted.members, helpers, view, leaf)
        answers = self._try(partial(circle.answers, leaf))
        if answers is None:
            return False
        parts = {helper: answer.part for helper, answer in answers.items()}
        if self._is_right(wanted, leaf, parts):  # they answer otherwise than before
            place = wanted.members.members.index(self._custodian.id)
            self._found.suspects.add(group)
            return bool(self._keep(wanted, {leaf: joined(place, parts.values())}, helpers))
        self._in_vain[group] += 1
        envelope = self._content.get(wanted.records[leaf].leaf.envelope_digest)
        if wanted.members.threshold != OPENING_THRESHOLD or len(envelope) > MAX_ENVELOPE_BYTES:
            self._found.suspects.add(group)
            return False
        self._judge(wanted, leaf, helpers, circle.opened(answers, envelope))
        return False

    def _judge(self, wanted: _Wanted, leaf: LeafHash, helpers: Sequence[ParticipantId], shown: Answers[bytes]) -> None:
        """Of two helpers one lied if the other shows the share it was dealt."""
        digests = dict(zip(wanted.members.members, wanted.digests[leaf], strict=True))
        honest = {helper for helper, share in shown.given.items() if sha256(share) == digests[helper]}
        proven = shown.given.keys() - honest
        if len(honest) == len(helpers):
            self._found.ill_dealt.append(leaf)
        elif honest or proven:
            self._found.liars.update(set(helpers) - honest if honest else proven)
        else:
            self._found.suspects.add(frozenset(helpers))

    # what was destroyed before

    def _bury(self, source: ParticipantId, number: int, gap: int) -> None:
        """Tombstones of versions that no helper holds any more: those a whole circle has, under a standing order.

        One that hides its own hides them from the circles it is in, so others are asked until nothing is missing.
        """
        view = look(self._custodian)
        members = self._set(number, view)
        batch = AnchoredBatch(source, Root(ZERO32), 0, number)
        for circle in self._best_first(self._circles(batch, members, view)):
            self._try(partial(self._bury_told, circle, view))
            if gap <= self._custodian.store.tombstones(source):
                return

    def _bury_told(self, circle: Circle, view: View) -> None:
        source, store = circle.session.source, self._custodian.store
        for told in circle.gone():
            known = store.erased(list(told))
            self._leave_tombstones(source, {leaf: told[leaf] for leaf in told.keys() - known}, view)


def _numbers(shares: Iterable[WrappedShare]) -> Iterator[int]:
    for wrapped in shares:
        with suppress(IntegrityError):
            yield number_of(wrapped)


def mend(custodian: Custodian, helpers: Helpers, content: ContentStore, tell: Progress = lambda _: None) -> Mended:
    """Get back what this custodian lacks of all that is anchored for its sets.

    Raises:
        UnavailableError: the node is away, or too many helpers.
    """
    return Mending(custodian, helpers, content).run(tell)
