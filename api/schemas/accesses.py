"""Listings and accesses."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.common import Account, DidText, Hex32, Signature, Wire

STANDING_EN = (
    "Records may have been withheld: by the patient's choice, by law, or because they are of a kind this consent does "
    "not cover. An empty or short list does not mean that nothing else exists."
)
STANDING_ZH = (
    "可能有记录未予显示：出于患者的选择、法律的要求，或该记录不在本次授权范围之内。列表为空或较短，不代表没有其他记录。"
)


class Notice(Wire):
    """The sentence every reader gets, whether or not something was withheld."""

    en: str = STANDING_EN
    zh: str = STANDING_ZH


class ListingRequest(Wire):
    """Of which stored consent package to list."""

    consent_id: Hex32
    history: bool = False


class Labels(Wire):
    """Labels of a record version; dates are civil days in Asia/Shanghai, None when undated."""

    categories: list[str]
    level: int
    confidentiality: str
    form: str
    first_date: date | None
    last_date: date | None


class ListedItem(Wire):
    """One record version inside the scope, not opened."""

    did: DidText
    leaf: Hex32
    version: int
    labels: Labels
    cid: str
    custodian_set: int


class Listing(Wire):
    """What custodians list for a consent. Each of them has logged that it was asked."""

    items: list[ListedItem]
    notice: Notice = Notice()


class Days(Wire):
    """First and last civil day, both included."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from": "2026-09-01", "to": "2026-11-30"}]})
    first: date = Field(alias="from")
    last: date = Field(alias="to")


class AccessRequest(Wire):
    """What is asked for. Left out, `form`, `categories`, `level` and `days` are taken from the records chosen."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"consentId": "0x" + "5e" * 32, "purpose": "TREAT", "actions": ["ACCESS", "USE"]}]
        }
    )
    consent_id: Hex32
    purpose: str
    actions: list[str] = Field(min_length=1)
    form: str | None = None
    leaves: list[Hex32] | None = Field(default=None, min_length=1, max_length=1024)
    categories: list[str] | None = None
    level: int | None = Field(default=None, ge=1, le=5)
    days: Days | None = None
    history: bool = False


class EmergencyRequest(Wire):
    """An emergency: the subject from the patient's card, and a second person of the staff with a token of their own."""

    subject_ref: Hex32
    witness_token: str = Field(max_length=4000)
    purpose: str = "BTG"
    actions: list[str] = Field(default=["ACCESS", "USE"], min_length=1)
    custodian_set: int = Field(default=1, ge=1, lt=1 << 32)
    leaves: list[Hex32] | None = Field(default=None, min_length=1, max_length=1024)
    history: bool = False


class OpenedRecord(Wire):
    """One opened record version; `content` is a FHIR R4 resource or Bundle with decimals as the source wrote them."""

    did: DidText
    leaf: Hex32
    version: int
    labels: Labels
    topics: list[str]
    content: dict[str, Any]


class RefusedRecord(Wire):
    """A record version of the access that custodians did not release."""

    leaf: Hex32
    code: int
    name: str
    advice: str


class FailedRecord(Wire):
    """A record version that custodians released but that could not be opened: damaged, away, or too few true shares."""

    leaf: Hex32
    reason: str
    advice: str


class OpenedAccess(Wire):
    """Outcome of a granted access. `liars` gave shares that were not the ones dealt; `milliseconds` per step."""

    access_id: Hex32
    expires_at: int
    records: list[OpenedRecord]
    refused: list[RefusedRecord]
    failed: list[FailedRecord]
    liars: list[Hex32]
    milliseconds: dict[str, float]
    notice: Notice = Notice()


class MarkFact(Wire):
    """What happened to an access later: EMERGENCY, REVIEWED, FROZEN, UNFROZEN."""

    mark: str
    participant_id: Hex32
    value: int
    at: int


class AccessFact(Wire):
    """An access as the index has it. `reference` is the consentId, or the subjectRef of an access without one."""

    seq: int
    access_id: Hex32
    participant_id: Hex32
    operator: Account
    kind: str
    reference: Hex32
    purpose: str
    categories: list[str]
    actions: list[str]
    level: int
    confidentiality: str
    form: str
    from_date: date | None
    to_date: date | None
    role: str
    record_count: int
    code: int
    name: str
    expires_at: int
    at: int
    block: int
    marks: list[MarkFact] = Field(default=[])


class Accesses(Wire):
    """Accesses in chain order; `next` is `after` of the following page."""

    items: list[AccessFact]
    next: int | None


class DestructionRequest(Wire):
    """A destruction this source orders with the controller's signed `Destruction`.

    `cids` are the envelopes of all versions.
    """

    record_id: Hex32
    subject_ref: Hex32
    deadline: int
    custodian_set: int = Field(default=1, ge=1, lt=1 << 32)
    signature: Signature
    cids: list[str] = Field(default=[])


class Attested(Wire):
    """One custodian's attestation."""

    custodian_id: Hex32
    erased: int
    signature: Signature


class DestructionFact(Wire):
    """How far a destruction is: ORDERED until the cooling-off ends (`erasableFrom`), then DESTROYED."""

    record_id: Hex32
    status: str
    erasable_from: int
    attestations: list[Attested]
    removed: list[str]
