"""A node with a Clique chain of our own making: headers by number, state with real proofs, and the lies a test tells.

Four signers seal in turn unless told otherwise. State is a mapping account → slot → word at each block; blocks without
one keep that of their parent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import rlp as pyrlp

from salus.adapters.chain.rpc import Rpc
from salus.core.consensus import Clique, Snapshot
from salus.core.hashing import keccak
from salus.core.header import Header
from salus.core.ids import Address, address_bytes
from tests.unit.core.chains import Key, clique_genesis, clique_hash, clique_sealed, keys, plain
from tests.unit.core.tries import Trie

ENGINE = Clique()
SIGNERS = tuple(keys(4))
STRANGER = Key(b"\x77" * 32)
CODE = keccak(b"code")
State = Mapping[Address, Mapping[int, int]]
Lie = Callable[[str, Sequence[Any], Any], Any]
"""Method, parameters and the true result to the result that is told."""


def genesis() -> Header:
    """Block 0."""
    return clique_genesis(SIGNERS)


def start() -> Snapshot:
    """What is trusted of block 0."""
    return ENGINE.genesis(genesis())


def child(parent: Header, signer: Key | None = None, **changed: Any) -> Header:
    """The next block, by the signer whose turn it is unless another is named."""
    number = parent.number + 1
    turn = SIGNERS[number % len(SIGNERS)]
    fixed = {"parent_hash": clique_hash(parent), "difficulty": 2 if signer in (None, turn) else 1}
    return clique_sealed(plain(number, **{**fixed, **changed}), signer or turn)


def grown(chain: Sequence[Header], *signers: Key | None, **changed: Any) -> list[Header]:
    """The chain with a block of each signer on top (None: whose turn it is); `changed` of the first of them."""
    headers = list(chain)
    for signer in signers:
        headers.append(child(headers[-1], signer, **changed))
        changed = {}
    return headers


@cache
def _storage(words: tuple[tuple[int, int], ...]) -> Trie:
    return Trie({_path(slot.to_bytes(32, "big")): pyrlp.encode(word) for slot, word in words if word})


@cache
def _world(state: tuple[tuple[Address, tuple[tuple[int, int], ...]], ...]) -> Trie:
    accounts = {
        _path(address_bytes(account)): pyrlp.encode([1, 0, _storage(words).root, CODE]) for account, words in state
    }
    return Trie(accounts)


def _path(key: bytes) -> str:
    return keccak(key).hex()


def _frozen(state: State) -> tuple[tuple[Address, tuple[tuple[int, int], ...]], ...]:
    return tuple((account, tuple(sorted(words.items()))) for account, words in sorted(state.items()))


def state_root(state: State) -> bytes:
    """Root of a state."""
    return _world(_frozen(state)).root


@dataclass
class SealedNode:
    """The node. `chain` is from block 0 on, `states` by state root; `asked` are methods it was asked, by exchange."""

    chain: list[Header] = field(default_factory=lambda: [genesis()])
    states: dict[bytes, State] = field(default_factory=dict)
    lie: Lie | None = None
    asked: list[list[str]] = field(default_factory=list)

    def rpc(self) -> Rpc:
        """A connection to it."""
        return Rpc("http://node.test", transport=httpx.MockTransport(self._handle))

    def seal(self, *signers: Key | None, state: State | None = None) -> None:
        """Blocks on top; the first of them changes the state."""
        changed: dict[str, Any] = {}
        if state is not None:
            changed["state_root"] = state_root(state)
            self.states[changed["state_root"]] = state
        self.chain = grown(self.chain, *signers, **changed)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        calls = body if isinstance(body, list) else [body]
        self.asked.append([call["method"] for call in calls])
        answers = [self._answer(call) for call in calls]
        return httpx.Response(200, json=answers if isinstance(body, list) else answers[0])

    def _answer(self, call: Mapping[str, Any]) -> dict[str, Any]:
        method, params = call["method"], call["params"]
        result = getattr(self, method)(*params)
        if self.lie is not None:
            result = self.lie(method, params, result)
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}

    def eth_chainId(self) -> str:
        return hex(2026)

    def eth_getBlockByNumber(self, number: str, _: bool) -> dict[str, Any] | None:
        at = len(self.chain) - 1 if number == "latest" else int(number, 16)
        return shown(self.chain[at]) if at < len(self.chain) else None

    def eth_getProof(self, account: str, slots: Sequence[str], block: Mapping[str, str]) -> Any:
        header = next((each for each in self.chain if "0x" + clique_hash(each).hex() == block["blockHash"]), None)
        if header is None or header.state_root not in self.states:
            return None
        state = _frozen(self.states[header.state_root])
        words = next((dict(words) for each, words in state if each.lower() == account), {})
        storage = _storage(tuple(words.items()))
        return {
            "address": account,
            "accountProof": _hex(_world(state).prove(_path(bytes.fromhex(account[2:])))),
            "storageProof": [
                {
                    "key": slot,
                    "value": hex(words.get(int(slot, 16), 0)),
                    "proof": _hex(storage.prove(_path(int(slot, 16).to_bytes(32, "big")))),
                }
                for slot in slots
            ],
        }


def shown(header: Header) -> dict[str, Any]:
    """A header as a node answers it."""
    return {**header.to_json(), "hash": "0x" + clique_hash(header).hex(), "transactions": []}


def _hex(nodes: Sequence[bytes]) -> list[str]:
    return ["0x" + node.hex() for node in nodes]
