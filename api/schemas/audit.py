"""The log: for auditors, and for patients."""

from __future__ import annotations

from pydantic import Field

from api.schemas.accesses import AccessFact
from api.schemas.common import Account, Block, Hex32, Wire


class Sentences(Wire):
    """What an entry says in plain words; no identifiers of people."""

    en: str
    zh: str


class EntryFact(Wire):
    """One AuditLog entry. `key` is a holder left-padded, a subjectRef or a participantId; `access` where it is one."""

    seq: int
    position: int
    key: Hex32
    key_position: int
    kind: int
    name: str
    code: int
    code_name: str
    reference: Hex32
    participant_id: Hex32 | None
    participant_title: str
    emitter: Account
    at: int
    block: int
    tx_hash: Hex32
    access: AccessFact | None = None
    sentences: Sentences


class Entries(Wire):
    """Entries in chain order; `next` is `after` of the following page, `indexed` the block this knowledge reaches."""

    items: list[EntryFact]
    next: int | None
    indexed: Block | None


class AccessCountFact(Wire):
    """How many accesses with one outcome."""

    participant_id: Hex32
    participant_title: str
    purpose: str
    code: int
    name: str
    count: int


class AlertFact(Wire):
    """What the watch raised and nobody resolved."""

    kind: str
    reference: str
    block: int
    at: int
    detail: str


class Summary(Wire):
    """Counts of a span of days, and open alerts."""

    granted: int
    denied: int
    counts: list[AccessCountFact]
    alerts: list[AlertFact]
    indexed: Block | None


class WithheldRequest(Wire):
    """Of which consent."""

    consent_id: Hex32
    custodian_set: int = Field(default=1, ge=1, lt=1 << 32)


class WithheldCount(Wire):
    """How many record versions were left out for one reason."""

    code: int
    name: str
    count: int


class WithheldList(Wire):
    """One list a custodian gave; `participantId` is who asked, None for the patient."""

    at: int
    participant_id: Hex32 | None
    listed: int
    withheld: list[WithheldCount]


class WithheldByCustodian(Wire):
    """What one custodian left out."""

    custodian_id: Hex32
    lists: list[WithheldList]


class Withheld(Wire):
    """What custodians left out under a consent; `away` did not answer."""

    custodians: list[WithheldByCustodian]
    away: list[Hex32]
