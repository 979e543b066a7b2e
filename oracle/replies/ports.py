"""What replies ask of others. Writers have committed durably on return."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from oracle.sources import Source
from salus.core.acks import OwedAck
from salus.core.journal import Fault, MessageState


class AckStore(Protocol):
    """Acknowledgments that are owed."""

    def waiting(self) -> set[str]: ...

    def owed(self, listener: str, transports: Collection[str], limit: int) -> list[OwedAck]: ...

    def find(self, message_hash: bytes, raw_hash: bytes) -> OwedAck: ...

    def results(
        self, names: Iterable[tuple[bytes, bytes]]
    ) -> dict[tuple[bytes, bytes], tuple[MessageState, Fault]]: ...

    def answered(self, keys: Sequence[int]) -> None: ...

    def gave_up(self, keys: Sequence[int]) -> None: ...

    def failed(self, keys: Sequence[int], next_at: int) -> None: ...

    def count(self) -> int: ...

    def forget(self, created_before: int) -> int: ...


class Delivery(Enum):
    """What became of an acknowledgment that was to be sent."""

    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"
    NO_WAY = "no way"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One acknowledgment as it goes out. `name` is its message's, `control_id` its own MSH-10."""

    name: bytes
    control_id: str
    message: bytes


class Outlet(Protocol):
    """A way back to a sender."""

    async def send(self, source: Source, outgoing: Sequence[Outgoing]) -> list[Delivery]:
        """Send some, in order; what became of each. NO_WAY: nothing was tried, there is no connection now."""
        ...
