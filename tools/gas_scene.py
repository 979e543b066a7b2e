"""An Anvil on which every run is the same run: clock, accounts, addresses and signatures are fixed, so gas is too.

Senders are impersonated, contracts among them: a function that only a contract of the system may call is measured as a
transaction of its own, like any other.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_abi.abi import encode

from devnet.anvil import CHAIN_ID, AnvilSettings, anvil_command, free_port, is_ready
from salus.adapters.chain.abi import abi_of, reverts
from salus.adapters.chain.artifacts import load
from salus.adapters.chain.rpc import Rpc
from salus.adapters.keys.signer import LocalSigner
from salus.core.eip712 import Domain, StructType
from salus.core.hashing import keccak
from salus.core.ids import Address, to_address

START = 1_793_491_200
"""Unix time of the first block."""
_GAS_LIMIT = 20_000_000
_READY_SECONDS = 30
_TYPE = re.compile(r'_TYPEHASH\s*=\s*keccak256\(\s*"(\w+)\(([^"()]*)\)"\s*\)')
_CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"


def person(name: str) -> LocalSigner:
    """A named account, the same in every run."""
    return LocalSigner(keccak(f"salus gas {name}".encode()))


def word(label: str) -> bytes:
    """32 bytes for a label, none of them likely to be zero."""
    return keccak(label.encode())


def typed_structs(folder: Path = _CONTRACTS) -> dict[str, StructType]:
    """The flat EIP-712 structs of the contracts' type hashes, by name, read from Solidity: nothing is said twice."""
    found: dict[str, StructType] = {}
    for source in sorted(folder.rglob("*.sol")):
        for name, members in _TYPE.findall(source.read_text()):
            pairs = [member.split(" ") for member in members.split(",")]
            if all(kind[0].islower() for kind, _ in pairs):
                found[name] = StructType(name, *((kind, member) for kind, member in pairs))
    return found


class Scene:
    """Contracts by name on one node; every transaction is a block, one second after the last."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._types = typed_structs()
        self.now = START
        self.addresses: dict[str, Address] = {}
        self.gas: dict[tuple[str, str, str], int] = {}
        rpc.call("anvil_autoImpersonateAccount", True)  # noqa: FBT003 - a JSON-RPC parameter

    def create(self, contract: str, *args: Any, name: str | None = None) -> None:
        """Create a contract and note what that takes; `name` when it is a second one."""
        artifact = load(contract)
        constructor = next(element for element in artifact.abi if element["type"] == "constructor")
        kinds = [item["type"] for item in constructor["inputs"]]
        address, gas = self.create_code(artifact.bytecode + encode(kinds, args), contract)
        self.addresses[name or contract] = address
        if name is None:
            self.gas[contract, "constructor", ""] = gas

    def create_code(self, code: bytes, what: str) -> tuple[Address, int]:
        """Create a contract from its creation code; its address and the gas it took."""
        receipt = self._mine(person("deployer").address, None, code, what)
        return to_address(bytes.fromhex(receipt["contractAddress"][2:])), int(receipt["gasUsed"], 16)

    def send(self, sender: Address, to: Address, data: bytes, what: str) -> int:
        """Send calldata to any contract; the gas of the whole transaction.

        Raises:
            RuntimeError: it reverts.
        """
        return int(self._mine(sender, to, data, what)["gasUsed"], 16)

    def view(self, to: Address, data: bytes) -> bytes:
        """What a call returns."""
        return bytes.fromhex(self._rpc.call("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")[2:])

    def act(self, sender: Address, call: str, *args: Any, case: str = "") -> None:
        """Send `Contract.function` and note the gas of the whole transaction under `case`.

        Raises:
            RuntimeError: the call reverts, or the same case was noted before.
        """
        contract, function = call.split(".")
        key = (contract, function, case)
        if key in self.gas:
            raise RuntimeError(f"{call} is measured twice as {case!r}: give one another name")
        self.gas[key] = self.do(sender, call, *args)

    def do(self, sender: Address, call: str, *args: Any) -> int:
        """As `act`, without a note: what has to happen before something else can be measured. Returns the gas."""
        contract, function = call.split(".")
        data = abi_of(contract).function(function).encode(args)
        return int(self._mine(sender, self.addresses[contract], data, call)["gasUsed"], 16)

    def read(self, call: str, *args: Any) -> Any:
        """First value of a view function."""
        contract, function = call.split(".")
        found = abi_of(contract).function(function)
        answer = self._rpc.call(
            "eth_call", {"to": self.addresses[contract], "data": "0x" + found.encode(args).hex()}, "latest"
        )
        return found.decode(bytes.fromhex(answer[2:]))[0]

    def domain(self, contract: str) -> Domain:
        """EIP-712 domain of a contract."""
        return Domain(f"Salus {contract}", CHAIN_ID, self.addresses[contract])

    def signed(
        self, contract: str, struct: str, *signers: LocalSigner, **values: Any
    ) -> tuple[tuple[Any, ...], list[bytes]]:
        """A typed struct as its function takes it, and each signer's signature of it. `deadline` is filled in."""
        kind = self._types[struct]
        names = [name for _, name in kind.members]
        if "deadline" in names:
            values = {"deadline": self.now + 3600} | values
        digest = kind.digest(self.domain(contract), values)
        return tuple(values[name] for name in names), [signer.sign(digest) for signer in signers]

    def wait(self, seconds: int) -> None:
        """Let chain time pass before the next transaction."""
        self.now += seconds

    def _mine(self, sender: Address, to: Address | None, data: bytes, what: str) -> dict[str, Any]:
        self.now += 1
        self._rpc.call("evm_setNextBlockTimestamp", self.now)
        request = {"from": sender, "data": "0x" + data.hex(), "gas": hex(_GAS_LIMIT), "gasPrice": "0x0"}
        request |= {"to": to} if to else {}
        sent = self._rpc.call("eth_sendTransaction", request)
        self._rpc.call("evm_mine")
        receipt: dict[str, Any] = self._rpc.call("eth_getTransactionReceipt", sent)
        if int(receipt["status"], 16) != 1:
            [answer] = self._rpc.batch([("eth_call", [request, "latest"])])
            reason = reverts().read(getattr(answer, "revert_data", None) or b"")
            raise RuntimeError(f"{what} reverts: {reason}")
        return receipt


@contextmanager
def scene(rules: str = "berlin") -> Iterator[Scene]:
    """A fresh Anvil on a free port, ended when the block is left; `rules` is the hard fork of its EVM.

    Raises:
        RuntimeError: Anvil does not answer.
    """
    port = free_port()
    command = [*anvil_command(AnvilSettings(port, block_seconds=None, rules=rules)), "--timestamp", str(START)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rpc = Rpc(f"http://127.0.0.1:{port}")
    try:
        _await(port, child)
        yield Scene(rpc)
    finally:
        rpc.close()
        child.kill()
        child.wait()


def _await(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not is_ready(port):
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("Anvil does not answer: is the port free, and is it installed (tools/install.sh)?")
        time.sleep(0.02)


def missing(measured: Sequence[tuple[str, str, str]], contracts: Sequence[str]) -> list[str]:
    """Functions of contracts that change state and have no figure."""
    seen = {(contract, function) for contract, function, _ in measured}
    return [
        f"{contract}.{element['name']}"
        for contract in contracts
        for element in load(contract).abi
        if element["type"] == "function"
        and element["stateMutability"] not in {"view", "pure"}
        and (contract, element["name"]) not in seen
    ]
