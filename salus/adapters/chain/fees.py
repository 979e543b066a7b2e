"""Every transaction of Salus has gas price 0, so a chain with a base fee (EIP-1559) takes none of them."""

from __future__ import annotations

from salus.adapters.chain.rpc import Rpc
from salus.core.errors import SetupError

ANVIL = "node_modules/.bin/anvil --hardfork berlin --gas-price 0 --block-base-fee-per-gas 0"
"""Command line of a development chain that wants no fee."""


def require_no_base_fee(rpc: Rpc) -> None:
    """Ask the newest block what a unit of gas costs at least.

    Raises:
        SetupError: more than nothing; says how to start a chain that will do.
    """
    head = rpc.call("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 - a JSON-RPC parameter
    fee = int(head.get("baseFeePerGas") or "0x0", 16)
    if fee:
        raise SetupError(
            f"the chain asks for a base fee of {fee} wei a gas, and every transaction of Salus has price 0: start it "
            f"without London. Anvil: `{ANVIL}`; Besu: `zeroBaseFee`; geth: no `londonBlock` in the genesis file"
        )
