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
from enum import Enum

from custodian.rules import Custodian, View, look
from custodian.wrap import fingerprint, unwrap
from salus.core.custody import KeptRecord, WrappedShare
from salus.core.errors import IntegrityError, NotFoundError
from salus.core.event_pages import event_pages
from salus.core.ids import LeafHash, ParticipantId, Root
from salus.core.labels import MAX_LEVEL
from salus.core.merkle import MerkleTree

_SHARES_AT_ONCE = 1000
Progress = Callable[[int], None]
"""Told the number of the last block looked at."""


@dataclass(slots=True)
class Holding:
    """What is kept of one source, in batches and record versions.

    `whole` have a share that opens, `erased` were destroyed by order, `damaged` don't open, `keyless` lack the key they
    rest under, `missing` should be here and aren't, `half` came back without their inner share of level 5. `absent`
    batches are anchored and were never deposited here, `altered` ones have leaves that don't make the root.
    """

    batches: int = 0
    versions: int = 0
    whole: int = 0
    erased: int = 0
    damaged: int = 0
    keyless: int = 0
    missing: int = 0
    half: int = 0
    absent: list[Root] = field(default_factory=list)
    altered: list[Root] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether everything could be released that should be."""
        return not (self.damaged or self.keyless or self.missing or self.half or self.absent or self.altered)


class Standing(Enum):
    """How a record version's shares are here; the values are names of counts in `Holding`."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    KEYLESS = "keyless"
    MISSING = "missing"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class AnchoredBatch:
    """A batch that the chain has anchored."""

    source: ParticipantId
    root: Root
    count: int
    custodian_set: int


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
    for batch in anchored_batches(custodian, view, tell):
        holding = sources.setdefault(batch.source, Holding())
        holding.batches += 1
        holding.versions += batch.count
        kept = custodian.store.kept_in(batch.source, batch.root)
        if kept is None:
            holding.absent.append(batch.root)
            continue
        if len(kept) == batch.count and MerkleTree(record.leaf_hash for record in kept).root != batch.root:
            holding.altered.append(batch.root)
        gaps[batch.source] += batch.count - len(kept)
        for standing, count in Counter(standings(custodian, kept).values()).items():
            setattr(holding, standing.value, getattr(holding, standing.value) + count)
    for source, gap in gaps.items():
        # Erased versions leave no row in their batch, and a tombstone each.
        erased = min(gap, custodian.store.tombstones(source))
        sources[source].erased = erased
        sources[source].missing += gap - erased
    return Audit(view.final.number, sources)


def anchored_batches(custodian: Custodian, view: View, tell: Progress = lambda _: None) -> Iterator[AnchoredBatch]:
    """Every batch anchored, up to the final block, for a set this custodian is in."""
    mine: dict[int, bool] = {}
    for last, events in event_pages(custodian.chain, 0, view.final.number):
        for event in events:
            if (event.contract, event.name) != ("RecordRegistry", "BatchAnchored"):
                continue
            number = int(event.args["custodianSet"])
            if number not in mine:
                mine[number] = custodian.id in custodian.chain.custodian_set(number, view.final).members
            if mine[number]:
                source, root = ParticipantId(event.args["sourceId"]), Root(event.args["root"])
                yield AnchoredBatch(source, root, int(event.args["count"]), number)
        tell(last)


def standings(custodian: Custodian, kept: Sequence[KeptRecord]) -> dict[LeafHash, Standing]:
    """How the shares of record versions are here."""
    found: dict[LeafHash, Standing] = {}
    for start in range(0, len(kept), _SHARES_AT_ONCE):
        some = kept[start : start + _SHARES_AT_ONCE]
        shares = custodian.store.shares(record.key for record in some)
        marks = custodian.store.fingerprints(record.key for record in some)
        for record in some:
            found[record.leaf_hash] = _standing(custodian, record, shares.get(record.key), marks[record.key])
    return found


def _standing(custodian: Custodian, record: KeptRecord, wrapped: WrappedShare | None, mark: bytes) -> Standing:
    if wrapped is None:
        return Standing.MISSING
    try:
        share, inner = unwrap(wrapped, record.source, record.leaf_hash, custodian.keys)
    except NotFoundError:
        return Standing.KEYLESS
    except IntegrityError:
        return Standing.DAMAGED
    if fingerprint(share, inner) != mark:
        return Standing.DAMAGED
    return Standing.HALF if record.leaf.level == MAX_LEVEL and inner is None else Standing.WHOLE
