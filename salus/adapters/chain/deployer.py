"""The `Deployer` port of `salus.flows.deploy`: creates contracts from the artifacts, through the lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_utils.address import to_checksum_address
from web3 import Web3

from salus.adapters.chain.artifacts import load
from salus.adapters.chain.client import web3_client
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.rpc import Rpc
from salus.adapters.chain.simulate import Prepared
from salus.core.errors import InputError
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, Address


class ContractDeployer:
    """Creates contracts with the first free account of a writer; any account will do, for creating gives no power."""

    def __init__(self, rpc: Rpc, lanes: Lanes) -> None:
        self._web3: Web3 = web3_client(rpc)
        self._lanes = lanes

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return int(self._web3.eth.chain_id)

    def deploy(self, contract: str, args: Sequence[Any]) -> Address:
        """Create a contract; returns its address when it is mined.

        Raises:
            InputError: the arguments don't fit the constructor.
            ChainRevert: the constructor refuses.
            UnavailableError: not mined in time.
        """
        artifact = load(contract)
        factory = self._web3.eth.contract(abi=list(artifact.abi), bytecode=artifact.bytecode)
        try:
            code = factory.constructor(*args).data_in_transaction
        except (TypeError, ValueError) as error:
            raise InputError(f"the arguments do not fit the constructor of {contract}") from error
        [flight] = self._lanes.fly([Prepared(ZERO_ADDRESS, bytes.fromhex(code[2:]))])
        receipt = flight.receipt or {}
        return Address(to_checksum_address(receipt["contractAddress"]))

    def has_code(self, address: Address) -> bool:
        """Whether there is a contract at an address now."""
        return len(self._web3.eth.get_code(to_checksum_address(address))) > 0

    def code_digest(self, contract: str) -> bytes:
        """keccak of a contract's creation code: which version an artifact is."""
        return keccak(load(contract).bytecode)
