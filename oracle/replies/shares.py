"""Which acknowledgments this oracle sends, where several have one journal.

| the way back | sent by |
| --- | --- |
| the connection the message came by | the oracle that has it |
| that one has gone: another connection of the sender | after a minute, the oracle in line |
| an address the source names | the oracle in line |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from salus.core.acks import OwedAck

LEFT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether this oracle is alone on its journal, and whether it is the one in line."""

    alone: bool = True
    in_line: bool = True

    def sends(self, ack: OwedAck, *, own: bool, came_here: Callable[[bytes], bool], now: int) -> bool:
        """Whether this oracle sends one; `own`: by a connection of its own to the address a source names."""
        if self.alone:
            return True
        if own:
            return self.in_line
        if came_here(ack.message_hash + ack.raw_hash):
            return True
        return self.in_line and now - ack.created_at >= LEFT_SECONDS
