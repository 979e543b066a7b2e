"""The pure functions of the contracts on a real EVM, many calls at a time.

`solidity` runs functions of contracts/mocks/VectorsMock.sol on an Anvil of its own. Every argument and every result is
one 32-byte word.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from devnet.anvil import Anvil, AnvilSettings, free_port
from salus.adapters.chain.rpc import Rpc
from salus.core.hashing import keccak

ROOT = Path(__file__).resolve().parents[3]
_MOCK = "0x00000000000000000000000000000000000000ff"

Words = Sequence[int]


class Solidity:
    """VectorsMock on a node."""

    def __init__(self, rpc: Rpc, code: str, selectors: dict[str, str]) -> None:
        self._rpc = rpc
        self._selectors = selectors
        rpc.call("anvil_setCode", _MOCK, code)

    def call(self, name: str, arguments: Sequence[Words]) -> list[tuple[int, ...]]:
        """Results of one function for each list of argument words."""
        selector = self._selectors[name]
        calls = [{"to": _MOCK, "data": selector + "".join(f"{word:064x}" for word in words)} for words in arguments]
        answers = self._rpc.batch([("eth_call", [call, "latest"]) for call in calls])
        return [tuple(int(a[place : place + 64], 16) for place in range(2, len(a), 64)) for a in answers]


@pytest.fixture(scope="session")
def solidity() -> Iterator[Solidity]:
    forge = ROOT / "node_modules" / ".bin" / "forge"
    subprocess.run([forge, "build", "--quiet"], cwd=ROOT, check=True)
    built = json.loads((ROOT / "out" / "VectorsMock.sol" / "VectorsMock.json").read_text())
    selectors = {signature.split("(")[0]: "0x" + given for signature, given in built["methodIdentifiers"].items()}
    for signature, given in built["methodIdentifiers"].items():
        assert keccak(signature.encode()).hex().startswith(given)
    with Anvil(AnvilSettings(free_port())) as anvil:
        rpc = Rpc(anvil.url, timeout=60)
        yield Solidity(rpc, built["deployedBytecode"]["object"], selectors)
        rpc.close()
