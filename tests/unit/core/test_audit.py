from dataclasses import replace

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from salus.core.audit import Entry, EntryKind, LogHead
from salus.core.hashing import keccak
from salus.core.ids import Address
from tests.unit.core.strategies import addresses, bytes32, uint

entries = st.builds(Entry, emitter=addresses, key=bytes32, kind=uint(8), code=uint(16), reference=bytes32, at=uint(64))
heads = st.builds(LogHead, head=uint(208), count=st.integers(0, 2**48 - 2))


@given(entries, uint(64))
def test_digest__of_any_entry__is_abi_encode_hashed(entry: Entry, chain_id: int) -> None:
    types = ["bytes32", "uint256", "address", "bytes32", "uint8", "uint16", "bytes32", "uint64"]
    values = [
        keccak(b"salus.entry.v1"),
        chain_id,
        entry.emitter,
        entry.key,
        entry.kind,
        entry.code,
        entry.reference,
        entry.at,
    ]
    assert entry.digest(chain_id) == keccak(encode(types, values))


@given(entries, st.sampled_from(["emitter", "key", "kind", "code", "reference", "at"]), entries)
def test_digest__any_field_changed__another_digest(entry: Entry, field: str, other: Entry) -> None:
    changed = replace(entry, **{field: getattr(other, field)})
    assert (changed == entry) == (changed.digest(1) == entry.digest(1))
    assert entry.digest(1) != entry.digest(2)


@given(heads, bytes32)
def test_after__any_head__low_208_bits_and_one_more(head: LogHead, digest: bytes) -> None:
    encoded = encode(["bytes32", "uint256", "bytes32"], [keccak(b"salus.head.v1"), head.head, digest])
    following = head.after(digest)
    assert following.head == int.from_bytes(keccak(encoded), "big") % 2**208
    assert following.count == head.count + 1


@given(heads)
def test_slot__of_any_head__and_back(head: LogHead) -> None:
    assert LogHead.from_slot(head.slot()) == head
    assert head.slot() < 2**256


@given(st.lists(bytes32, min_size=2, max_size=8, unique=True), st.data())
def test_chain__entry_left_out_swapped_or_changed__another_head(digests: list[bytes], data: st.DataObject) -> None:
    def head_of(row: list[bytes]) -> LogHead:
        head = LogHead()
        for digest in row:
            head = head.after(digest)
        return head

    at = data.draw(st.integers(0, len(digests) - 2))
    shorter = digests[:at] + digests[at + 1 :]
    swapped = [*digests[:at], digests[at + 1], digests[at], *digests[at + 2 :]]
    changed = [*digests[:at], bytes(32) if any(digests[at]) else b"\x01" * 32, *digests[at + 1 :]]
    assert len({head_of(row) for row in (digests, shorter, swapped, changed)}) == 4


def test_head__fresh_chain__zero_slot() -> None:
    assert LogHead.from_slot(0) == LogHead()


@pytest.mark.parametrize("at", [-1, 2**256])
def test_digest__number_that_fills_no_word__refused(at: int) -> None:
    with pytest.raises(ValueError):
        Entry(Address("0x" + "11" * 20), bytes(32), 1, 0, bytes(32), at).digest(1)


def test_kinds__numbers__as_the_protocol_page() -> None:
    from tests.vectors.makers.typed import PAGE

    section = PAGE.read_text().split("## 6.")[1].split("Kinds:")[1].split("\n\n")[0]
    words = section.replace("·", " ").replace(".", " ").split()
    assert {name: int(number) for number, name in zip(words[::2], words[1::2], strict=True)} == {
        kind.name: int(kind) for kind in EntryKind
    }
