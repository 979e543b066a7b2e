"""ABI coding on the committed artifacts and on small ABIs of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from salus.adapters.chain.abi import ContractAbi, RevertTable, abi_of, reverts
from salus.adapters.chain.artifacts import load, names
from salus.core.errors import InputError, IntegrityError, SetupError
from salus.core.hashing import keccak

_FIXED = ("uint", "int", "bool", "address", "bytes")
LOWER = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def param(kind: str, name: str, *, indexed: bool | None = None, components: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind, "name": name}
    if indexed is not None:
        found["indexed"] = indexed
    if components is not None:
        found["components"] = components
    return found


SAMPLE = ContractAbi(
    "Sample",
    [
        {
            "type": "function",
            "name": "store",
            "stateMutability": "nonpayable",
            "inputs": [
                param("tuple", "row", components=[param("uint256", "word"), param("address", "who")]),
                param("bytes32[2]", "pair"),
                param("tuple[]", "rows", components=[param("uint256", "word")]),
                param("bytes", "rest"),
            ],
            "outputs": [
                param("address[]", "all"),
                param("tuple", "last", components=[param("address", "who"), param("bool", "flag")]),
            ],
        },
        {
            "type": "event",
            "name": "Stored",
            "anonymous": False,
            "inputs": [
                param("uint64", "at", indexed=False),
                param("address", "who", indexed=True),
                param("bytes32[]", "keys", indexed=False),
                param("bytes32", "key", indexed=True),
            ],
        },
        {"type": "error", "name": "Inner", "inputs": [param("uint8", "found")]},
        {"type": "error", "name": "Outer", "inputs": [param("bytes32", "id"), param("bytes", "answer")]},
    ],
)


def test_encode__structs_arrays_and_bytes__is_selector_and_standard_encoding() -> None:
    args = ((7, CHECKSUMMED), (b"\1" * 32, b"\2" * 32), [(8,), (9,)], b"rest")
    data = SAMPLE.function("store").encode(args)
    signature = "store((uint256,address),bytes32[2],(uint256)[],bytes)"
    assert data[:4] == keccak(signature.encode())[:4]
    assert data[4:] == encode(["(uint256,address)", "bytes32[2]", "(uint256)[]", "bytes"], args)


def test_encode__an_address_where_a_word_is_wanted__is_that_number() -> None:
    pair = (bytes(32), bytes(32))
    as_text = SAMPLE.function("store").encode(((CHECKSUMMED, CHECKSUMMED), pair, [(LOWER,)], b""))
    as_number = SAMPLE.function("store").encode(((int(LOWER, 16), LOWER), pair, [(int(LOWER, 16),)], b""))
    assert as_text == as_number


@pytest.mark.parametrize(
    "args",
    [
        (),
        ((7, CHECKSUMMED), (b"\1" * 32, b"\2" * 32), []),
        ((-1, CHECKSUMMED), (bytes(32), bytes(32)), [], b""),
        ((1 << 256, CHECKSUMMED), (bytes(32), bytes(32)), [], b""),
        ((7, "0x12"), (bytes(32), bytes(32)), [], b""),
        (("text", CHECKSUMMED), (bytes(32), bytes(32)), [], b""),
        ((7, CHECKSUMMED), (bytes(31), bytes(32)), [], b""),
        ((7, CHECKSUMMED), (bytes(33), bytes(32)), [], b""),
        ((7, CHECKSUMMED), (bytes(32),), [], b""),
        ((7,), (bytes(32), bytes(32)), [], b""),
        (7, 7, 7, 7),
        ((7, CHECKSUMMED), (bytes(32), bytes(32)), [], "text"),
        ((1.5, CHECKSUMMED), (bytes(32), bytes(32)), [], b""),
    ],
)
def test_encode__arguments_that_do_not_fit__are_an_input_error(args: tuple[Any, ...]) -> None:
    with pytest.raises(InputError, match=r"do not fit Sample\.store"):
        SAMPLE.function("store").encode(args)


def test_decode__addresses_at_any_depth__are_checksummed() -> None:
    data = encode(["address[]", "(address,bool)"], [[LOWER, LOWER], (LOWER, True)])
    assert SAMPLE.function("store").decode(data) == ((CHECKSUMMED, CHECKSUMMED), (CHECKSUMMED, True))


@pytest.mark.parametrize("data", [b"", b"\0", bytes(64), b"\xff" * 96])
def test_decode__other_bytes__are_an_integrity_error(data: bytes) -> None:
    with pytest.raises(IntegrityError, match=r"Sample\.store"):
        SAMPLE.function("store").decode(data)


def test_event__indexed_and_other_arguments__come_back_by_name_in_order() -> None:
    [event] = SAMPLE.events.values()
    assert event.topic == keccak(b"Stored(uint64,address,bytes32[],bytes32)")
    topics = [event.topic, bytes(12) + bytes.fromhex(LOWER[2:]), b"\7" * 32]
    args = event.decode(topics, encode(["uint64", "bytes32[]"], [5, [b"\1" * 32]]))
    assert args == {"at": 5, "who": CHECKSUMMED, "keys": (b"\1" * 32,), "key": b"\7" * 32}
    assert list(args) == ["at", "who", "keys", "key"]


@pytest.mark.parametrize("topics", [1, 2, 4])
def test_event__with_another_number_of_topics__is_an_integrity_error(topics: int) -> None:
    [event] = SAMPLE.events.values()
    with pytest.raises(IntegrityError):
        event.decode([event.topic] + [bytes(32)] * (topics - 1), encode(["uint64", "bytes32[]"], [5, []]))


def test_function__unknown__is_an_input_error() -> None:
    with pytest.raises(InputError, match="Sample has no function burn"):
        SAMPLE.function("burn")


TABLE = RevertTable([SAMPLE])


def revert(name: str, kinds: list[str], values: list[Any]) -> bytes:
    return keccak(f"{name}({','.join(kinds)})".encode())[:4] + encode(kinds, values)


def test_revert__custom_error__has_its_name_and_arguments() -> None:
    found = TABLE.read(revert("Inner", ["uint8"], [9]))
    assert (found.error, found.args_by_name) == ("Inner", {"found": 9})
    assert str(found) == "Inner(found=9)"


def test_revert__that_forwards_another__names_the_cause() -> None:
    inner = revert("Inner", ["uint8"], [9])
    found = TABLE.read(revert("Outer", ["bytes32", "bytes"], [bytes(32), inner]))
    assert found.error == "Outer"
    assert found.args_by_name["answer"] == inner
    assert found.args_by_name["cause"] == "Inner(found=9)"


def test_revert__with_a_text_or_a_panic__is_read() -> None:
    assert TABLE.read(revert("Error", ["string"], ["no"])).args_by_name == {"message": "no"}
    assert TABLE.read(revert("Panic", ["uint256"], [0x11])).args_by_name == {"code": 0x11, "cause": "overflow"}
    assert TABLE.read(revert("Panic", ["uint256"], [0x99])).args_by_name["cause"] == "other"


@pytest.mark.parametrize(("data", "name"), [(b"", "NoReason"), (b"\1\2\3\4", "UnknownError"), (b"\1", "UnknownError")])
def test_revert__that_nobody_knows__is_shown_as_bytes(data: bytes, name: str) -> None:
    found = TABLE.read(data)
    assert found.error == name
    assert found.args_by_name == ({"data": data} if data else {})


@given(st.binary(max_size=200))
def test_revert__any_bytes__never_fail(data: bytes) -> None:
    for start in (b"", keccak(b"Outer(bytes32,bytes)")[:4], keccak(b"Error(string)")[:4]):
        assert TABLE.read(start + data).error


def test_artifacts__of_the_deployment__hold_every_contract() -> None:
    wanted = {"Council", "ParticipantRegistry", "SubjectRegistry", "RecordRegistry", "ConsentRegistry"}
    assert wanted | {"AccessGateway", "AuditLog"} <= set(names())
    assert all(load(name).bytecode for name in wanted)
    assert reverts().read(keccak(b"CouncilNotMember(address)")[:4] + bytes(32)).error == "CouncilNotMember"


def test_artifacts__of_deployed_contracts__overload_no_function() -> None:
    for name in names():
        functions = [element["name"] for element in load(name).abi if element["type"] == "function"]
        assert len(functions) == len(set(functions)), name


def test_artifacts__unknown__says_what_to_do() -> None:
    with pytest.raises(SetupError, match="make artifacts"):
        abi_of("Nothing")


def test_artifacts__every_call_of_the_ports__is_pure_json() -> None:
    assert all(json.dumps(load(name).abi) for name in names())
