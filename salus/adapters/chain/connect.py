"""Wires the chain adapter together: what a runtime calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.adapters.chain.abi import reverts
from salus.adapters.chain.blocks import Blocks
from salus.adapters.chain.board import Board
from salus.adapters.chain.directory import Directory
from salus.adapters.chain.finality import rule_of
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.reader import Reader
from salus.adapters.chain.reads import StateAt
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.simulate import Simulator
from salus.core.errors import SetupError
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
        raise SetupError(f"there is no contract at {council}: is this the right chain, and the address of its Council?")
    blocks = Blocks(rpc)
    state = StateAt(rpc, blocks, reverts())
    directory = Directory(blocks, state, council)
    return Chain(rpc, blocks, directory, Reader(rpc, blocks, state, directory, rule))


def connect_deployer(url: str, signers: Sequence[Signer], *, patience: float = 60.0) -> ContractDeployer:
    """Creates contracts on a chain that may have none yet.

    Raises:
        UnavailableError: the node is away.
    """
    from salus.adapters.chain.deployer import ContractDeployer  # noqa: PLC0415 - imports web3, a second of CPU

    rpc = Rpc(url)
    simulator = Simulator(rpc, None, reverts())
    return ContractDeployer(rpc, Lanes(rpc, Blocks(rpc), None, simulator, signers, patience=patience), patience)
