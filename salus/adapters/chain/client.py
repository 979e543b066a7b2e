"""web3 on our connection: for work that is rare and where its knowledge saves code (creation code).

The hot paths (reads, transactions, logs) stay on `Rpc`; `rpc`, `abi` and `lanes` say why.
"""

from __future__ import annotations

from typing import Any

from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from salus.adapters.chain.rpc import Rpc, RpcError
from salus.core.errors import UnavailableError


class RpcProvider(JSONBaseProvider):
    """A web3 provider that speaks through an `Rpc`."""

    def __init__(self, rpc: Rpc) -> None:
        super().__init__()
        self._rpc = rpc

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One request; a refusal of the node becomes web3's error response."""
        try:
            return {"jsonrpc": "2.0", "id": 1, "result": self._rpc.call(method, *params)}
        except RpcError as refusal:
            return {
                "jsonrpc": "2.0",
                "id": 1,
                "error": {"code": refusal.code, "message": refusal.reason, "data": refusal.data},
            }

    def is_connected(self, show_traceback: bool = False) -> bool:
        """Whether the node answers."""
        try:
            self._rpc.call("web3_clientVersion")
        except UnavailableError:
            if show_traceback:
                raise
            return False
        return True


def web3_client(rpc: Rpc) -> Web3:
    """web3 over an `Rpc`."""
    return Web3(RpcProvider(rpc))
