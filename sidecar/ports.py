"""What the sidecar needs beside its node (`salus.core.node.NodeAdmin`)."""

from __future__ import annotations

from typing import Protocol

from salus.core.node import Seat
from salus.core.state import BlockStamp


class Members(Protocol):
    """The registry's members."""

    def seats(self, validators: int) -> tuple[BlockStamp, tuple[Seat, ...]]:
        """Newest final block of a chain of so many validators, and the members at it.

        Raises:
            UnavailableError: the node is away, or does not have that block any more.
            NotFoundError: there is no registry at that block.
        """
        ...
