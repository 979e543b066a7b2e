"""What the oracle knows of one sender besides its messages. The TOML reference is docs/hl7-intake.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path

from oracle.hl7.texts import Language
from oracle.hl7.timestamps import SHANGHAI
from oracle.model import NO_LABEL_RULES, IdentifierRule, LabelTable

DEFAULT_MESSAGE_BYTES = 16 * 1024 * 1024
LARGEST_MESSAGE_BYTES = 96 * 1024 * 1024


class DueAt(StrEnum):
    """How far a message must have come before it is answered."""

    STORED = "stored"
    PROCESSED = "processed"
    ANCHORED = "anchored"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """TLS of a listener: PEM files of its certificate chain, its key, and the CA that signs senders' certificates."""

    certificate: Path
    key: Path
    client_ca: Path


@dataclass(frozen=True, slots=True)
class ClientTls:
    """TLS of a connection the oracle makes: the CA it trusts, and its own certificate if the receiver asks for one."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class MllpDoor:
    """Where a sender connects. A port without TLS is its own; one with TLS is shared, and its certificate names it.

    `fingerprints` are SHA-256 of whole certificates (32 bytes); `names` are subject common names.
    """

    port: int
    host: str = "127.0.0.1"
    tls: ServerTls | None = None
    fingerprints: frozenset[bytes] = frozenset()
    names: frozenset[str] = frozenset()

    def admits(self, fingerprint: bytes, name: str) -> bool:
        """Whether a client certificate is this sender's. A pinned fingerprint alone decides where there is one."""
        return fingerprint in self.fingerprints if self.fingerprints else name in self.names


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages a second in the long run, and how many may come at once. Above it reading stops; nothing is refused."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """A receiver of deferred acknowledgements, on a connection of the oracle's own."""

    host: str
    port: int
    tls: ClientTls | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """When and how a sender is answered.

    `original` is when original mode gets its AA: once stored, or once processed. `application` is when enhanced mode
    gets its application acknowledgement: once processed, or once anchored. `confirm` asks the sender for a commit
    accept of it; `receipt` adds ZSL segments; `attempts` bounds resending.
    """

    original: DueAt = DueAt.STORED
    application: DueAt = DueAt.PROCESSED
    receipt: bool = False
    confirm: bool = True
    attempts: int = 20
    reply_to: ReplyTo | None = None


@dataclass(frozen=True, slots=True)
class BatchFolder:
    """A watched folder of batch files; a file counts as whole when it stayed as it is for `settle_seconds`."""

    folder: Path
    settle_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Source:
    """One sender. `name` stands with each of its messages in the journal and never changes.

    `events` are (message code, trigger event), event "" for all of a code; None takes all that are supported. `systems`
    are assigning authorities with the FHIR system of their numbers; `patient` are the numbers in PID-3 that may name
    the subject, best first. `level` and `labels` raise what labelling finds. `token` is what HTTP senders show.
    """

    name: str
    title: str
    authority: str
    charset: str | None = None
    zone: tzinfo = SHANGHAI
    is_checkup: bool | None = None
    language: Language = Language.ENGLISH
    events: frozenset[tuple[str, str]] | None = None
    ignored_segments: frozenset[str] = frozenset()
    required_segments: tuple[str, ...] = ()
    systems: tuple[tuple[str, str], ...] = ()
    patient: tuple[IdentifierRule, ...] = ()
    level: int = 0
    labels: LabelTable = NO_LABEL_RULES
    retain_days: int = 30
    max_message_bytes: int = DEFAULT_MESSAGE_BYTES
    sequence_numbers: bool = False
    control_id_digits: int = 0
    silence_minutes: int = 0
    rate: Rate | None = None
    mllp: MllpDoor | None = None
    token: str | None = field(default=None, repr=False)
    batch: BatchFolder | None = None
    acknowledgement: Acknowledgement = Acknowledgement()

    def takes(self, code: str, event: str) -> bool:
        """Whether this sender may send such a message."""
        return self.events is None or (code, "") in self.events or (code, event) in self.events
