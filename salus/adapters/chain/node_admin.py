"""Administers one's own node: peers, allow-list, votes. One class, a table of calls for each engine.

| engine | orders go | validators and votes | account that seals |
| --- | --- | --- | --- |
| clique (geth) | its socket | `clique_` | the one it was unlocked with |
| goquorum | its socket | `istanbul_` | that of its node key |
| besu | HTTP, APIs ADMIN, PERM and QBFT | `qbft_` | that of its node key |

Sources: geth JSON-RPC `admin` and `clique`; GoQuorum API, `istanbul`; Besu API, `PERM` and `QBFT`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salus.adapters.chain.address_book import Addresses, enode_of, key_of, read_address_book
from salus.adapters.chain.allow_lists import AllowList, BesuFiles, GethFiles, GoQuorumFiles
from salus.adapters.chain.headers import BATCH, Headers
from salus.adapters.chain.ipc import ask as ask_socket
from salus.adapters.chain.participants import MachineKeys
from salus.adapters.chain.rpc import Rpc
from salus.core.consensus import Clique, Qbft
from salus.core.consensus.qbft import quorum as two_thirds
from salus.core.errors import NotFoundError, SetupError, UnavailableError
from salus.core.hashing import keccak
from salus.core.ids import to_address
from salus.core.node import Action, NodeState, Verb

Ask = Callable[..., Any]
"""Result of a call on the node: method, then parameters."""
_ROUNDS = 3
"""A validator is living that sealed within so many turns of all of them."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Names of an engine's calls. `account` is asked for who seals; without it the node key's account does."""

    validators: str
    propose: str
    discard: str
    open: str
    account: str | None = None
    trust: bool = False
    reload: str | None = None


CLIQUE = Calls(
    "clique_getSigners", "clique_propose", "clique_discard", "clique_proposals", account="eth_coinbase", trust=True
)
GOQUORUM = Calls("istanbul_getValidators", "istanbul_propose", "istanbul_discard", "istanbul_candidates")
BESU = Calls(
    "qbft_getValidatorsByBlockNumber",
    "qbft_proposeValidatorVote",
    "qbft_discardValidatorVote",
    "qbft_getPendingVotes",
    reload="perm_reloadPermissionsFromFile",
)


class OwnNode:
    """The node of this member. `book` is read anew each time: it may be edited while the sidecar runs."""

    def __init__(self, ask: Ask, rpc: Rpc, calls: Calls, files: AllowList, book: Path) -> None:
        self._ask = ask
        self._headers = Headers(rpc)
        self._calls = calls
        self._files = files
        self._book = book
        self._sealer = Clique().sealer if calls is CLIQUE else Qbft().sealer

    def quorum(self, validators: int) -> int:
        """Living validators the engine needs: more than half (EIP-225), or two thirds rounded up (QBFT)."""
        return validators // 2 + 1 if self._calls is CLIQUE else two_thirds(validators)

    def state(self) -> NodeState:
        """The node as it is now.

        Raises:
            UnavailableError: it does not answer.
            SetupError: its files, or the address book, cannot be read.
        """
        key, book = self._key(), read_address_book(self._book)
        connected = {found for peer in self._ask("admin_peers") if (found := key_of(peer["enode"])) is not None}
        validators = {_account(each) for each in self._ask(self._calls.validators, "latest")}
        # An entry whose address the book has otherwise by now is stale, so it is written again, or let go.
        listed = self._files.read()
        allowed = {each for each, enode in listed.items() if enode == enode_of(each, book.get(each))}
        return NodeState(
            key,
            self._own_account(key),
            frozenset(allowed),
            frozenset(connected),
            frozenset(validators),
            frozenset(validators & self._sealed_lately(_ROUNDS * len(validators))),
            {_account(each): bool(wanted) for each, wanted in self._votes().items()},
            frozenset(listed.keys() - allowed),
        )

    def carry_out(self, action: Action) -> None:
        """Tell the node one thing; of files and orders the files come last, so what was interrupted is done again.

        Raises:
            UnavailableError: the node does not answer.
            NotFoundError: this engine needs the address of a node to let it in, and the address book has none.
        """
        account = "0x" + action.target.hex()
        match action.verb:
            case Verb.ALLOW:
                self._allow(action.target, read_address_book(self._book))
            case Verb.FORGET:
                self._forget(action.target, read_address_book(self._book))
            case Verb.VOTE_IN | Verb.VOTE_OUT:
                self._ask(self._calls.propose, account, action.verb is Verb.VOTE_IN)
            case Verb.DISCARD:
                self._ask(self._calls.discard, account)

    def _allow(self, key: bytes, book: Addresses) -> None:
        address = book.get(key)
        if address is None and self._files.needs_addresses:
            raise NotFoundError(f"the address book has no address of node {key.hex()[:16]}…, which is to be let in")
        enode = enode_of(key, address)
        listed = {**self._files.read(), key: enode}
        if self._calls.trust:
            self._ask("admin_addTrustedPeer", enode)
        else:
            self._list(listed)
        if address is not None:
            self._ask("admin_addPeer", enode)
        if self._calls.trust:
            self._list(listed)

    def _forget(self, key: bytes, book: Addresses) -> None:
        present = self._files.read()
        enode = present.get(key) or enode_of(key, book.get(key))
        if self._calls.trust:
            self._ask("admin_removeTrustedPeer", enode)
        self._list({each: found for each, found in present.items() if each != key})
        self._ask("admin_removePeer", enode)

    def _list(self, enodes: Mapping[bytes, str]) -> None:
        self._files.write(enodes)
        if self._calls.reload is not None:
            self._ask(self._calls.reload)

    def _key(self) -> bytes:
        return node_key(self._ask)

    def _own_account(self, key: bytes) -> bytes:
        if self._calls.account is None:
            return keccak(key)[12:]
        return _account(self._ask(self._calls.account))

    def _votes(self) -> Mapping[str, bool]:
        votes: Mapping[str, bool] = self._ask(self._calls.open) or {}
        return votes

    def _sealed_lately(self, blocks: int) -> set[bytes]:
        newest = self._headers.newest(b"")
        if newest is None or newest.number == 0:
            return set()
        # The newest of them where one exchange does not hold all: what was long ago says little of who is alive now.
        recent = self._headers.between(max(1, newest.number - min(blocks, BATCH) + 1), newest.number)
        return {self._sealer(header) for header in recent}


def node_key(ask: Ask) -> bytes:
    """Public key of a node.

    Raises:
        UnavailableError: it does not answer, or not with its key.
    """
    key = key_of(str(ask("admin_nodeInfo")["enode"]))
    if key is None:
        raise UnavailableError("the node does not tell its own key")
    return key


def identity(ask: Ask) -> MachineKeys:
    """Key of a node of any of the engines, and the account it seals with.

    Raises:
        UnavailableError: it does not answer, or not with its key.
    """
    key = node_key(ask)
    account = _account(ask("eth_coinbase")) if "clique" in ask("rpc_modules") else keccak(key)[12:]
    return MachineKeys(key, to_address(account))


def own_node(engine: str, rpc: Rpc, folder: Path, book: Path, ipc: Path | None = None) -> OwnNode:
    """The node of an engine (`clique`, `goquorum`, `besu`): `folder` has its files, `ipc` its socket.

    Raises:
        SetupError: none of these engines, or it has a socket and none is named.
    """
    if engine == "besu":
        return OwnNode(rpc.call, rpc, BESU, BesuFiles(folder), book)
    if engine not in {"clique", "goquorum"}:
        raise SetupError(f"the engine of a member's node is clique, goquorum or besu, not {engine!r}")
    if ipc is None:
        raise SetupError(f"name the socket of the {engine} node: orders go there")

    def order(method: str, *parameters: object) -> Any:
        return ask_socket(ipc, method, *parameters)

    if engine == "clique":
        return OwnNode(order, rpc, CLIQUE, GethFiles(folder), book)
    return OwnNode(order, rpc, GOQUORUM, GoQuorumFiles(folder), book)


def _account(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
