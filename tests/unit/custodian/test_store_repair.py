"""What repair asks of the custodian's store, in memory and on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from custodian.ports import CustodianStore
from salus.adapters.memory import MemoryCustodianStore
from salus.core.custody import DepositedRecord, RestoredBatch, WrappedShare
from salus.core.errors import ConflictError
from salus.core.hashing import sha256
from salus.core.ids import LeafHash, ParticipantId, order_id
from tests.unit.custodian.test_store import OTHER, SOURCE, SUBJECT, batch_of, content, item, open_store

NOTHING = bytes(32)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CustodianStore]:
    opened: CustodianStore = (
        MemoryCustodianStore() if request.param == "memory" else open_store(tmp_path / "custodian.db")
    )
    yield opened
    opened.close()


def restored(*items: DepositedRecord, of: tuple[DepositedRecord, ...] = ()) -> RestoredBatch:
    """Some items of a batch (all unless said)."""
    whole = batch_of(*(of or items))
    return RestoredBatch(SOURCE, whole.root, 1, len(whole.records), 900, items)


def order_of(one: DepositedRecord) -> bytes:
    return order_id(one.leaf.record_id, one.leaf.subject)


def share_of(store: CustodianStore, one: DepositedRecord) -> WrappedShare:
    [kept] = store.find([one.leaf_hash])[one.leaf_hash]
    return store.shares([kept.key])[kept.key]


def erase(store: CustodianStore, one: DepositedRecord) -> int:
    record = one.leaf.record_id
    return store.erase(SOURCE, record, SUBJECT, 2000, lambda _: content("destroy"), lambda _: None)


def test_restore__into_an_empty_store__is_kept_as_anchored_and_logged(store: CustodianStore) -> None:
    first, second = item("a"), item("b")
    store.restore(restored(first, second), content("repaired"), 1000)
    kept = store.kept_in(SOURCE, restored(first, second).root)
    assert kept is not None
    assert {one.leaf_hash for one in kept} == {first.leaf_hash, second.leaf_hash}
    assert all(one.anchored and one.deposited_at == 900 for one in kept)
    assert share_of(store, first) == first.share
    assert store.newest_anchored(SOURCE, [first.leaf.record_id]) == {first.leaf.record_id: 900}
    assert store.open_batches(0, 10) == []
    assert [entry.content["kind"] for entry in store.log(0, 10)] == ["repaired"]
    assert store.topics_salts([kept[0].key]) == {kept[0].key: first.topics_salt}


def test_restore__notes__come_with_new_versions_and_to_those_that_have_none(store: CustodianStore) -> None:
    noted, bare, new = replace(item("a"), note=b"true"), item("b"), replace(item("c"), note=b"of c")
    store.deposit(batch_of(noted, bare, new), content())
    erase(store, new)
    empty = item("d")
    told = (replace(noted, note=b"other"), replace(bare, note=b"of b"), new, empty)
    store.restore(restored(*told), content("repaired"), 1000)
    store.restore(restored(*told), content("repaired"), 1000)
    keys = {one.leaf_hash: one.key for one in store.of_subject(SUBJECT)}
    assert store.notes(keys.values()) == {keys[noted.leaf_hash]: b"true", keys[bare.leaf_hash]: b"of b"}
    assert keys.keys() == {noted.leaf_hash, bare.leaf_hash, empty.leaf_hash}


def test_restore__bit_by_bit_and_twice__is_the_whole_batch_once(store: CustodianStore) -> None:
    both = (item("a"), item("b"))
    for one in (*both, both[0]):
        store.restore(restored(one, of=both), content("repaired"), 1000)
    kept = store.kept_in(SOURCE, restored(*both).root)
    assert kept is not None
    assert len(kept) == len({one.key for one in kept}) == 2
    assert len(store.of_subject(SUBJECT)) == 2


def test_restore__version_kept_with_a_useless_share__gets_the_new_one(store: CustodianStore) -> None:
    first, second = item("a"), item("b")
    store.deposit(batch_of(first, second), content())
    again = replace(first, share=WrappedShare("2026-12", b"another wrapping of it"))
    store.restore(restored(again, of=(first, second)), content("repaired"), 1000)
    assert share_of(store, first) == again.share
    assert share_of(store, second) == second.share
    assert len(store.of_subject(SUBJECT)) == 2


def test_restore__another_share_than_was_deposited__conflicts_and_changes_nothing(store: CustodianStore) -> None:
    first = item("a")
    store.deposit(batch_of(first), content())
    with pytest.raises(ConflictError):
        store.restore(restored(replace(first, fingerprint=sha256(b"else"))), content("repaired"), 1000)
    assert share_of(store, first) == first.share
    assert len(store.log(0, 10)) == 1


def test_restore__level_5_without_its_inner_share__is_kept(store: CustodianStore) -> None:
    five = item("a")
    five = replace(five, leaf=replace(five.leaf, level=5))
    five = replace(five, leaf_hash=five.leaf.hash(31337))
    store.deposit(batch_of(five), content())
    half = replace(five, fingerprint=sha256(b"without inner"))
    store.restore(restored(half), content("repaired"), 1000)
    [kept] = store.find([five.leaf_hash])[five.leaf_hash]
    assert store.fingerprints([kept.key]) == {kept.key: half.fingerprint}


def test_restore__batch_stored_with_another_count__conflicts(store: CustodianStore) -> None:
    first = item("a")
    store.deposit(batch_of(first), content())
    with pytest.raises(ConflictError):
        store.restore(replace(restored(first), count=2), content("repaired"), 1000)


def test_restore__nothing_of_a_batch__it_is_known_and_empty(store: CustodianStore) -> None:
    """All of it is destroyed: it is not one that was never deposited."""
    batch = restored(of=(item("a"), item("b")))
    store.restore(batch, content("repaired"), 1000)
    assert store.kept_in(SOURCE, batch.root) == []


def test_restore__of_a_destroyed_record__leaves_a_tombstone_only(store: CustodianStore) -> None:
    first, second = item("a"), item("b")
    erase(store, first)  # the order was followed while the store was empty
    store.restore(restored(first, second), content("repaired"), 1000)
    kept = store.kept_in(SOURCE, restored(first, second).root)
    assert kept is not None
    assert [one.leaf_hash for one in kept] == [second.leaf_hash]
    assert store.erased([first.leaf_hash, second.leaf_hash]) == {first.leaf_hash}
    assert store.tombstones(SOURCE) == 1


def test_tombstones__left_for_what_is_not_kept__keep_it_away(store: CustodianStore) -> None:
    first, second = item("a"), item("b")
    store.deposit(batch_of(second), content())
    gone = {one.leaf_hash: order_of(one) for one in (first, second)}
    store.leave_tombstones(SOURCE, gone, 1000)
    store.leave_tombstones(SOURCE, gone, 1000)
    assert store.erased(list(gone)) == {first.leaf_hash}
    store.restore(restored(first), content("repaired"), 1000)
    assert store.find([first.leaf_hash]) == {}
    assert erase(store, first) == 1


@pytest.mark.parametrize("late", ["a deposit", "a repair", "a deposit once it was destroyed"])
def test_erase__false_tombstone_of_another_order_is_here__is_carried_out(store: CustodianStore, late: str) -> None:
    """Helpers that all lie can leave one; it must not keep the record from its own destruction for good."""
    first, other = item("a"), item("b")
    store.leave_tombstones(SOURCE, {first.leaf_hash: order_of(other)}, 1000)
    if late == "a repair":
        store.restore(restored(first), content("repaired"), 1000)
    elif late == "a deposit":
        store.deposit(batch_of(first), content())
    erase(store, first)
    store.deposit(batch_of(first, item("c")), content())
    assert store.find([first.leaf_hash]) == {}
    assert store.erased([first.leaf_hash]) == {first.leaf_hash}
    erase(store, first)


def test_tombstones__page_by_page__all_of_the_source_in_order(store: CustodianStore) -> None:
    gone = {LeafHash(sha256(bytes([number]))): sha256(b"order" + bytes([number])) for number in range(5)}
    store.leave_tombstones(SOURCE, gone, 1000)
    store.leave_tombstones(OTHER, {LeafHash(sha256(b"else")): NOTHING}, 1000)
    erase(store, item("never here"))  # an order's own mark is no version
    found, after = list[tuple[LeafHash, bytes]](), NOTHING
    while page := store.tombstones_after(SOURCE, after, 2):
        found, after = found + page, page[-1][0]
    assert found == sorted(gone.items())
    assert store.tombstones_after(ParticipantId(NOTHING), NOTHING, 9) == []


def test_log_of__kind_and_time__only_these(store: CustodianStore) -> None:
    for at, kind in ((10, "a"), (20, "b"), (30, "a")):
        store.append(content(kind), at)
    assert [entry.at for entry in store.log_of("a", 11)] == [30]
    assert [entry.at for entry in store.log_of("a", 10)] == [10, 30]
