"""Anvil as a child: ports, gentle stop, restart from its state file."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from devnet.anvil import Anvil, AnvilSettings, anvil_binary, free_port, is_ready
from salus.adapters.chain.rpc import Rpc
from salus.core.errors import SetupError


def test_anvil__taken_port__says_what_to_do() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(SetupError, match="is taken"):
            Anvil(AnvilSettings(other.getsockname()[1])).start()


def test_anvil__stopped_gently__goes_on_from_its_state(tmp_path: Path) -> None:
    anvil = Anvil(AnvilSettings(free_port(), tmp_path / "chain" / "state.json", block_seconds=None))
    anvil.start()
    rpc = Rpc(anvil.url)
    for _ in range(3):
        rpc.call("evm_mine")
    head = rpc.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - a JSON-RPC parameter
    anvil.stop()
    assert not is_ready(anvil.settings.port)
    anvil.start()
    assert rpc.call("eth_getBlockByNumber", "latest", False)["hash"] == head["hash"]  # noqa: FBT003 - as above
    assert rpc.call("eth_getBalance", "0x" + "0" * 40, {"blockHash": head["hash"]}) == "0x0"
    anvil.stop()
    anvil.stop()


def test_anvil__running__is_berlin_on_loopback_with_price_zero() -> None:
    with Anvil(AnvilSettings(free_port())) as anvil:
        rpc = Rpc(anvil.url)
        head = rpc.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - a JSON-RPC parameter
        assert rpc.call("eth_gasPrice") == "0x0"
        assert "baseFeePerGas" not in head
        assert is_ready(anvil.settings.port)
        assert not is_ready(anvil.settings.port, 1)


def test_anvil__instant__makes_blocks_at_once_and_does_not_outrun_the_clock() -> None:
    with Anvil(AnvilSettings(free_port(), block_seconds=3600)) as anvil:
        rpc = Rpc(anvil.url)
        sender = rpc.call("eth_accounts")[0]
        with anvil.instant():
            for _ in range(5):
                rpc.call("eth_sendTransaction", {"from": sender, "to": sender, "gasPrice": "0x0"})
        start = rpc.call("eth_getBlockByNumber", "0x1", False)  # noqa: FBT003 - a JSON-RPC parameter
        head = rpc.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - as above
        assert int(head["number"], 16) == 5
        assert int(head["timestamp"], 16) - int(start["timestamp"], 16) <= 3


def test_anvil_binary__named_by_a_setting_that_is_wrong__says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALUS_ANVIL", "/nowhere/anvil")
    with pytest.raises(SetupError, match="SALUS_ANVIL"):
        anvil_binary()
