from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salus.core import hpke
from salus.core.deposit import DepositItem, decode_items, encode_items, items_for
from salus.core.errors import EnvelopeError, InputError
from salus.core.ids import ZERO32, LeafHash, RecordId
from salus.core.labels import Category, Confidentiality, Labels, Topic
from salus.core.leaf import topics_commitment
from salus.core.leaf_row import MAX_NOTE
from salus.core.merkle import MerkleTree
from salus.core.sealing import RecordHead, SealedRecord, seal_record
from tests.unit.core.strategies import bytes16, leaves, uint
from tests.vectors.samples import SUBJECT, Tape, raw32

PRIVATE = raw32("custodian key")
share_bytes = st.binary(min_size=33, max_size=33)
notes = st.binary(max_size=60) | st.just(bytes(MAX_NOTE))


def _sealed(name: str, level: int) -> SealedRecord:
    labels = Labels(Category.LAB, level, Confidentiality.N, Topic.STD)
    head = RecordHead(RecordId(raw32(name)), 1, LeafHash(ZERO32), SUBJECT, labels, 0, 20_700, 20_700, 4)
    return seal_record(head, {"name": name}, 2, 3, Tape(name))


RECORDS = [_sealed("one", 3), _sealed("two", 5)]


def _rebuilt(leaf: Any, topics: int, salt: bytes, share: bytes, inner: bytes | None, note: bytes) -> DepositItem:
    made = replace(leaf, topics_commitment=topics_commitment(salt, topics), custodian_set=9)
    return DepositItem(made, topics, salt, share, inner, note)


items = st.builds(_rebuilt, leaves, uint(32), bytes16, share_bytes, share_bytes | st.none(), notes)


@settings(max_examples=50)
@given(st.lists(items, max_size=4))
def test_encode__any_items__decode_to_them(given_items: list[DepositItem]) -> None:
    assert decode_items(encode_items(given_items), 9) == given_items


def test_items_for__each_position__only_its_own_shares() -> None:
    for position in range(3):
        mine = items_for(RECORDS, position)
        assert [item.share for item in mine] == [record.shares[position] for record in RECORDS]
        assert [item.inner_share for item in mine] == [None, RECORDS[1].inner_shares[position]]
        payload = encode_items(mine)
        for other in {0, 1, 2} - {position}:
            assert not any(record.shares[other] in payload for record in RECORDS)


def test_decode__items_of_sealed_records__rebuild_the_batch_root() -> None:
    root = MerkleTree(record.leaf.hash(1) for record in RECORDS).root
    decoded = decode_items(encode_items(items_for(RECORDS, 0)), 4)
    assert MerkleTree(item.leaf.hash(1) for item in decoded).root == root
    assert MerkleTree(item.leaf.hash(1) for item in decode_items(encode_items(items_for(RECORDS, 0)), 5)).root != root


def test_decode__every_single_byte_changed__refused_or_seen_in_root_or_share() -> None:
    """What a changed byte can't do: leave root and shares as they were."""
    good = items_for(RECORDS, 0)
    payload = encode_items(good)
    root = MerkleTree(item.leaf.hash(1) for item in good).root
    for at in range(len(payload)):
        for mask in (0x01, 0x80, 0xFF):
            changed = bytearray(payload)
            changed[at] ^= mask
            try:
                decoded = decode_items(bytes(changed), 4)
            except InputError:
                continue
            same_root = bool(decoded) and MerkleTree(item.leaf.hash(1) for item in decoded).root == root
            same_shares = [(i.share, i.inner_share) for i in decoded] == [(i.share, i.inner_share) for i in good]
            assert not (same_root and same_shares), at


def test_sealed_payload__every_single_byte_changed__caught() -> None:
    info = hpke.deposit_info(1, raw32("root"), 4, raw32("custodian"))
    sealed = hpke.seal(encode_items(items_for(RECORDS, 0)), hpke.public_key(PRIVATE), info)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x01
        with pytest.raises(EnvelopeError):
            hpke.open_sealed(bytes(changed), PRIVATE, info)


ROW: list[Any] = msgspec.msgpack.decode(encode_items(items_for(RECORDS[:1], 0)))[0]


@pytest.mark.parametrize("at", range(16))
@pytest.mark.parametrize(
    "value", [None, -1, 2**64 - 1, "text", b"", b"\x00" * 31, b"\x00" * 34, [], 1.5, True], ids=repr
)
def test_decode__field_of_another_type_or_size__refused(at: int, value: Any) -> None:
    row = list(ROW)
    fits = (at == 15 and value is None) or (at == 6 and value == 2**64 - 1)  # no inner share; every category bit
    row[at] = "text" if fits else value
    with pytest.raises(InputError):
        decode_items(msgspec.msgpack.encode([row]), 4)


@pytest.mark.parametrize("row", [ROW[:-2], [*ROW, None], [], None, {"record_id": b""}, 5], ids=range(6))
def test_decode__row_of_another_shape__refused(row: Any) -> None:
    with pytest.raises(InputError):
        decode_items(msgspec.msgpack.encode([row]), 4)


@pytest.mark.parametrize("note", [None, "text", bytes(MAX_NOTE + 1), [], 5], ids=["none", "text", "long", "list", "5"])
def test_decode__note_too_long_or_of_another_type__refused(note: Any) -> None:
    with pytest.raises(InputError):
        decode_items(msgspec.msgpack.encode([[*ROW[:-1], note]]), 4)


def test_decode__row_of_a_source_that_knows_no_notes__has_an_empty_one() -> None:
    [item] = decode_items(msgspec.msgpack.encode([ROW[:-1]]), 4)
    assert item == items_for(RECORDS[:1], 0)[0]
    assert item.note == b""


@pytest.mark.parametrize("payload", [b"", b"\xc0", b"\xc1", b"{}", b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff"])
def test_decode__no_payload__refused(payload: bytes) -> None:
    with pytest.raises(InputError):
        decode_items(payload, 4)


def test_decode__bytes_after_the_end__refused() -> None:
    with pytest.raises(InputError):
        decode_items(encode_items(items_for(RECORDS, 0)) + b"\x00", 4)


@given(st.binary(max_size=100))
def test_decode__any_bytes__no_other_error(payload: bytes) -> None:
    for candidate in (payload, b"\x91\xdc\x00\x10" + payload):
        try:
            decode_items(candidate, 4)
        except InputError:
            continue
