"""Application acknowledgments a source is owed, with what became of their messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from salus.core.ids import RecordId, Root
from salus.core.journal import Fault, MessageState


class AckState(IntEnum):
    """How an acknowledgment stands."""

    OWED = 1
    ANSWERED = 2
    GIVEN_UP = 3


@dataclass(frozen=True, slots=True)
class AnchoredRecord:
    """A record a message made, and the batch its version is anchored in: 0 and None until then."""

    record_id: RecordId
    batch: int = 0
    root: Root | None = None


@dataclass(frozen=True, slots=True)
class OwedAck:
    """One that is owed. `sealed` is what it needs of the message's header; `state` and `fault` are the message's.

    Times are Unix seconds; before `next_at` it isn't sent again.
    """

    key: int
    listener: str
    message_hash: bytes
    raw_hash: bytes
    sealed: bytes
    attempts: int
    next_at: int
    created_at: int
    state: MessageState
    fault: Fault
    records: tuple[AnchoredRecord, ...]

    @property
    def processed(self) -> bool:
        """Whether it is settled what becomes of the message, until a person changes that."""
        return self.state not in (MessageState.PENDING, MessageState.DUPLICATE)

    @property
    def success(self) -> bool:
        """Whether the message was made into records, or said nothing new."""
        return self.state is MessageState.DONE

    @property
    def anchored(self) -> bool:
        """Whether all it made is anchored, or nothing of it ever will be."""
        return self.processed and (not self.success or all(one.root is not None for one in self.records))
