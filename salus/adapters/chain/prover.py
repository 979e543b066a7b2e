"""Evidence for receipts: the storage words a receipt needs with their proofs, and headers that make the block final.

The issuer believes its own node as in all it does; evidence is for those who do not. So it is read once more, as a
verifier reads it, before it leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from salus.adapters.chain.proofs import ProvenState
from salus.adapters.chain.rpc import Rpc
from salus.core.consensus import Engine
from salus.core.consensus.clique import is_settled
from salus.core.errors import InputError, IntegrityError, NodeError, UnavailableError
from salus.core.evidence import AccountEvidence, Evidence, Nodes, ProvenStorage
from salus.core.header import Header
from salus.core.ids import Address, from_hex, hex32
from salus.core.slots import Storage
from salus.core.state import BlockStamp

_LONGEST = 256
"""Headers looked at on top of a block; with all signers alive half of them, rounded up, are enough."""


class Prover:
    """Makes evidence from one node. `signers` is how many seal a Clique chain (0 for QBFT)."""

    def __init__(self, rpc: Rpc, engine: Engine, signers: int = 0) -> None:
        self._rpc = rpc
        self._engine = engine
        self._signers = signers

    def evidence(self, at: BlockStamp, read: Callable[[Storage], object]) -> Evidence:
        """Evidence of all words a read asks for at a final block.

        Raises:
            NodeError: the node's proofs or headers do not hold.
            UnavailableError: the node is away, has no state of the block any more, or has not sealed over it yet.
            what `read` raises when the node's state is not as it must be.
        """
        headers = tuple(self._headers(at))
        state = ProvenState(self._rpc, {at.hash: headers[0].state_root}.__getitem__)
        asked: dict[Address, set[int]] = {}

        def noted(storage: Storage) -> None:
            asked.clear()
            read(_Noting(storage, asked))

        state.run(noted, at)
        evidence = Evidence(
            self._engine.name, headers, {one: self._proofs(one, sorted(asked[one]), at) for one in sorted(asked)}
        )
        storage = ProvenStorage(evidence)
        read(storage)
        storage.require_used()
        return evidence

    def _headers(self, at: BlockStamp) -> Iterator[Header]:
        header = self._header("eth_getBlockByHash", hex32(at.hash))
        yield header
        sealers: set[bytes] = set()
        weight = header.difficulty
        for number in range(at.number + 1, at.number + _LONGEST):
            if not self._signers or is_settled(len(sealers), weight, self._signers):
                return
            parent = self._engine.hash(header)
            header = self._header("eth_getBlockByNumber", hex(number))
            if header.parent_hash != parent:
                raise UnavailableError("the chain was reorganised while it was read; ask again")
            sealers.add(self._engine.sealer(header))
            weight += header.difficulty
            yield header

    def _header(self, method: str, which: str) -> Header:
        shown = self._rpc.call(method, which, False)  # noqa: FBT003 - a JSON-RPC parameter: without transactions
        if shown is None:
            raise UnavailableError("the block is not sealed over yet; ask again after the next block")
        try:
            return Header.from_json(shown)
        except IntegrityError as error:
            raise NodeError(f"the node's header does not hold: {error}") from error

    def _proofs(self, contract: Address, slots: list[int], at: BlockStamp) -> AccountEvidence:
        keys = [hex32(slot.to_bytes(32, "big")) for slot in slots]
        answer = self._rpc.call("eth_getProof", contract, keys, {"blockHash": hex32(at.hash)})
        try:
            proofs = answer["storageProof"]
            words = {slot: _nodes(proof["proof"]) for slot, proof in zip(slots, proofs, strict=True)}
            return AccountEvidence(_nodes(answer["accountProof"]), words)
        except (KeyError, TypeError, ValueError, InputError) as error:
            raise NodeError(f"the node's proof of {contract} is malformed") from error


class _Noting:
    """A storage that notes what is asked of it."""

    def __init__(self, storage: Storage, asked: dict[Address, set[int]]) -> None:
        self._storage = storage
        self._asked = asked

    def word(self, contract: Address, slot: int) -> int:
        """The word of the storage behind."""
        self._asked.setdefault(contract, set()).add(slot)
        return self._storage.word(contract, slot)


def _nodes(listed: Any) -> Nodes:
    return tuple(from_hex(node, None) for node in listed or ())
