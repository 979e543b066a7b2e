"""Wires the chain adapter together: what a runtime calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.adapters.chain.abi import reverts
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.board import Board
from salus.adapters.chain.directory import Directory
from salus.adapters.chain.fees import require_no_base_fee
from salus.adapters.chain.finality import DevFinality, FinalityRule, rule_of
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.proofs import ProvenState
from salus.adapters.chain.proven import ProvenReader
from salus.adapters.chain.reader import Reader
from salus.adapters.chain.reads import StateAt
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.simulate import Simulator
from salus.adapters.chain.trusted import TrustedChain
from salus.core.consensus.engine import Engine
from salus.core.consensus.snapshot import Snapshot
from salus.core.errors import NodeError, SetupError
from salus.core.ids import Address
from salus.core.ports import Signer

if TYPE_CHECKING:
    from salus.adapters.chain.deployer import ContractDeployer


@dataclass(frozen=True, slots=True)
class Chain:
    """One node and one deployment on it."""

    rpc: Rpc
    blocks: Blocks
    directory: Directory
    reader: Reader

    @property
    def board(self) -> Board:
        """The Council as its members see it."""
        return Board(self.reader, self.directory)

    def writer(self, signers: Sequence[Signer], *, patience: float = 60.0) -> Lanes:
        """Transactions of some accounts. Make one writer per process and account: it counts nonces itself."""
        simulator = Simulator(self.rpc, self.directory, reverts())
        return Lanes(self.rpc, self.blocks, self.directory, simulator, signers, patience=patience)

    def close(self) -> None:
        """Close the connections."""
        self.rpc.close()


@dataclass(frozen=True, slots=True)
class ProvenChain:
    """One node that is not believed, and one deployment on it. `unproven` sends transactions and finds events."""

    unproven: Chain
    trusted: TrustedChain
    reader: ProvenReader

    @property
    def rpc(self) -> Rpc:
        """Its node."""
        return self.unproven.rpc

    def writer(self, signers: Sequence[Signer], *, patience: float = 60.0) -> Lanes:
        """As of `Chain`. What its receipts say is the node's word."""
        return self.unproven.writer(signers, patience=patience)

    def close(self) -> None:
        """Close the connections."""
        self.unproven.close()


_NO_COUNCIL = "there is no contract at {}: is this the right chain, and the address of its Council?"


def connect(url: str, council: Address, finality: str = "dev", *, timeout: float = 10.0) -> Chain:
    """Reader and writers of the deployment of a Council.

    `finality` is `dev`, `qbft` or `clique:N` with N signers; `timeout` in seconds per exchange with the node.

    Raises:
        SetupError: no contract at that address, or an unknown finality rule.
        UnavailableError: the node is away.
    """
    rule = rule_of(finality)
    rpc = Rpc(url, timeout=timeout)
    if rpc.call("eth_getCode", council, "latest") in {"0x", None}:
        raise SetupError(_NO_COUNCIL.format(council))
    return _wired(rpc, council, rule)


def connect_proven(
    url: str,
    council: Address,
    chain_id: int,
    engine: Engine,
    snapshot: Snapshot,
    keep: Callable[[Snapshot], None],
    *,
    halt: Callable[[str], None] | None = None,
    halted: str | None = None,
    timeout: float = 10.0,
) -> ProvenChain:
    """Reader that believes nothing of the node, and its writers.

    `chain_id` and `council` are the deployment file's; `snapshot`, `keep`, `halt` and `halted` as in `TrustedChain`.
    Follows the node to its newest block, which takes a while after a long absence. A node whose chain or state does not
    hold is found out here or later, by the reads.

    Raises:
        SetupError: a node of another chain, or no contract at the Council's address.
        UnavailableError: the node is away.
    """
    rpc = Rpc(url, timeout=timeout)
    chain = _wired(rpc, council, DevFinality())
    if chain.reader.chain_id != chain_id:
        raise SetupError(f"the node is of chain {chain.reader.chain_id}, the deployment of chain {chain_id}")
    trusted = TrustedChain(rpc, engine, snapshot, keep, halt=halt, halted=halted)
    state = ProvenState(rpc, trusted.state_root)
    reader = ProvenReader(trusted, state, council, chain_id, chain.reader.events)
    try:
        if state.account(council, reader.head()) is None:
            raise SetupError(_NO_COUNCIL.format(council))
    except NodeError:
        pass  # every call will say so
    return ProvenChain(chain, trusted, reader)


def _wired(rpc: Rpc, council: Address, rule: FinalityRule) -> Chain:
    blocks = Blocks(rpc)
    state = StateAt(rpc, blocks, reverts())
    directory = Directory(blocks, state, council)
    return Chain(rpc, blocks, directory, Reader(rpc, blocks, state, directory, rule))


def connect_deployer(url: str, signers: Sequence[Signer], *, patience: float = 60.0) -> ContractDeployer:
    """Creates contracts on a chain that may have none yet.

    Raises:
        SetupError: the chain asks for a base fee.
        UnavailableError: the node is away.
    """
    from salus.adapters.chain.deployer import ContractDeployer  # noqa: PLC0415 - imports web3, a second of CPU

    rpc = Rpc(url)
    require_no_base_fee(rpc)
    simulator = Simulator(rpc, None, reverts())
    return ContractDeployer(rpc, Lanes(rpc, Blocks(rpc), None, simulator, signers, patience=patience), patience)
