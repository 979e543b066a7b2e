"""Storage proven word by word: what a read needs is found by running it, fetched, checked, and the read run again.

    read runs on what is known → words it lacked → eth_getProof per contract, one exchange → proofs checked → again

A word is remembered under the storage root that proves it, so a contract nobody wrote to since costs one account proof.
Source: EIP-1186 (`eth_getProof`); `salus.core.state_proof` checks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from salus.adapters.chain.rpc import Request, Rpc
from salus.core.errors import InputError, NodeError, ProofError, UnavailableError
from salus.core.ids import Address, address_bytes, from_hex, read_address
from salus.core.slots import Storage
from salus.core.state import BlockStamp
from salus.core.state_proof import Account, account_at, word_at
from salus.core.trie import EMPTY_ROOT

T = TypeVar("T")
Wanted = Mapping[Address, Sequence[int]]
"""Slots by contract."""

_ROUNDS = 32
"""Runs of one read at most: each finds words the one before could not name. The deepest read needs six."""
_KEYS = 100
"""Slots in one request; a proof of one has up to ten nodes of half a kilobyte."""
_REQUESTS = 4
"""Requests in one exchange: an answer of at most some megabytes."""
_MOST_WORDS = 20_000
"""Words of one read: those of 1,024 records at once are some thousands. A length that one signer made up is endless."""
_KEPT_WORDS = 50_000
_KEPT_ACCOUNTS = 4_096


class ProvenState:
    """Words of one node's state, each proven to a state root that `root_of` knows. Safe to use from several threads."""

    def __init__(self, rpc: Rpc, root_of: Callable[[bytes], bytes]) -> None:
        self._rpc = rpc
        self._root_of = root_of
        self._lock = threading.Lock()
        self._words: OrderedDict[tuple[bytes, int], int] = OrderedDict()
        self._accounts: OrderedDict[tuple[bytes, Address], Account | None] = OrderedDict()
        self._latest: dict[Address, bytes] = {}

    def run(self, read: Callable[[Storage], T], at: BlockStamp) -> T:
        """Value of a read at a block.

        Raises:
            NodeError: the node's proofs do not hold; says of which contract. Or the state asks for words without end.
            UnavailableError: the node is away, or has no state of this block (any more).
        """
        known: dict[tuple[Address, int], int] = {}
        for _ in range(_ROUNDS):
            words = _Words(
                _MOST_WORDS - len(known), known, lambda contract, slot: self._find(contract, slot, at), self._guess
            )
            try:
                value = read(words)
            except _EndlessError as error:
                raise NodeError(f"the state at block {at.number} names more words than any read of ours has") from error
            except Exception:
                if not words.missing:
                    raise
            else:
                if not words.missing:
                    return value
            known |= self._proven(words.missing, at)
        raise UnavailableError(f"a read did not come to an end at block {at.number}")

    def account(self, contract: Address, at: BlockStamp) -> Account | None:
        """An account at a block, None if there is none; raises like `run`."""
        self._fetch({contract: ()}, at)
        with self._lock:
            return self._accounts[at.hash, contract]

    def _find(self, contract: Address, slot: int, at: BlockStamp) -> int | None:
        """A word that was proven at this block, or under the same storage root at another."""
        account = self._accounts.get((at.hash, contract))
        if account is None:
            return None
        return 0 if account.storage_root == EMPTY_ROOT else self._words.get((account.storage_root, slot))

    def _guess(self, contract: Address, slot: int) -> int:
        """What the word was when the contract was last looked at: names the words that come after it, and no more."""
        return self._words.get((self._latest.get(contract, EMPTY_ROOT), slot), 0)

    def _proven(self, wanted: Mapping[Address, set[int]], at: BlockStamp) -> dict[tuple[Address, int], int]:
        missing: dict[Address, list[int]] = {}
        found: dict[tuple[Address, int], int] = {}
        for contract, slots in wanted.items():
            kept = self._kept(contract, slots, at)
            found |= {(contract, slot): word for slot, word in kept.items()}
            if lacking := sorted(slots - kept.keys()):
                missing[contract] = lacking
        return found | self._fetch(missing, at) if missing else found

    def _kept(self, contract: Address, slots: set[int], at: BlockStamp) -> dict[int, int]:
        with self._lock:
            if (at.hash, contract) not in self._accounts:
                return {}
            root = _storage_root(self._accounts[at.hash, contract])
            if root == EMPTY_ROOT:
                return dict.fromkeys(slots, 0)
            return {slot: self._words[root, slot] for slot in slots if (root, slot) in self._words}

    def _fetch(self, wanted: Wanted, at: BlockStamp) -> dict[tuple[Address, int], int]:
        state_root = self._root_of(at.hash)
        parts = list(_parts(wanted))
        found: dict[tuple[Address, int], int] = {}
        for start in range(0, len(parts), _REQUESTS):
            asked = parts[start : start + _REQUESTS]
            for (contract, slots), answer in zip(asked, self._ask(asked, at), strict=True):
                try:
                    account, words = self._checked(state_root, contract, slots, answer, at)
                except (ProofError, InputError) as error:
                    raise NodeError(
                        f"the node's proof of {contract} at block {at.number} does not hold: {error}"
                    ) from error
                self._keep(contract, account, words, at)
                found |= {(contract, slot): word for slot, word in words.items()}
        return found

    def _checked(
        self, state_root: bytes, contract: Address, slots: Sequence[int], answer: Any, at: BlockStamp
    ) -> tuple[Account | None, dict[int, int]]:
        if not isinstance(answer, dict) or read_address(_text(answer.get("address"))) != contract:
            raise ProofError("it is of another account")
        with self._lock:
            is_known = (at.hash, contract) in self._accounts
            account = self._accounts.get((at.hash, contract))
        if not is_known:
            account = account_at(state_root, contract, _nodes(answer.get("accountProof")))
        root = _storage_root(account)
        proofs = answer.get("storageProof")
        if not isinstance(proofs, list) or len(proofs) != len(slots):
            raise ProofError("it has not one storage proof for each slot asked for")
        words: dict[int, int] = {}
        for slot, proof in zip(slots, proofs, strict=True):
            if not isinstance(proof, dict) or _number(proof.get("key")) != slot:
                raise ProofError("a storage proof is of another slot")
            with self._lock:
                word = self._words.get((root, slot))
            if word is None:
                word = 0 if root == EMPTY_ROOT else word_at(root, slot, _nodes(proof.get("proof")))
            if _number(proof.get("value")) != word:
                raise ProofError("a word differs from what its proof shows")
            words[slot] = word
        return account, words

    def _keep(self, contract: Address, account: Account | None, words: Mapping[int, int], at: BlockStamp) -> None:
        root = _storage_root(account)
        with self._lock:
            self._accounts[at.hash, contract] = account
            self._latest[contract] = root
            for slot, word in words.items():
                self._words[root, slot] = word
            for kept, limit in ((self._words, _KEPT_WORDS), (self._accounts, _KEPT_ACCOUNTS)):
                while len(kept) > limit:
                    kept.popitem(last=False)

    def _ask(self, asked: Sequence[tuple[Address, Sequence[int]]], at: BlockStamp) -> list[Any]:
        answers = self._rpc.batch_all(_requests(asked, at))
        if any(answer is None for answer in answers):
            raise UnavailableError("the node has no state of this block any more: read the head again")
        return answers


class _EndlessError(Exception):
    """A read that asks for too many words."""


class _Words:
    """Words that are known, and 0 or a guess for those that are not; which those are, and `room` for how many."""

    def __init__(
        self,
        room: int,
        known: Mapping[tuple[Address, int], int],
        find: Callable[[Address, int], int | None],
        guess: Callable[[Address, int], int],
    ) -> None:
        self._room = room
        self._known = known
        self._find = find
        self._guess = guess
        self.missing: dict[Address, set[int]] = {}

    def word(self, contract: Address, slot: int) -> int:
        """The word, or a guess that makes the run's value worthless."""
        found = self._known.get((contract, slot))
        if found is None:
            found = self._find(contract, slot)
        if found is None:
            lacking = self.missing.setdefault(contract, set())
            if slot not in lacking:
                if self._room <= 0:
                    raise _EndlessError
                self._room -= 1
                lacking.add(slot)
            return self._guess(contract, slot)
        return found


def _parts(wanted: Wanted) -> Iterator[tuple[Address, Sequence[int]]]:
    for contract, slots in wanted.items():
        for start in range(0, max(1, len(slots)), _KEYS):
            yield contract, slots[start : start + _KEYS]


def _requests(asked: Sequence[tuple[Address, Sequence[int]]], at: BlockStamp) -> list[Request]:
    block = {"blockHash": "0x" + at.hash.hex()}
    return [
        ("eth_getProof", ("0x" + address_bytes(contract).hex(), [f"0x{slot:064x}" for slot in slots], block))
        for contract, slots in asked
    ]


def _storage_root(account: Account | None) -> bytes:
    return EMPTY_ROOT if account is None else account.storage_root


def _nodes(shown: Any) -> list[bytes]:
    if shown is None:
        return []  # how geth writes the proof of an empty trie
    if not isinstance(shown, list):
        raise ProofError("a proof is no list of nodes")
    return [from_hex(node, None) for node in shown]


def _number(shown: Any) -> int:
    try:
        return int(_text(shown), 16)
    except ValueError as error:
        raise ProofError("a key or value is no hex number") from error


def _text(shown: Any) -> str:
    if not isinstance(shown, str):
        raise ProofError("a member is missing")
    return shown
