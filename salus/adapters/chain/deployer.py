"""The `Deployer` port of `salus.flows.deploy`: creates contracts from the artifacts, through the lanes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import rlp
from eth_utils.address import to_checksum_address
from web3 import Web3

from salus.adapters.chain.artifacts import load
from salus.adapters.chain.client import web3_client
from salus.adapters.chain.creation import creating_transaction
from salus.adapters.chain.lanes import Lanes
from salus.adapters.chain.rpc import Rpc, RpcError
from salus.adapters.chain.simulate import Prepared
from salus.core.errors import ConflictError, InputError, NotFoundError
from salus.core.hashing import keccak
from salus.core.ids import ZERO_ADDRESS, Address, address_bytes, to_address

_PAUSE_SECONDS = 0.2


class ContractDeployer:
    """Creates contracts with the one account of a writer; any account will do, for creating gives no power.

    `patience` in seconds is how long transactions that an earlier run left in the node's pool are waited for.
    """

    def __init__(self, rpc: Rpc, lanes: Lanes, patience: float = 60.0) -> None:
        self._web3: Web3 = web3_client(rpc)
        self._rpc = rpc
        self._lanes = lanes
        self._patience = patience

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return int(self._web3.eth.chain_id)

    @property
    def account(self) -> Address:
        """The account that creates."""
        return self._lanes.addresses[0]

    def next_address(self) -> Address:
        """Address of the contract the account creates next (its address and nonce decide it), when none is waiting.

        Raises:
            InputError: the writer has several accounts.
            ConflictError: transactions of the account are not mined.
        """
        if len(self._lanes.addresses) != 1:
            raise InputError("a deployer has one account, for its nonce foretells the address")
        deadline = time.monotonic() + self._patience
        while True:
            mined, waiting = self._nonces()
            if waiting <= mined:
                return to_address(keccak(rlp.encode([address_bytes(self.account), mined]))[12:])
            if time.monotonic() > deadline:
                raise ConflictError(
                    f"{waiting - mined} transactions of {self.account} wait in the node's pool from nonce {mined} on: "
                    "have them mined or dropped, or deploy with another account",
                    advice="`salus doctor --rpc URL --account 0x…` says what waits, and whether the pool is full.",
                )
            time.sleep(_PAUSE_SECONDS)

    def deploy(self, contract: str, args: Sequence[Any]) -> Address:
        """Create a contract; returns its address when it is mined.

        Raises:
            InputError: the arguments don't fit the constructor.
            ChainRevert: the constructor refuses.
            UnavailableError: not mined in time.
        """
        code = load(contract).bytecode + self.encode(contract, args)
        [flight] = self._lanes.fly([Prepared(ZERO_ADDRESS, code)])
        receipt = flight.receipt or {}
        return Address(to_checksum_address(receipt["contractAddress"]))

    def encode(self, contract: str, args: Sequence[Any]) -> bytes:
        """Constructor arguments as they follow the creation code.

        Raises:
            InputError: the arguments don't fit the constructor.
        """
        artifact = load(contract)
        factory = self._web3.eth.contract(abi=list(artifact.abi), bytecode=artifact.bytecode)
        try:
            code = factory.constructor(*args).data_in_transaction
        except (TypeError, ValueError) as error:
            raise InputError(f"the arguments do not fit the constructor of {contract}") from error
        return bytes.fromhex(code[2:])[len(artifact.bytecode) :]

    def has_code(self, address: Address) -> bool:
        """Whether there is a contract at an address now."""
        return len(self._web3.eth.get_code(to_checksum_address(address))) > 0

    def transaction_of(self, address: Address) -> bytes | None:
        """Hash of the transaction that created a contract, None if the node can't tell any more."""
        try:
            newest = int(self._rpc.call("eth_blockNumber"), 16)
            return bytes.fromhex(creating_transaction(self._rpc, address, newest)["hash"][2:])
        except (NotFoundError, RpcError):
            return None

    def code_digest(self, contract: str) -> bytes:
        """keccak of a contract's creation code: which version an artifact is."""
        return keccak(load(contract).bytecode)

    def _nonces(self) -> tuple[int, int]:
        counts = self._rpc.batch_all([("eth_getTransactionCount", (self.account, at)) for at in ("latest", "pending")])
        return int(counts[0], 16), int(counts[1], 16)
