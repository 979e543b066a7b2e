"""What operators of a source do with its messages, and the log of it.

    number │ at │ actor │ deed │ message │ sealed reason │ link     link = keyed hash of the row and the link before
                                                                    head = keyed hash of the last number and link

The hashes are under the site key: without it no row can be changed, removed or added unseen, nor the last ones cut off.
What it can't show is that the whole database was put back to an older copy of itself; each link is in the oracle's
own log lines too. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from salus.core.acks import AckState
from salus.core.ids import RecordId, Root
from salus.core.journal import BatchState, HeadStatus, MessageState, StoredMessage

ACTOR_CHARACTERS: Final = 64
FIRST_LINK: Final = bytes(32)


class Deed(StrEnum):
    """What was done with a message."""

    SHOW = "show"
    RELEASE = "release"
    DISCARD = "discard"
    REPROCESS = "reprocess"
    RESEAL = "reseal"
    ABANDON = "abandon"


@dataclass(frozen=True, slots=True)
class Order:
    """Who does what, when and why. `actor` is an operator's address or `os:` and an account of the machine.

    The reason is a person's words: it rests sealed.
    """

    at: int
    actor: str
    deed: Deed
    reason: bytes


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One deed on one message, as it was done. `number` counts from 1 without a gap; `link` is 32 bytes."""

    number: int
    at: int
    actor: str
    deed: Deed
    message: int
    reason: bytes
    link: bytes


class AuditSeal(Protocol):
    """Keyed hashes of the log (`oracle.audit.Seal`)."""

    def link(self, before: bytes, number: int, order: Order, message: int) -> bytes:
        """Link of a row after one with the link `before`."""
        ...

    def head(self, number: int, link: bytes) -> bytes:
        """What tells that this is the last row."""
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Messages by what is known of them; what is empty or 0 doesn't count. Times are of receipt, from `since` to before
    `until`; keys above `after`."""

    keys: tuple[int, ...] = ()
    condition: int = 0
    listener: str = ""
    kind: str = ""
    since: int = 0
    until: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A record whose newest version another custodian set holds, by its key in the database.

    `kept` are the messages about it whose bytes are here, oldest first, `finished` those of them that became records.
    `is_ordered`: its destruction is ordered and not carried out yet.
    """

    key: int
    record_id: RecordId
    is_destroyed: bool
    is_ordered: bool
    kept: tuple[int, ...]
    finished: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MadeVersion:
    """A record version a message made, and how far it has come. `batch` 0: in none yet; `block` 0: not anchored."""

    record_id: RecordId
    version: int
    status: HeadStatus
    invalid: bool
    batch: int = 0
    batch_state: BatchState | None = None
    root: Root | None = None
    block: int = 0


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """All that is known of a message but its content.

    `of` is the message whose `result` it shares: itself, or the one it is a duplicate of, by key. `confirms` are
    records it said nothing new of. `kept`: its bytes are still here. `acknowledgment` is None when none was asked for.
    """

    message: StoredMessage
    of: int
    result: MessageState
    kept: bool
    versions: tuple[MadeVersion, ...] = ()
    confirms: tuple[RecordId, ...] = ()
    acknowledgment: AckState | None = None
