"""Block 0 of genesis files. The hashes are those geth 1.13.15 printed at `geth init` of the same files."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.core.consensus import Clique, Qbft, Snapshot
from salus.core.consensus.start import trusted_start
from salus.core.errors import IntegrityError
from salus.core.genesis import genesis_header
from salus.core.hashing import keccak
from salus.core.trie_root import root_of
from tests.unit.core.chains import recorded
from tests.unit.core.tries import Trie

_FORKS = ("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul", "berlin")


def _file(alloc: dict[str, Any], *, london: bool = False, **members: Any) -> dict[str, Any]:
    forks = {f"{name}Block": 0 for name in (*_FORKS, *(("london",) if london else ()))}
    return {
        "config": {"chainId": 2026, **forks, "clique": {"period": 1, "epoch": 30000}},
        "timestamp": "0x65920080",
        "extraData": "0x" + "00" * 32 + "11" * 20 + "00" * 65,
        "gasLimit": "0x1c9c380",
        "difficulty": "1",
        "alloc": alloc,
        **members,
    }


_MANY = {f"{7 * i:040x}": {"balance": str(10**i), "nonce": hex(i)} for i in range(1, 30)}
_CONTRACT = {
    "0x" + "c0" * 20: {
        "balance": "0x0",
        "code": "0x6001",
        "storage": {f"0x{i:064x}": f"0x{i % 3:064x}" for i in range(20)},
    }
}
FILES = {
    "nothing allotted": _file({}),
    "many accounts": _file(_MANY),
    "a contract, London": _file(_CONTRACT, london=True),
    "other members": _file({f"{1:040x}": {"balance": "1"}}, nonce="0x42", coinbase="0x" + "22" * 20),
}
HASHES = {
    "nothing allotted": "3437f5845fbdd6ad05025c92b92d82e1becb16e0ce05aecdef6c781e083475c2",
    "many accounts": "ea98d8925d0eeb81c5076502274f06952bfda13f1a7e21edbb1a989ab9789b1f",
    "a contract, London": "771cddc59393e082c428af02a025a3837cd1802ef83cfce913c593a8db48ed52",
    "other members": "a4cf899127852975f13152c865cda557394998a6e4690930a6c531399adbb7f4",
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_genesis_header__of_a_file__hash_of_geth(name: str) -> None:
    assert keccak(genesis_header(FILES[name]).rlp()).hex() == HASHES[name]


@given(st.dictionaries(st.binary(min_size=1, max_size=3), st.binary(min_size=1, max_size=40), max_size=60))
def test_root_of__any_content__as_the_trie_of_the_tests(content: dict[bytes, bytes]) -> None:
    assert root_of(content) == Trie({keccak(key).hex(): value for key, value in content.items()}).root


@pytest.mark.parametrize(
    "changed",
    [
        {"extraData": "0xzz"},
        {"coinbase": "0x11"},
        {"difficulty": "-1"},
        {"difficulty": None},
        {"gasLimit": "many"},
        {"nonce": hex(2**64)},
        {"alloc": {"11": {"balance": "1"}}},
        {"alloc": {"11" * 20: {"balance": "x"}}},
        {"alloc": {"11" * 20: 7}},
        {"alloc": {"11" * 20: {"storage": {"0x1": "0x" + "11" * 33}}}},
        {"config": {"shanghaiTime": 0}},
        {"config": {"terminalTotalDifficulty": 0}},
        {"config": [1]},
        {"alloc": [1]},
    ],
)
def test_genesis_header__malformed_or_of_another_kind__refused(changed: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        genesis_header({**_file({}), **changed})


def test_trusted_start__three_forms_of_one_chain__one_snapshot() -> None:
    engine, file = Clique(), FILES["many accounts"]
    start = trusted_start(engine, file)
    assert start == Snapshot(0, keccak(genesis_header(file).rlp()), 0x65920080, start.state_root, (b"\x11" * 20,))
    assert trusted_start(engine, genesis_header(file).to_json()) == start
    assert trusted_start(engine, start.to_json()) == start


def test_trusted_start__recorded_qbft_block_0__its_hash() -> None:
    assert trusted_start(Qbft(), recorded().headers[0].to_json()).hash == recorded().hashes[0]


@pytest.mark.parametrize("shown", [None, [], "text", {}, {"alloc": {}}, {"validators": []}])
def test_trusted_start__nothing_to_trust__refused(shown: Any) -> None:
    with pytest.raises(IntegrityError):
        trusted_start(Clique(), shown)


def test_trusted_start__block_0_of_another_engine__refused() -> None:
    with pytest.raises(IntegrityError):
        trusted_start(Clique(), recorded().headers[0].to_json())
    with pytest.raises(IntegrityError):
        trusted_start(Qbft(), FILES["nothing allotted"])


@pytest.mark.parametrize("shown", [None, {}, {"jsonrpc": "2.0", "result": {}}, {"abi": [], "bytecode": "0x"}])
def test_trusted_start__another_file__is_told_apart_from_a_damaged_one(shown: Any) -> None:
    with pytest.raises(IntegrityError, match="no snapshot, no genesis file"):
        trusted_start(Clique(), shown)
