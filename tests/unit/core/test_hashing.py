import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from salus.core.hashing import Tag, keccak, sha256, words
from tests.unit.core.strategies import bytes32, uint


def test_keccak__empty__is_keccak_and_not_sha3() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_sha256__abc__fips_180_vector() -> None:
    assert sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(uint(256), bytes32, st.binary(min_size=20, max_size=20), st.booleans())
def test_words__every_kind__equal_to_abi_encode(number: int, value: bytes, account: bytes, flag: bool) -> None:
    types = ["uint256", "bytes32", "address", "bool", "bytes32"]
    assert words(number, value, account, flag, Tag.LEAF) == encode(
        types, [number, value, account, flag, Tag.LEAF.value]
    )


@pytest.mark.parametrize("value", [-1, 2**256, b"", b"\x00" * 19, b"\x00" * 31, b"\x00" * 33, b"\x00" * 64], ids=repr)
def test_words__no_word__refused(value: int | bytes) -> None:
    with pytest.raises(ValueError):
        words(value)


def test_tags__all__distinct_and_named_after_the_protocol() -> None:
    assert len({tag.value for tag in Tag}) == len(Tag)
    assert {tag.value for tag in Tag} == {keccak(f"salus.{tag.name.lower()}.v1".encode()) for tag in Tag}
