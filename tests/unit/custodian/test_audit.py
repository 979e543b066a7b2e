"""The audit of shares: whole only when everything anchored could be released."""

from __future__ import annotations

from dataclasses import replace

from custodian.audit import Audit, Holding, audit
from custodian.sweeps import sweep_orders
from salus.adapters.memory import MemoryPeriodKeys
from salus.core.custody import WrappedShare
from salus.core.ids import LeafHash
from tests.custody_stage import Case, Draft
from tests.unit.custodian.conftest import MemoryStage


def tell_of(stage: MemoryStage, leaves: list[LeafHash], root: bytes, custodian_set: int | None = None) -> None:
    """Have the chain tell of a batch, as the registry does."""
    number = stage.custodian_set if custodian_set is None else custodian_set
    args = {"sourceId": stage.source.id, "root": root, "count": len(leaves), "custodianSet": number}
    stage.chain.emit("RecordRegistry", "BatchAnchored", args)


def told(stage: MemoryStage, *drafts: Draft) -> Case:
    """A case whose first batch the chain tells of."""
    case = Case(stage, *drafts)
    tell_of(stage, case.leaves, stage.root(case.records))
    return case


def only(found: Audit) -> Holding:
    """The holding of the one source."""
    (holding,) = found.sources.values()
    return holding


def test_audit__everything_there__is_whole_and_says_how_much(stage: MemoryStage) -> None:
    told(stage, Draft(), Draft())
    told(stage, Draft())
    tell_of(stage, [LeafHash(bytes(32))], b"r" * 32, custodian_set=9)  # of a set it is not in
    stage.chain.set_custodians(9, (stage.custodians[1], stage.custodians[2]), 2)
    found = audit(stage.members[0])
    assert found.is_whole
    assert only(found) == Holding(batches=2, versions=3, whole=3)


def test_audit__batch_that_was_never_deposited__is_absent(stage: MemoryStage) -> None:
    told(stage, Draft())
    root = b"\x07" * 32
    tell_of(stage, [LeafHash(bytes(32))] * 5, root)
    found = audit(stage.members[0])
    assert not found.is_whole
    assert (only(found).absent, only(found).versions, only(found).whole) == ([root], 6, 1)


def test_audit__share_damaged_moved_or_without_key__is_told(stage: MemoryStage) -> None:
    told(stage, Draft(), Draft(), Draft())
    member = stage.members[0]
    shares = member.store._shares  # type: ignore[attr-defined]  # damage is done behind the store's back
    first, second, third = sorted(shares)
    blob = shares[first].blob
    kept = dict(shares)
    shares[first] = WrappedShare(shares[first].period, blob[:-1] + bytes([blob[-1] ^ 1]))
    assert only(audit(member)) == Holding(batches=1, versions=3, whole=2, damaged=1)
    shares[second] = shares[third]
    assert only(audit(member)) == Holding(batches=1, versions=3, whole=1, damaged=2)
    del shares[second]
    assert only(audit(member)) == Holding(batches=1, versions=3, whole=1, damaged=1, missing=1)
    shares.update(kept)
    assert audit(member).is_whole
    lost = replace(member, keys=MemoryPeriodKeys())
    assert only(audit(lost)) == Holding(batches=1, versions=3, keyless=3)


def test_audit__row_lost_or_another_there__is_told(stage: MemoryStage) -> None:
    case, other = told(stage, Draft(), Draft()), Case(stage, Draft())
    member = stage.members[0]
    store = member.store
    batches = store._batches  # type: ignore[attr-defined]
    batch, another = (
        batches[stage.source.id, stage.root(case.records)],
        batches[stage.source.id, stage.root(other.records)],
    )
    whole = list(batch.records)
    batch.records[:] = whole[:1]
    assert only(audit(member)) == Holding(batches=1, versions=2, whole=1, missing=1)
    batch.records[:] = [whole[0], another.records[0]]
    assert only(audit(member)).altered == [stage.root(case.records)]


def test_audit__destroyed_by_order__is_counted_and_whole(stage: MemoryStage) -> None:
    case = told(stage, Draft(), Draft())
    member = stage.members[0]
    stage.order(case.records[0].leaf.record_id, case.patient)
    stage.end_cooling_off()
    sweep_orders(member)
    found = audit(member)
    assert found.is_whole
    assert only(found) == Holding(batches=1, versions=2, whole=1, erased=1)
