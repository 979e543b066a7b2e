"""A node as somebody sees it who believes no directory: contracts by address, at one block, beside their artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from salus.core.ids import Address


@dataclass(frozen=True, slots=True)
class Compiled:
    """One artifact: runtime code with zeros for immutables, their places (start, length), and the creation code.

    `made_by` names compiler and sources.
    """

    runtime: bytes
    immutables: Mapping[str, Sequence[tuple[int, int]]]
    creation: bytes
    made_by: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One event."""

    name: str
    args: Mapping[str, Any]
    tx_hash: bytes


class Site(Protocol):
    """Contracts by address on one node, at one block."""

    chain_id: int

    def compiled(self, contract: str) -> Compiled:
        """What the artifacts say."""
        ...

    def code(self, address: Address) -> bytes:
        """Code at an address, empty where there is none."""
        ...

    def call(self, contract: str, address: Address, function: str, *args: Any) -> tuple[Any, ...] | None:
        """What a view function returns, None when it reverts."""
        ...

    def events(self, contract: str, address: Address, *names: str) -> list[Seen]:
        """Every event of these names a contract ever emitted, in order."""
        ...

    def creation(self, address: Address, transaction: bytes | None) -> bytes:
        """Input of the transaction that created a contract: `transaction` if it is known, else it is searched for.

        Raises:
            NotFoundError: none did, or `transaction` did not.
            UnavailableError: the node no longer has the state of that time.
        """
        ...

    def sender(self, tx_hash: bytes) -> Address:
        """Who sent a transaction."""
        ...
