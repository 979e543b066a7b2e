"""Keys of an institution's machines, as people give them: a node's public key, and the account that seals.

| given | read as |
| --- | --- |
| `enode://…@host:port` | the 128 hex digits of the node's key; the address is for address books |
| 128 hex digits | the same key, alone |
| socket of a geth or GoQuorum node, or URL of a Besu node (API ADMIN) | its key, and the account it seals with |
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from coincurve import PublicKey

from salus.adapters.chain import ipc
from salus.adapters.chain.address_book import key_of
from salus.adapters.chain.node_admin import identity
from salus.adapters.chain.participants import MachineKeys
from salus.adapters.chain.rpc import Rpc
from salus.core.errors import InputError
from salus.core.ids import ZERO_ADDRESS, Address, read_address
from salus.core.node import NODE_KEY

NONE = MachineKeys(bytes(NODE_KEY), ZERO_ADDRESS)
"""Of an institution that runs no node."""
_DIGITS = re.compile(r"(?:0x)?([0-9a-fA-F]{128})")


def read_node_key(text: str) -> bytes:
    """A node's key, 64 bytes.

    Raises:
        InputError: neither an enode URL nor 128 hex digits, or no public key.
    """
    found = _DIGITS.fullmatch(text.strip())
    key = bytes.fromhex(found[1]) if found else key_of(text.strip())
    if key is None:
        raise InputError(
            "a node key is an enode:// URL (admin.nodeInfo.enode of the node) or its 128 hex digits, "
            f"not {len(text.strip())} characters that begin with {text.strip()[:12]!r}"
        )
    try:
        PublicKey(b"\x04" + key)
    except ValueError as error:
        raise InputError("these 128 digits are no public key of secp256k1: copy the node's enode whole") from error
    return key


def read_validator(text: str) -> Address:
    """The account a validator seals with.

    Raises:
        InputError: no address, or the zero address.
    """
    account = read_address(text.strip())
    if account == ZERO_ADDRESS:
        raise InputError("the zero address seals nothing: leave --validator out if the node does not seal")
    return account


def read_machines(node_key: str | None, validator: str | None, from_node: str | None) -> MachineKeys | None:
    """Machines of options; None when none was given.

    Raises:
        InputError: options that contradict each other, or one is malformed.
        UnavailableError: the node does not answer.
    """
    if from_node is not None:
        if node_key is not None or validator is not None:
            raise InputError("--from-node reads both keys from the node: leave --node-key and --validator out")
        return of_node(from_node)
    if node_key is None and validator is None:
        return None
    if node_key is None:
        raise InputError("--validator needs --node-key: nobody lets the node of that validator in without it")
    return MachineKeys(read_node_key(node_key), ZERO_ADDRESS if validator is None else read_validator(validator))


def of_node(place: str) -> MachineKeys:
    """Machines of one's own node, by its socket or URL.

    Raises:
        InputError: there is no such socket, or the node tells less than that (Besu: switch on its API ADMIN).
        UnavailableError: it does not answer.
    """
    if place.startswith(("http://", "https://")):
        rpc = Rpc(place)
        try:
            return identity(rpc.call)
        finally:
            rpc.close()
    if not Path(place).is_socket():
        raise InputError(f"{place} is no socket: name the node's geth.ipc, and start the node first")

    def ask(method: str, *parameters: object) -> Any:
        return ipc.ask(Path(place), method, *parameters)

    return identity(ask)
