from typing import Any

import pytest
import rlp as pyrlp
from hypothesis import given
from hypothesis import strategies as st

from salus.core import rlp
from salus.core.errors import IntegrityError

strings = st.binary(max_size=80) | st.binary(min_size=32, max_size=32) | st.binary(min_size=250, max_size=300)
items = st.recursive(strings, lambda inner: st.lists(inner, max_size=20), max_leaves=40)


@given(items)
def test_encode__any_item__as_pyrlp(item: Any) -> None:
    assert rlp.encode(item) == pyrlp.encode(item)


@given(items)
def test_decode__of_encoded__the_item(item: Any) -> None:
    assert rlp.decode(rlp.encode(item)) == item


@given(st.integers(0, 2**256))
def test_encode__integer__as_pyrlp(value: int) -> None:
    assert rlp.encode(value) == pyrlp.encode(value)
    assert rlp.number(rlp.decode(rlp.encode(value)), 33) == value


@given(st.binary(max_size=120))
def test_decode__any_bytes__refused_or_their_one_encoding(data: bytes) -> None:
    try:
        item = rlp.decode(data)
    except IntegrityError:
        return
    assert rlp.encode(item) == data


@pytest.mark.parametrize(
    "data",
    [
        "",  # nothing
        "8100",  # a small byte with a prefix
        "817f",
        "82ff",  # cut short
        "b8",
        "b801ff",  # a long form of a short length
        "b837" + "00" * 55,
        "b90038" + "00" * 56,  # a length with a leading zero
        "b800",
        "bfffffffffffffffff",
        "c1",  # a list cut short
        "c28100",
        "c282ff",  # an item longer than its list
        "f800",
        "f7" + "80" * 54,
        "8080",  # more than one item
        "c0c0",
        "c" + "1c" * 17 + "0",  # nested too deep
    ],
)
def test_decode__other_than_canonical__refused(data: str) -> None:
    with pytest.raises(IntegrityError):
        rlp.decode(bytes.fromhex(data))


def test_decode__a_thousand_lists_in_lists__refused_without_recursion() -> None:
    data = b"\xc0"
    for _ in range(1000):
        data = rlp.encode([]) if not data else _listed(data)
    with pytest.raises(IntegrityError, match="deeper"):
        rlp.decode(data)


def _listed(body: bytes) -> bytes:
    size = len(body)
    if size < 56:
        return bytes([0xC0 + size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0xF7 + len(length)]) + length + body


@pytest.mark.parametrize("item", [[], b"\0", b"\0\1", b"\1" * 9])
def test_number__no_integer_of_8_bytes__refused(item: rlp.Item) -> None:
    with pytest.raises(IntegrityError):
        rlp.number(item, 8)


@pytest.mark.parametrize("item", [[], b"", b"\1" * 31, b"\1" * 33])
def test_text__another_length__refused(item: rlp.Item) -> None:
    with pytest.raises(IntegrityError):
        rlp.text(item, 32)


@pytest.mark.parametrize("item", [b"", [b""], [b"", b"", b""]])
def test_items__another_count__refused(item: rlp.Item) -> None:
    with pytest.raises(IntegrityError):
        rlp.items(item, 0, 2)
