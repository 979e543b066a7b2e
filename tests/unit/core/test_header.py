import json
from dataclasses import fields, replace
from typing import Any

import pytest
import rlp as pyrlp
from hypothesis import given
from hypothesis import strategies as st

from salus.core.errors import IntegrityError
from salus.core.hashing import keccak
from salus.core.header import NO_UNCLES, Header
from tests.unit.core.chains import encoded, plain, qbft_extra, recorded
from tests.unit.core.strategies import bytes32, uint

headers = st.builds(
    Header,
    parent_hash=bytes32,
    uncles_hash=bytes32,
    miner=st.binary(min_size=20, max_size=20),
    state_root=bytes32,
    transactions_root=bytes32,
    receipts_root=bytes32,
    logs_bloom=st.binary(min_size=256, max_size=256),
    difficulty=uint(256),
    number=uint(64),
    gas_limit=uint(64),
    gas_used=uint(64),
    timestamp=uint(64),
    extra_data=st.binary(max_size=400),
    mix_hash=bytes32,
    nonce=st.binary(min_size=8, max_size=8),
    base_fee=st.none() | uint(256),
)


@given(headers)
def test_header__to_json_and_back__the_same(header: Header) -> None:
    assert Header.from_json(json.loads(json.dumps(header.to_json()))) == header


@given(headers)
def test_header__to_rlp_and_back__the_same(header: Header) -> None:
    assert Header.from_rlp(header.rlp()) == header


@given(headers, st.none() | st.binary(max_size=100))
def test_rlp__any_header__as_pyrlp(header: Header, extra: bytes | None) -> None:
    assert header.rlp(extra) == encoded(header, header.extra_data if extra is None else extra)


def test_rlp__mainnet_genesis__its_hash() -> None:
    # Block 0 of the main network: a hash this project had no part in.
    genesis = replace(
        plain(),
        state_root=bytes.fromhex("d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544"),
        transactions_root=bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"),
        receipts_root=bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"),
        difficulty=0x400000000,
        gas_limit=5000,
        gas_used=0,
        timestamp=0,
        extra_data=bytes.fromhex("11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa"),
        nonce=bytes.fromhex("0000000000000042"),
    )
    assert keccak(genesis.rlp()).hex() == "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
    assert genesis.uncles_hash == NO_UNCLES


def test_to_json__of_a_header__its_own_members_only() -> None:
    told = recorded().headers[1].to_json()
    assert len(told) == 15
    assert "baseFeePerGas" not in told
    assert "hash" not in told
    assert replace(recorded().headers[1], base_fee=7).to_json()["baseFeePerGas"] == "0x7"


def test_fields__with_other_extra__in_its_place() -> None:
    header = recorded().headers[1]
    assert header.fields(b"other")[12] == b"other"
    assert header.fields()[12] == header.extra_data
    assert len(replace(header, base_fee=0).fields()) == 16


MEMBERS = sorted(plain().to_json())


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("wrong", [None, "", "0x", "0xzz", "12", "0x1 ", 7, b"\1", "0x" + "11" * 300, []])
def test_from_json__member_missing_or_malformed__refused(member: str, wrong: Any) -> None:
    if member == "extraData" and wrong in ("0x", "0x" + "11" * 300):
        return  # extraData may have any length, up to a bound
    with pytest.raises(IntegrityError, match=member):
        Header.from_json({**plain().to_json(), member: wrong})


@pytest.mark.parametrize("member", ["withdrawalsRoot", "blobGasUsed", "parentBeaconBlockRoot", "requestsHash"])
def test_from_json__of_a_later_fork__refused(member: str) -> None:
    with pytest.raises(IntegrityError, match=member):
        Header.from_json({**plain().to_json(), member: "0x0"})


@pytest.mark.parametrize("member", ["number", "gasLimit", "gasUsed", "timestamp"])
def test_from_json__number_of_more_than_64_bits__refused(member: str) -> None:
    with pytest.raises(IntegrityError, match=member):
        Header.from_json({**plain().to_json(), member: hex(2**64)})


def test_header__extra_data_of_a_thousand_validators__is_taken_and_a_longer_one_refused() -> None:
    extra = qbft_extra([bytes([i % 256]) * 20 for i in range(1000)], seals=[bytes(65)] * 1000)
    large = replace(plain(), extra_data=extra)
    assert Header.from_json(large.to_json()) == Header.from_rlp(large.rlp()) == large
    longer = replace(plain(), extra_data=b"\xc0" * (128 * 1024 + 1))  # each byte is a list once it is decoded
    with pytest.raises(IntegrityError, match="extraData has more than"):
        Header.from_json(longer.to_json())
    with pytest.raises(IntegrityError, match="extraData has more than"):
        Header.from_rlp(longer.rlp())


@pytest.mark.parametrize("place", range(15))
def test_from_rlp__field_is_a_list__refused(place: int) -> None:
    listed: list[Any] = list(plain().fields())
    listed[place] = []
    with pytest.raises(IntegrityError):
        Header.from_rlp(pyrlp.encode(listed))


@pytest.mark.parametrize("place", [i for i in range(15) if i != 12])
def test_from_rlp__field_of_another_length__refused(place: int) -> None:
    listed = list(plain().fields())
    listed[place] = b"\0" + listed[place]
    with pytest.raises(IntegrityError):
        Header.from_rlp(pyrlp.encode(listed))


@pytest.mark.parametrize("count", [0, 14, 17])
def test_from_rlp__another_number_of_fields__refused(count: int) -> None:
    with pytest.raises(IntegrityError):
        Header.from_rlp(pyrlp.encode([*plain().fields(), b"", b""][:count]))


def test_header__its_fields__in_the_order_of_their_rlp() -> None:
    marked = {field.name: getattr(plain(3), field.name) for field in fields(Header)}
    in_order = [
        value if isinstance(value, bytes) else pyrlp.encode(value) for value in marked.values() if value is not None
    ]
    assert [each for each in in_order if len(each) > 8] == [each for each in plain(3).fields() if len(each) > 8]
