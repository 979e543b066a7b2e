from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from salus.core.canonical import canonical, parse
from salus.core.errors import InputError
from salus.core.hashing import keccak, sha256
from salus.core.labels import Topic
from salus.core.leaf import Leaf, content_commitment, topics_commitment
from tests.unit.core.strategies import bytes16, leaves, uint
from tests.vectors.samples import leaf

TYPES = [
    "bytes32",
    "uint256",
    "bytes32",
    "uint32",
    "bytes32",
    "bytes32",
    "bytes32",
    "bytes32",
    "uint64",
    "uint8",
    "uint8",
    "uint8",
    "uint32",
    "uint32",
    "bytes32",
    "uint32",
]
NUMBERS = {
    "version": 32,
    "categories": 64,
    "level": 8,
    "confidentiality": 8,
    "form": 8,
    "firstDay": 32,
    "lastDay": 32,
    "custodianSet": 32,
}


@given(leaves, uint(64))
def test_hash__of_any_leaf__is_abi_encode_hashed_twice(value: Leaf, chain_id: int) -> None:
    row = [getattr(value, field.name) for field in fields(Leaf)]
    assert value.hash(chain_id) == keccak(keccak(encode(TYPES, [keccak(b"salus.leaf.v1"), chain_id, *row])))


@given(leaves, leaves, st.sampled_from([field.name for field in fields(Leaf)]))
def test_hash__any_field_changed__another_hash(value: Leaf, other: Leaf, field: str) -> None:
    changed = replace(value, **{field: getattr(other, field)})
    assert (changed == value) == (changed.hash(1) == value.hash(1))


@given(leaves)
def test_json__of_any_leaf__and_back(value: Leaf) -> None:
    assert Leaf.from_json(parse(canonical(value.to_json()))) == value


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("kind", ["missing", "negative", "wide", "text", "fraction", "truth"])
def test_json__number_malformed__refused(name: str, kind: str) -> None:
    wrong = {"negative": -1, "wide": 1 << NUMBERS[name], "text": "1", "fraction": Decimal("1.5"), "truth": True}
    shown = leaf().to_json()
    if kind == "missing":
        del shown[name]
    else:
        shown[name] = wrong[kind]
    with pytest.raises(InputError):
        Leaf.from_json(shown)


@pytest.mark.parametrize("name", sorted(set(leaf().to_json()) - set(NUMBERS)))
@pytest.mark.parametrize("value", ["0x", "0x" + "ab" * 31, None, 5, "ab" * 32], ids=repr)
def test_json__bytes_malformed__refused(name: str, value: Any) -> None:
    with pytest.raises(InputError):
        Leaf.from_json(leaf().to_json() | {name: value})


@pytest.mark.parametrize("value", [{}, [], None, "x"])
def test_json__another_shape__refused(value: Any) -> None:
    with pytest.raises(InputError):
        Leaf.from_json(value)


@given(bytes16, st.binary(max_size=64))
def test_content_commitment__any_content__salted_sha256(salt: bytes, content: bytes) -> None:
    assert content_commitment(salt, content) == sha256(b"salus.content.v1" + salt + content)


@given(bytes16, uint(32))
def test_topics_commitment__any_mask__salted_keccak(salt: bytes, topics: int) -> None:
    encoded = encode(["bytes32", "bytes32", "uint32"], [keccak(b"salus.topics.v1"), salt + bytes(16), topics])
    assert topics_commitment(salt, topics) == keccak(encoded)


@given(bytes16, bytes16)
def test_topics_commitment__another_salt__no_guess_confirmed(salt: bytes, other: bytes) -> None:
    if salt != other:
        guesses = {topics_commitment(other, mask) for mask in range(64)}
        assert topics_commitment(salt, Topic.HIV) not in guesses


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_commitments__salt_of_another_length__refused(size: int) -> None:
    with pytest.raises(InputError):
        content_commitment(bytes(size), b"")
    with pytest.raises(InputError):
        topics_commitment(bytes(size), 0)
