"""What reading a message yields, as it passes between processes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from salus.core.journal import Fault
from salus.core.labels import MIN_LEVEL, Category, Confidentiality, Form, Labels, Topic
from salus.core.quality import Told
from salus.core.record import DraftStatus


@dataclass(frozen=True, slots=True)
class ReadDraft:
    """A labelled draft (`salus.core.record.RecordDraft`) with its content in canonical form.

    `group_key` is the record key of the group it was split from, `said_at` and `also` are the group's. `wrong`: a
    result in it was another patient's, so the versions before it must go.
    """

    record_key: str
    group_key: str
    subject_key: str
    body: bytes
    labels: Labels
    form: Form
    first_day: int
    last_day: int
    status: DraftStatus
    said_at: int = 0
    also: tuple[str, ...] = ()
    wrong: bool = False


class ChangeKind(Enum):
    """What a message says about two of the source's patients."""

    MERGE = "merge"
    LINK = "link"
    UNLINK = "unlink"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """Two subject keys: the one that is merged, linked or moved from, and the one that stays.

    `named` is the key of what moves: a group's record key, or one of its `also`.
    """

    kind: ChangeKind
    subject_key: str
    survivor_key: str
    named: str = ""


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """One message read: its drafts and what it says about identities, or why there are none.

    `broken` names an error of ours in reading it; `ahead` counts groups that said they were of after tomorrow.
    """

    drafts: tuple[ReadDraft, ...] = ()
    changes: tuple[IdentityChange, ...] = ()
    fault: Fault | None = None
    broken: str = ""
    quality: Told = Told()
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Refolded:
    """One group read again from all messages about it; `stale` and `silent` as in `oracle.fold.Folded`.

    `whole` is False when some of the messages are no longer kept, or too many to be read; `awaited` says that the bytes
    of some are lost and come again when their source sends them. `broken` names an error of ours in folding them.
    """

    drafts: tuple[ReadDraft, ...]
    stale: bool
    silent: bool
    whole: bool = True
    awaited: bool = False
    broken: str = ""


@dataclass(frozen=True, slots=True)
class RawMessage:
    """Bytes of one message and the listener they came in by, which names the source; `received_at` in Unix seconds."""

    listener: str
    raw: bytes
    received_at: int = 0


@dataclass(frozen=True, slots=True)
class LabelRule:
    """What a source's local code or word means: it raises what labelling finds and never lowers it.

    Either `word` is given, or `code` with its FHIR system ("" for none, "*" for any).
    """

    system: str = "*"
    code: str = ""
    word: str = ""
    topics: Topic = Topic(0)
    category: Category = Category(0)
    level: int = MIN_LEVEL
    confidentiality: Confidentiality = Confidentiality.U


@dataclass(frozen=True, eq=False)
class LabelTable:
    """A source's label rules; compared and hashed by identity, for it is looked up for each record."""

    rules: tuple[LabelRule, ...] = ()


NO_LABEL_RULES = LabelTable()


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """Which numbers in PID-3 name the subject: of this type (PID-3.5) and of this assigning authority; "" for any."""

    type: str = ""
    authority: str = ""
