"""Audit: whether this custodian could release every record version that the chain says it keeps, without releasing one.

Every anchored batch of the sets it is in is looked for in its store, its root is made again from the leaves kept, and
every share is unwrapped, looked at and forgotten. What this proves is that shares are there and are the ones deposited
(the wrapping authenticates them); that those are what the source dealt, readers see by the digests in the envelope.
A node that hides an anchor hides it here too: `salus watch` at another node counts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from custodian.rules import Custodian, View, look
from custodian.wrap import fingerprint, unwrap
from salus.core.custody import KeptRecord
from salus.core.errors import IntegrityError, NotFoundError
from salus.core.ids import ParticipantId, Root
from salus.core.merkle import MerkleTree

_BLOCKS_AT_ONCE = 5000
_SHARES_AT_ONCE = 1000
Progress = Callable[[int], None]
"""Told the number of the last block looked at."""


@dataclass(slots=True)
class Holding:
    """What is kept of one source, in batches and record versions.

    `whole` have a share that opens, `erased` were destroyed by order, `damaged` don't open, `keyless` lack the key they
    rest under, `missing` should be here and aren't. `absent` batches are anchored and were never deposited here,
    `altered` ones have leaves that don't make the root.
    """

    batches: int = 0
    versions: int = 0
    whole: int = 0
    erased: int = 0
    damaged: int = 0
    keyless: int = 0
    missing: int = 0
    absent: list[Root] = field(default_factory=list)
    altered: list[Root] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything could be released that should be."""
        return not (self.damaged or self.keyless or self.missing or self.absent or self.altered)


@dataclass(frozen=True, slots=True)
class Audit:
    """Holdings by source, at a final block."""

    block: int
    sources: dict[ParticipantId, Holding]

    @property
    def is_whole(self) -> bool:
        """Whether all of them are."""
        return all(holding.is_whole for holding in self.sources.values())


def audit(custodian: Custodian, tell: Progress = lambda _: None) -> Audit:
    """Look at every share.

    Raises:
        UnavailableError: the node is away.
    """
    view = look(custodian)
    sources: dict[ParticipantId, Holding] = {}
    gaps: Counter[ParticipantId] = Counter()
    for source, root, count in _anchored(custodian, view, tell):
        holding = sources.setdefault(source, Holding())
        holding.batches += 1
        holding.versions += count
        kept = custodian.store.kept_in(source, root)
        if kept is None:
            holding.absent.append(root)
            continue
        if len(kept) == count and MerkleTree(record.leaf_hash for record in kept).root != root:
            holding.altered.append(root)
        gaps[source] += count - len(kept)
        for place in range(0, len(kept), _SHARES_AT_ONCE):
            _look_at(custodian, kept[place : place + _SHARES_AT_ONCE], holding)
    for source, gap in gaps.items():
        # Erased versions leave no row in their batch, and a tombstone each.
        erased = min(gap, custodian.store.tombstones(source))
        sources[source].erased = erased
        sources[source].missing += gap - erased
    return Audit(view.final.number, sources)


def _anchored(custodian: Custodian, view: View, tell: Progress) -> Iterator[tuple[ParticipantId, Root, int]]:
    """Source, root and count of every batch anchored for a set this custodian is in."""
    mine: dict[int, bool] = {}
    for first in range(0, view.final.number + 1, _BLOCKS_AT_ONCE):
        last = min(first + _BLOCKS_AT_ONCE - 1, view.final.number)
        for event in custodian.chain.events(first, last):
            if (event.contract, event.name) != ("RecordRegistry", "BatchAnchored"):
                continue
            number = int(event.args["custodianSet"])
            if number not in mine:
                mine[number] = custodian.id in custodian.chain.custodian_set(number, view.final).members
            if mine[number]:
                yield ParticipantId(event.args["sourceId"]), Root(event.args["root"]), int(event.args["count"])
        tell(last)


def _look_at(custodian: Custodian, kept: Sequence[KeptRecord], holding: Holding) -> None:
    shares = custodian.store.shares(record.key for record in kept)
    marks = custodian.store.fingerprints(record.key for record in kept)
    for record in kept:
        if record.key not in shares:
            holding.missing += 1
            continue
        try:
            share, inner = unwrap(shares[record.key], record.source, record.leaf_hash, custodian.keys)
        except NotFoundError:
            holding.keyless += 1
        except IntegrityError:
            holding.damaged += 1
        else:
            if fingerprint(share, inner) == marks[record.key]:
                holding.whole += 1
            else:
                holding.damaged += 1
