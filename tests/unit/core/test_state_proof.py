"""Accounts and words: a real proof of a GoQuorum node, and tries of our own."""

from typing import Any

import pytest
import rlp as pyrlp
from hypothesis import given
from hypothesis import strategies as st

from salus.core.errors import ProofError
from salus.core.hashing import keccak
from salus.core.ids import read_address, to_address
from salus.core.state_proof import Account, account_at, word_at
from salus.core.trie import EMPTY_ROOT
from tests.unit.core.chains import recorded
from tests.unit.core.strategies import bytes32, uint
from tests.unit.core.tries import Trie

addresses = st.binary(min_size=20, max_size=20)
accounts = st.builds(Account, uint(64), uint(256), bytes32, bytes32)


def _nodes(listed: list[str]) -> list[bytes]:
    return [bytes.fromhex(node[2:]) for node in listed]


def _state(accounts: dict[bytes, Account]) -> Trie:
    return Trie(
        {
            keccak(address).hex(): pyrlp.encode(
                [account.nonce, account.balance, account.storage_root, account.code_hash]
            )
            for address, account in accounts.items()
        }
    )


def _storage(words: dict[int, int]) -> Trie:
    return Trie({_path(slot): pyrlp.encode(word) for slot, word in words.items()})


def _path(slot: int) -> str:
    return keccak(slot.to_bytes(32, "big")).hex()


def test_account_and_words__of_a_real_node__proven() -> None:
    proof, head = recorded().proof, recorded().headers[-1]
    account = account_at(head.state_root, read_address(proof["address"]), _nodes(proof["accountProof"]))
    assert account is not None
    assert (account.nonce, account.balance) == (int(proof["nonce"], 16), int(proof["balance"], 16))
    assert account.storage_root.hex() == proof["storageHash"][2:]
    assert account.code_hash.hex() == proof["codeHash"][2:]
    words = [word_at(account.storage_root, int(s["key"], 16), _nodes(s["proof"])) for s in proof["storageProof"]]
    assert words == [42, 0]


def test_account__of_another_block__refused() -> None:
    proof = recorded().proof
    roots = {header.state_root for header in recorded().headers} - {recorded().headers[-1].state_root}
    assert roots
    for root in roots:
        with pytest.raises(ProofError):
            account_at(root, read_address(proof["address"]), _nodes(proof["accountProof"]))


def test_word__proof_of_another_slot__refused() -> None:
    proof = recorded().proof
    stored, absent = proof["storageProof"]
    root = bytes.fromhex(proof["storageHash"][2:])
    # The other way round too: what proves that one slot is empty must not prove it of the one that is not.
    for key, nodes in ((absent["key"], stored["proof"]), (stored["key"], absent["proof"])):
        try:
            word = word_at(root, int(key, 16), _nodes(nodes))
        except ProofError:
            continue
        assert word == (42 if key == stored["key"] else 0)


@given(st.dictionaries(addresses, accounts, max_size=20), addresses)
def test_account_at__any_state__its_account_or_none(state: dict[bytes, Account], other: bytes) -> None:
    trie = _state(state)
    for address in {other, *state}:
        nodes = trie.prove(keccak(address).hex())
        assert account_at(trie.root, to_address(address), nodes) == state.get(address)


@given(st.dictionaries(uint(256), st.integers(1, 2**256 - 1), max_size=20), uint(256))
def test_word_at__any_storage__its_word_or_zero(words: dict[int, int], other: int) -> None:
    trie = _storage(words)
    for slot in {other, *words}:
        assert word_at(trie.root, slot, trie.prove(_path(slot))) == words.get(slot, 0)


def test_word_at__empty_storage__zero_without_nodes() -> None:
    assert word_at(EMPTY_ROOT, 7, []) == 0


@pytest.mark.parametrize("slot", [-1, 2**256])
def test_word_at__no_slot__refused(slot: int) -> None:
    with pytest.raises(OverflowError):
        word_at(EMPTY_ROOT, slot, [])


@pytest.mark.parametrize(
    "stored", [b"\x80", b"\0", b"\x81\0", b"\xc0", pyrlp.encode(b"\0\1"), pyrlp.encode(b"\1" * 33), b"\1\1"]
)
def test_word_at__stored_is_no_word__refused(stored: bytes) -> None:
    trie = Trie({_path(7): stored})
    with pytest.raises(ProofError):
        word_at(trie.root, 7, trie.prove(_path(7)))


@pytest.mark.parametrize(
    "stored",
    [
        [1, 0, bytes(32)],
        [1, 0, bytes(32), bytes(32), b""],
        [1, 0, bytes(31), bytes(32)],
        [1, 0, bytes(32), bytes(33)],
        [b"\0\1", 0, bytes(32), bytes(32)],
        [2**64, 0, bytes(32), bytes(32)],
        [1, 2**256, bytes(32), bytes(32)],
        [1, [], bytes(32), bytes(32)],
        b"account",
    ],
)
def test_account_at__stored_is_no_account__refused(stored: Any) -> None:
    address = bytes(20)
    trie = Trie({keccak(address).hex(): pyrlp.encode(stored)})
    with pytest.raises(ProofError, match="malformed"):
        account_at(trie.root, to_address(address), trie.prove(keccak(address).hex()))
