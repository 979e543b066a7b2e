"""What reading a message yields, as it passes between processes."""

from __future__ import annotations

from dataclasses import dataclass

from salus.core.journal import Fault
from salus.core.labels import Form, Labels
from salus.core.record import DraftStatus


@dataclass(frozen=True, slots=True)
class ReadDraft:
    """A labelled draft (`salus.core.record.RecordDraft`) with its content in canonical form."""

    record_key: str
    subject_key: str
    body: bytes
    labels: Labels
    form: Form
    first_day: int
    last_day: int
    status: DraftStatus


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """One message read: its drafts, or why there are none. `broken` names an error of ours in reading it."""

    drafts: tuple[ReadDraft, ...] = ()
    fault: Fault | None = None
    broken: str = ""


@dataclass(frozen=True, slots=True)
class RawMessage:
    """Bytes of one message and the listener they came in by, which names the source."""

    listener: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """Which numbers in PID-3 name the subject: of this type (PID-3.5) and of this assigning authority; "" for any."""

    type: str = ""
    authority: str = ""
