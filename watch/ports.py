"""What the watch needs of the chain; the ports of the index are `salus.core.ports_index`."""

from __future__ import annotations

from typing import Protocol

from salus.core.ports import ChainEvent
from salus.core.state import BlockStamp


class Chain(Protocol):
    """The part of `ChainReader` the watch reads."""

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        ...

    def head(self) -> BlockStamp:
        """Newest block the node has."""
        ...

    def final(self) -> BlockStamp:
        """Newest final block."""
        ...

    def block(self, number: int) -> BlockStamp:
        """A block by number.

        Raises:
            NotFoundError: the chain is shorter.
        """
        ...

    def log_slot(self, key: bytes | None, at: BlockStamp) -> int:
        """Storage word of a chain of the AuditLog (None: the global chain).

        Raises:
            NotFoundError: there is no AuditLog at that block.
        """
        ...

    def events(self, first_block: int, last_block: int) -> list[ChainEvent]:
        """All events of the deployment's contracts in a range of blocks, in order."""
        ...
