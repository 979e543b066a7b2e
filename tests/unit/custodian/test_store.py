"""One suite of behaviour for the custodian's store, in memory and on SQLite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Barrier, Thread

import pytest

from custodian.ports import CustodianStore
from salus.adapters.database.custodian import DatabaseCustodianStore
from salus.adapters.database.engine import open_engine
from salus.adapters.database.migrate import migrate
from salus.adapters.memory import MemoryCustodianStore, SeededRandomness
from salus.core.custody import DepositBatch, DepositedRecord, Order, WrappedShare, log_entry
from salus.core.errors import ConflictError, SetupError
from salus.core.hashing import sha256
from salus.core.ids import ZERO32, LeafHash, ParticipantId, RecordId, Root, SubjectRef
from salus.core.leaf import Leaf, topics_commitment
from salus.core.merkle import MerkleTree
from tests.databases import url_of

CHAIN_ID = 31337
SOURCE = ParticipantId(sha256(b"source"))
OTHER = ParticipantId(sha256(b"other source"))
SUBJECT = SubjectRef(sha256(b"subject"))


def open_store(path: Path) -> DatabaseCustodianStore:
    engine = open_engine(url_of(path, "custodian"))
    migrate(engine, "custodian")
    return DatabaseCustodianStore(engine)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CustodianStore]:
    opened: CustodianStore = (
        MemoryCustodianStore() if request.param == "memory" else open_store(tmp_path / "custodian.db")
    )
    yield opened
    opened.close()


def item(name: str, version: int = 1, subject: SubjectRef = SUBJECT, share: bytes = b"share") -> DepositedRecord:
    salt = sha256(name.encode())[:16]
    leaf = Leaf(
        record_id=RecordId(sha256(name.encode())),
        version=version,
        previous=LeafHash(ZERO32 if version == 1 else sha256(b"before")),
        subject=subject,
        envelope_digest=sha256(f"{name}|{version}".encode()),
        content_commitment=sha256(b"content"),
        categories=1 << 36,
        level=3,
        confidentiality=3,
        form=0,
        first_day=20_000,
        last_day=20_001,
        topics_commitment=topics_commitment(salt, 5),
        custodian_set=1,
    )
    return DepositedRecord(leaf.hash(CHAIN_ID), leaf, 5, salt, WrappedShare("2026-11", share * 8), sha256(share))


def batch_of(*items: DepositedRecord, source: ParticipantId = SOURCE, at: int = 1000) -> DepositBatch:
    return DepositBatch(source, MerkleTree(i.leaf_hash for i in items).root, 1, at, items)


def forgotten(_: Iterable[tuple[LeafHash, WrappedShare]]) -> None:
    """Keys of shares are destroyed."""


def content(kind: str = "deposit", reference: str = "") -> dict[str, str]:
    return {"kind": kind, "reference": reference}


def test_store__batch__tells_what_is_kept_of_it(store: CustodianStore) -> None:
    first, second = item("a"), item("b")
    batch = batch_of(first, second)
    store.deposit(batch, content())
    kept = store.kept_in(SOURCE, batch.root)
    assert kept is not None
    assert {one.leaf_hash for one in kept} == {first.leaf_hash, second.leaf_hash}
    marks = store.fingerprints(one.key for one in kept)
    assert {marks[one.key] for one in kept} == {first.fingerprint, second.fingerprint}
    assert store.kept_in(SOURCE, Root(bytes(32))) is None
    assert store.kept_in(ParticipantId(bytes(32)), batch.root) is None
    assert store.tombstones(SOURCE) == 0
    store.erase(SOURCE, first.leaf.record_id, SUBJECT, 2000, lambda _: content("destroy"), forgotten)
    left = store.kept_in(SOURCE, batch.root)
    assert left is not None
    assert [one.leaf_hash for one in left] == [second.leaf_hash]
    assert (store.tombstones(SOURCE), store.tombstones(ParticipantId(bytes(32)))) == (1, 0)


def test_store__deposit__is_found_with_every_field(store: CustodianStore) -> None:
    first, second = item("a"), item("b")
    store.deposit(batch_of(first, second), content())
    found = store.find([first.leaf_hash, LeafHash(sha256(b"unknown"))])
    assert list(found) == [first.leaf_hash]
    [kept] = found[first.leaf_hash]
    assert (kept.leaf, kept.topics, kept.source, kept.anchored) == (first.leaf, 5, SOURCE, False)
    assert kept.leaf.hash(CHAIN_ID) == first.leaf_hash
    assert store.shares([kept.key]) == {kept.key: first.share}
    assert [k.leaf_hash for k in store.of_subject(SUBJECT)] == [first.leaf_hash, second.leaf_hash]
    assert store.of_subject(SubjectRef(ZERO32)) == []


def test_store__notes__stay_as_first_given_until_erased(store: CustodianStore) -> None:
    first, second = replace(item("a"), note=b"of a"), replace(item("b"), note=bytes(1024))
    third, late = item("c"), replace(item("d"), note=b"of d")
    batch = batch_of(first, second, third)
    store.deposit(batch, content())
    store.deposit(batch_of(replace(first, note=b"other"), replace(third, note=b"late"), late), content())
    keys = {one.leaf_hash: one.key for one in store.of_subject(SUBJECT)}
    told = {keys[first.leaf_hash]: b"of a", keys[second.leaf_hash]: bytes(1024), keys[late.leaf_hash]: b"of d"}
    assert store.notes(keys.values()) == told
    store.erase(SOURCE, first.leaf.record_id, SUBJECT, 2000, lambda _: content("destroy"), forgotten)
    del told[keys[first.leaf_hash]]
    assert store.notes(keys.values()) == told
    assert store.notes([]) == {}


def test_store__deposited_batch__is_named_with_its_set_and_count(store: CustodianStore) -> None:
    batch = batch_of(item("a"), item("b"))
    store.deposit(batch, content())
    found = store.deposited_batch(SOURCE, batch.root)
    assert found is not None
    assert (found.source, found.root, found.custodian_set, found.count) == (SOURCE, batch.root, 1, 2)
    assert store.deposited_batch(OTHER, batch.root) is None
    assert store.deposited_batch(SOURCE, Root(ZERO32)) is None


def test_store__of_another_custodian_or_deployment__says_so(tmp_path: Path) -> None:
    opened, council = open_store(tmp_path / "custodian.db"), bytes(20)
    for _ in range(2):
        opened.belong_to(SOURCE, CHAIN_ID, council)
    opened.accept_chain(7, ZERO32, 1000, content())
    with pytest.raises(SetupError, match="another custodian"):
        opened.belong_to(OTHER, CHAIN_ID, council)
    for chain_id, at in ((CHAIN_ID + 1, council), (CHAIN_ID, bytes([1]) * 20)):
        with pytest.raises(SetupError, match="another chain"):
            opened.belong_to(SOURCE, chain_id, at)
    opened.belong_to(SOURCE, CHAIN_ID, council)
    opened.close()


def test_store__same_deposit_again__changes_nothing(store: CustodianStore) -> None:
    batch = batch_of(item("a"), item("b"))
    store.deposit(batch, content())
    store.deposit(batch, content())
    assert len(store.of_subject(SUBJECT)) == 2
    assert len(store.log(0, 10)) == 1


def test_store__same_leaf_other_share__conflicts_and_stores_nothing(store: CustodianStore) -> None:
    store.deposit(batch_of(item("a")), content())
    with pytest.raises(ConflictError):
        store.deposit(batch_of(item("b"), item("a", share=b"other")), content())
    assert len(store.of_subject(SUBJECT)) == 1
    assert len(store.log(0, 10)) == 1


def test_store__same_root_other_set__conflicts(store: CustodianStore) -> None:
    batch = batch_of(item("a"))
    store.deposit(batch, content())
    with pytest.raises(ConflictError):
        store.deposit(replace(batch, custodian_set=2), content())


def test_store__same_leaf_by_another_source__is_kept_beside(store: CustodianStore) -> None:
    first = item("a")
    store.deposit(batch_of(first, source=OTHER), content())
    store.deposit(batch_of(item("a", share=b"true")), content())
    assert {kept.source for kept in store.find([first.leaf_hash])[first.leaf_hash]} == {SOURCE, OTHER}


def test_store__leaf_in_two_batches__is_anchored_by_either(store: CustodianStore) -> None:
    first, second = item("a"), item("b")
    store.deposit(batch_of(first), content())
    store.deposit(batch_of(first, second), content())
    [kept] = store.find([first.leaf_hash])[first.leaf_hash]
    refs = store.batches_of([kept.key])[kept.key]
    assert [ref.count for ref in refs] == [1, 2]
    assert store.open_batches(0, 10) == refs
    assert store.open_batches(0, 1) == refs[:1]
    assert store.open_batches(1001, 10) == []
    store.mark_anchored({refs[1].key: 2000})
    assert store.open_batches(0, 10) == refs[:1]
    assert all(k.anchored for k in store.of_subject(SUBJECT))
    assert store.batches_of([kept.key]) == {kept.key: refs[:1]}


def test_store__newest__counts_anchored_versions_of_the_source_only(store: CustodianStore) -> None:
    old, new = item("a", 1), item("a", 2)
    store.deposit(batch_of(old), content())
    store.deposit(batch_of(new), content())
    store.deposit(batch_of(item("a", 3), source=OTHER), content())
    record = old.leaf.record_id
    assert store.newest(SOURCE, [record]) == {}
    refs = store.open_batches(0, 10)
    store.mark_anchored({refs[0].key: 2000, refs[2].key: 2000})
    assert store.newest(SOURCE, [record]) == {record: 1}
    assert [kept.leaf.version for kept in store.unanchored_of(SOURCE, [record])] == [2]
    assert store.unanchored_of(OTHER, [record]) == []
    store.mark_anchored({refs[1].key: 2000})
    assert store.newest(SOURCE, [record, RecordId(ZERO32)]) == {record: 2}


def test_store__nonce__is_admitted_once(store: CustodianStore) -> None:
    store.admit(b"n" * 52, 1000)
    with pytest.raises(ConflictError):
        store.admit(b"n" * 52, 1001)
    store.admit(b"m" * 52, 1001)


def test_store__nonce_at_the_end_of_the_window__is_still_refused(store: CustodianStore) -> None:
    store.admit(b"n" * 52, 1000)
    for at in range(1000, 1130, 10):
        store.admit(at.to_bytes(52, "big"), at)
    with pytest.raises(ConflictError):
        store.admit(b"n" * 52, 1130)


def test_store__seen_block__only_rises(store: CustodianStore) -> None:
    assert store.seen_block() is None
    store.see_block(7, b"h" * 32)
    store.see_block(5, b"l" * 32)
    assert store.seen_block() == (7, b"h" * 32)
    store.accept_chain(3, b"a" * 32, 1000, content("chain"))
    assert store.seen_block() == (3, b"a" * 32)
    assert store.log(0, 10)[0].content["kind"] == "chain"


def test_store__chain_accepted__what_the_lost_blocks_said_is_forgotten(store: CustodianStore) -> None:
    store.deposit(batch_of(item("a")), content())
    (batch,) = store.open_batches(0, 10)
    store.mark_anchored({batch.key: 1000})
    store.note_orders([], 7)
    store.set_anchored_log_day(20_000, None)
    store.accept_chain(3, b"a" * 32, 1000, content("chain"))
    assert store.open_batches(0, 10) == [batch]
    assert [kept.anchored for kept in store.of_subject(SUBJECT)] == [False]
    assert (store.swept_block(), store.anchored_log_day()) == (-1, None)


def test_store__erase__leaves_tombstones_and_one_entry(store: CustodianStore) -> None:
    items = [item("a", 1), item("a", 2), item("b")]
    store.deposit(batch_of(*items), content())
    keys = [k.key for k in store.of_subject(SUBJECT)]
    record = items[0].leaf.record_id
    assert store.erase(SOURCE, record, SUBJECT, 2000, lambda n: {"kind": "destroy", "erased": n}, forgotten) == 2
    assert store.shares(keys).keys() == {keys[2]}
    assert store.erased([i.leaf_hash for i in items]) == {items[0].leaf_hash, items[1].leaf_hash}
    assert store.versions_of(SOURCE, record) == []
    assert store.find([items[0].leaf_hash]) == {}
    assert [k.leaf_hash for k in store.of_subject(SUBJECT)] == [items[2].leaf_hash]
    assert store.erase(SOURCE, record, SUBJECT, 2001, lambda n: {"kind": "destroy", "erased": n}, forgotten) == 2
    assert [e.content["kind"] for e in store.log(0, 10)] == ["deposit", "destroy"]
    assert store.log(0, 10)[1].content["erased"] == 2


def test_store__deposit_after_erasure__stays_erased(store: CustodianStore) -> None:
    batch = batch_of(item("a"), item("b"))
    store.deposit(batch, content())
    store.erase(SOURCE, batch.records[0].leaf.record_id, SUBJECT, 2000, lambda n: {"kind": "destroy"}, forgotten)
    store.deposit(batch, content())
    assert store.find([batch.records[0].leaf_hash]) == {}
    store.deposit(batch_of(item("a"), item("c")), content())
    assert store.find([batch.records[0].leaf_hash]) == {}
    later = item("a", 2)
    store.deposit(batch_of(later), content())
    assert store.of_subject(SUBJECT) == [
        kept for one in ("b", "c") for kept in store.find([item(one).leaf_hash])[item(one).leaf_hash]
    ]
    assert store.erased([later.leaf_hash]) == {later.leaf_hash}
    assert store.tombstones(SOURCE) == 2


def test_store__erase_of_unknown_record__erases_and_logs_nothing(store: CustodianStore) -> None:
    assert store.erase(SOURCE, RecordId(ZERO32), SUBJECT, 2000, lambda n: {"kind": "destroy"}, forgotten) == 0
    assert store.log(0, 10) == []
    assert store.tombstones(SOURCE) == 0


def test_store__erase__destroys_keys_of_all_versions_before_the_rows_go(store: CustodianStore) -> None:
    items = [item("a", 1, share=b"first"), item("a", 2, share=b"other"), item("b")]
    store.deposit(batch_of(*items), content())
    record, asked = items[0].leaf.record_id, []

    def killed(shares: Iterable[tuple[LeafHash, WrappedShare]]) -> None:
        asked.append({(leaf, share.blob) for leaf, share in shares})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.erase(SOURCE, record, SUBJECT, 2000, lambda _: {"kind": "destroy"}, killed)
    assert asked == [{(one.leaf_hash, one.share.blob) for one in items[:2]}]
    assert len(store.versions_of(SOURCE, record)) == 2
    assert store.erase(SOURCE, record, SUBJECT, 2000, lambda _: {"kind": "destroy"}, forgotten) == 2


def test_store__orders__are_kept_until_dropped(store: CustodianStore) -> None:
    assert store.swept_block() == -1
    first, second = RecordId(sha256(b"1")), RecordId(sha256(b"2"))
    store.note_orders([Order(SOURCE, first, SUBJECT, 10), Order(SOURCE, second, SUBJECT, 20)], 40)
    store.note_orders([Order(SOURCE, first, SUBJECT, 30)], 41)
    assert store.orders() == [Order(SOURCE, second, SUBJECT, 20), Order(SOURCE, first, SUBJECT, 30)]
    store.drop_order(SOURCE, second, SUBJECT)
    assert store.orders() == [Order(SOURCE, first, SUBJECT, 30)]
    assert store.swept_block() == 41


def test_store__log__is_one_chain_whose_time_never_falls(store: CustodianStore) -> None:
    for at in (1000, 900, 1100):
        store.append({"kind": "list", "reference": f"0x{at % 1000:02x}", "n": at}, at)
    entries = store.log(0, 10)
    assert [e.index for e in entries] == [1, 2, 3]
    assert [e.at for e in entries] == [1000, 1000, 1100]
    previous = ZERO32
    for entry in entries:
        assert entry == log_entry(entry.index, entry.at, previous, entry.content)
        previous = entry.digest
    assert store.log(1, 1) == entries[1:2]
    assert store.log_between(1000, 1100) == [(e.index, e.digest) for e in entries[:2]]
    assert store.first_log_time() == 1000
    assert store.log_about("0x384", "list") == entries[1:2]
    assert store.log_about("0x384", "release") == []


def test_store__log_day__is_remembered(store: CustodianStore) -> None:
    assert store.anchored_log_day() is None
    store.set_anchored_log_day(20_000, None)
    store.set_anchored_log_day(20_001, Root(sha256(b"root")))
    assert store.anchored_log_day() == 20_001


def test_store__periods_in_use__shrink_with_erasure(store: CustodianStore) -> None:
    batch = batch_of(item("a"))
    store.deposit(batch, content())
    assert store.periods_in_use() == {"2026-11"}
    store.erase(SOURCE, batch.records[0].leaf.record_id, SUBJECT, 2000, lambda n: {"kind": "destroy"}, forgotten)
    assert store.periods_in_use() == set()


def test_store__many_writers__make_one_gapless_log(store: CustodianStore) -> None:
    barrier = Barrier(4)

    def write(writer: int) -> None:
        barrier.wait()
        for number in range(10):
            store.append({"kind": "list", "writer": writer, "number": number}, 1000)

    threads = [Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = store.log(0, 100)
    assert [e.index for e in entries] == list(range(1, 41))
    assert all(b.previous == a.digest for a, b in pairwise(entries))


def test_store__thousand_items__fit_one_deposit(store: CustodianStore) -> None:
    random = SeededRandomness("store")
    items = [item(random(8).hex()) for _ in range(1000)]
    store.deposit(batch_of(*items), content())
    assert len(store.find([i.leaf_hash for i in items])) == 1000


def test_store__opened_again__holds_everything(tmp_path: Path) -> None:
    path = tmp_path / "custodian.db"
    store = open_store(path)
    batch = batch_of(item("a"), item("b"))
    store.deposit(batch, content())
    store.admit(b"n" * 52, 1000)
    store.see_block(9, b"h" * 32)
    store.erase(SOURCE, batch.records[1].leaf.record_id, SUBJECT, 2000, lambda n: {"kind": "destroy"}, forgotten)
    store.close()
    again = open_store(path)
    [kept] = again.of_subject(SUBJECT)
    assert again.shares([kept.key])[kept.key] == batch.records[0].share
    assert again.seen_block() == (9, b"h" * 32)
    assert again.erased([batch.records[1].leaf_hash]) == {batch.records[1].leaf_hash}
    assert len(again.log(0, 10)) == 2
    with pytest.raises(ConflictError):
        again.admit(b"n" * 52, 1001)
    again.close()


def test_store__erased_share__is_not_in_the_files(tmp_path: Path) -> None:
    path = tmp_path / "custodian.db"
    store = open_store(path)
    secret = b"find me in the file!"
    batch = batch_of(item("a", share=secret), item("b"))
    store.deposit(batch, content())
    assert any(secret in file.read_bytes() for file in tmp_path.iterdir())
    store.erase(SOURCE, batch.records[0].leaf.record_id, SUBJECT, 2000, lambda n: {"kind": "destroy"}, forgotten)
    assert not any(secret in file.read_bytes() for file in tmp_path.iterdir())
    store.close()
