import hashlib
import hmac
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from salus.core.errors import InputError
from salus.core.hashing import keccak
from salus.core.ids import (
    ZERO_ADDRESS,
    Address,
    ParticipantId,
    SubjectRef,
    address_bytes,
    chain_key,
    from_hex,
    hex32,
    participant_id,
    read_address,
    record_id,
    role_id,
    subject_ref,
    to_address,
)
from tests.unit.core.strategies import addresses, bytes32, uint


@given(uint(64), addresses, bytes32)
def test_participant_id__of_an_applicant__is_the_protocol_hash(chain: int, applicant: Address, salt: bytes) -> None:
    encoded = encode(
        ["bytes32", "uint256", "address", "bytes32"], [keccak(b"salus.participant.v1"), chain, applicant, salt]
    )
    assert participant_id(chain, applicant, salt) == keccak(encoded)


@given(uint(64), bytes32, bytes32)
def test_subject_ref__of_a_seed__is_the_protocol_hash(chain: int, source: bytes, seed: bytes) -> None:
    encoded = encode(["bytes32", "uint256", "bytes32", "bytes32"], [keccak(b"salus.subject.v1"), chain, source, seed])
    assert subject_ref(chain, ParticipantId(source), seed) == keccak(encoded)


@given(bytes32, st.text(max_size=20))
def test_record_id__of_a_key__is_the_keyed_hash(secret: bytes, key: str) -> None:
    try:
        expected = hmac.digest(secret, b"record|" + key.encode(), hashlib.sha256)
    except UnicodeEncodeError:
        return
    assert record_id(secret, key) == expected


def test_record_id__another_secret__another_id() -> None:
    assert record_id(b"a" * 32, "key") != record_id(b"b" * 32, "key")


def test_role_id__of_a_contract__is_the_protocol_hash() -> None:
    assert role_id("AuditLog") == keccak(b"salus.role.AuditLog")


@given(addresses, bytes32)
def test_chain_key__of_an_owner__fills_32_bytes(account: Address, subject: bytes) -> None:
    assert chain_key(account) == bytes(12) + bytes.fromhex(account[2:])
    assert chain_key(SubjectRef(subject)) == subject


@given(st.binary(min_size=20, max_size=20))
def test_to_address__any_bytes__eip_55_and_back(raw: bytes) -> None:
    address = to_address(raw)
    assert str(address) == str(to_checksum_address(raw))
    assert address_bytes(address) == raw


@given(addresses)
def test_read_address__any_case__checksummed(address: Address) -> None:
    assert read_address(address.lower()) == address
    assert read_address("0x" + address[2:].upper()) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "0x" + "a" * 39,
        "0x" + "a" * 41,
        "a" * 40,
        "a" * 42,
        "0X" + "a" * 40,
        "0x" + "g" * 40,
        "0x" + "ab " * 20,
        " 0x" + "a" * 40,
        "0x" + "a" * 40 + "\n",
        "0x" + "٣" * 40,
        None,
        5,
        b"a" * 20,
    ],
    ids=repr,
)
def test_address_bytes__no_address__refused(text: Any) -> None:
    with pytest.raises(InputError):
        address_bytes(text)
    with pytest.raises(InputError):
        read_address(text)


def test_address_bytes__zero_address__twenty_zeros() -> None:
    assert address_bytes(ZERO_ADDRESS) == bytes(20)


@pytest.mark.parametrize("size", [0, 19, 21, 32])
def test_to_address__other_length__refused(size: int) -> None:
    with pytest.raises(InputError):
        to_address(bytes(size))


@given(st.binary(max_size=80))
def test_from_hex__of_hex32__same_bytes(value: bytes) -> None:
    assert from_hex(hex32(value), None) == value
    assert from_hex("0x" + value.hex().upper(), len(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "0x" + "ab " * 32,
        "0x" + "ab" * 31,
        "0x" + "ab" * 33,
        "0x" + "a" * 63,
        "ab" * 32,
        "0x" + "zz" * 32,
        "0x0x" + "ab" * 31,
        "0x" + "ab" * 32 + "\n",
        "0x" + "\u0660" * 64,
        "0x" + "\uff21" * 64,
        "0x" + "+a" * 32,
        "0X" + "ab" * 32,
        "",
        None,
        7,
        ["0x"],
        b"\xab" * 32,
    ],
    ids=repr,
)
def test_from_hex__not_32_bytes_of_hex__refused(text: Any) -> None:
    with pytest.raises(InputError):
        from_hex(text)
