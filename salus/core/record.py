"""What the oracle makes of a message: groups of FHIR resources, then drafts of record versions, before they are sealed.

Record grain (DESIGN section 5): ADT gives one encounter record per visit and one demographics record per subject;
ORU one record per OBR group with every level-5 item split into a record of its own; MDM one per document; orders,
prescriptions, vaccinations, appointments, charges, accounts and problems one each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha1
from typing import Any, NamedTuple
from uuid import UUID

from salus.core.labels import Form, Labels


class DraftStatus(Enum):
    """How a draft relates to what the source said before about the same record."""

    CURRENT = "current"
    CORRECTED = "corrected"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True, slots=True)
class RecordDraft:
    """One record version to be: clinical content with its labels and the source's own keys.

    `record_key` is the source's own key for the record and `subject_key` its key for the patient; both stay at the
    source and reach the chain only as HMACs. `content` is a FHIR R4 resource or collection Bundle (a plain dict,
    decimals as `decimal.Decimal`). `first_day` and `last_day` are civil days in Asia/Shanghai counted from 1970-01-01;
    0 means undated. `kind` is a short word for people: "encounter", "demographics", "report", "document", "order",
    "appointment", "vaccination", "prescription", "dispense", "administration", "charge", "account", "problem".
    """

    record_key: str
    subject_key: str
    kind: str
    content: dict[str, Any]
    labels: Labels
    first_day: int
    last_day: int
    status: DraftStatus = DraftStatus.CURRENT
    form: Form = Form.IDENTIFIED

    def __post_init__(self) -> None:
        if not self.record_key or not self.subject_key:
            raise ValueError("a draft needs a record key and a subject key")
        if self.first_day > self.last_day:
            raise ValueError(f"first day {self.first_day} is after last day {self.last_day}")


@dataclass(frozen=True, slots=True)
class Code:
    """One coded meaning: FHIR system URI ("" when the source names none), code, and the source's words for it."""

    system: str
    code: str
    display: str


class Item(NamedTuple):
    """One result, diagnosis or allergy of a group, which labelling may move to a record of its own.

    A tuple, because messages bring them by the dozen and a frozen dataclass takes three times as long to make.

    `key` is appended to the group's record key when the item stands alone. `texts` are all words a reader would see.
    Days as in `RecordDraft`. `said` is the source's own status code (HL7 table 0085 for a result). `cleared` names
    elements of the resource that the source sent as an explicit null.
    """

    key: str
    resource: dict[str, Any]
    codes: tuple[Code, ...]
    texts: tuple[str, ...]
    first_day: int
    last_day: int
    status: DraftStatus = DraftStatus.CURRENT
    said: str = ""
    cleared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NormalisedGroup:
    """What belongs together in a message, as FHIR, before it is labelled and split.

    `head` is the resource that carries the group (Patient, Encounter, DiagnosticReport, DocumentReference); `codes` and
    `texts` are the head's own. `section` is the source's word for the kind: HL7 table 0074 (OBR-24) for a report, table
    0270 (TXA-2) for a document. `visit_class` is HL7 table 0004 (PV1-2). `source_labels` are what the source itself
    says about confidentiality, as "<HL7 table>:<value>". `birth_day` is None when unknown. `unmapped` names the
    segments and fields that hold something this version leaves out. `said_at` is when the source says that this came
    to be so (OBR-22, EVN-2, else MSH-7), in microseconds since 1970, 0 when it doesn't; `said` its own status code
    (table 0123 for a report, the event of an ADT). `cleared` as in `Item`, for the head. `also` are further keys by
    which later messages may name the group (the account of a visit).
    """

    record_key: str
    subject_key: str
    kind: str
    head: dict[str, Any]
    items: tuple[Item, ...]
    codes: tuple[Code, ...]
    texts: tuple[str, ...]
    first_day: int
    last_day: int
    status: DraftStatus = DraftStatus.CURRENT
    section: str = ""
    visit_class: str = ""
    source_labels: tuple[str, ...] = ()
    birth_day: int | None = None
    is_checkup: bool = False
    unmapped: tuple[str, ...] = ()
    said_at: int = 0
    said: str = ""
    cleared: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def resource_id(record_key: str, part: str) -> str:
    """FHIR id of a resource: the same for the same source key, so a later version of a record keeps its ids.

    A UUID of version 5 (RFC 9562 section 5.5), written out because `uuid.uuid5` costs as much as the rest of a result.
    """
    text = sha1(_NAMESPACE_BYTES + f"{record_key}#{part}".encode(), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


def compose(record_key: str, head: dict[str, Any], items: Sequence[Item]) -> dict[str, Any]:
    """Content of one record: the head alone, or a collection Bundle of the head and its items.

    The head gets an id of its own for each record key and refers to exactly the items given.
    """
    carrier = dict(head, id=resource_id(record_key, "head"))
    if head["resourceType"] in _LONE_HEADS and not items:
        return carrier
    resources = [carrier]
    links: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        resource = item.resource
        pair = head["resourceType"], resource["resourceType"]
        reference = {"reference": f"urn:uuid:{resource['id']}"}
        if pair in _LINKS:
            element, wrapped = _LINKS[pair]
            links.setdefault(element, []).append(wrapped(reference))
        elif pair in _BACK_LINKS:
            resource = resource | {_BACK_LINKS[pair]: [{"reference": f"urn:uuid:{carrier['id']}"}]}
        resources.append(resource)
    for element, references in links.items():
        carrier[element] = [*carrier.get(element, ()), *references]
    entries = [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources]
    return {
        "resourceType": "Bundle",
        "id": resource_id(record_key, "bundle"),
        "type": "collection",
        "entry": entries,
    }


_Json = dict[str, Any]
_RESOURCE_NAMESPACE = UUID("4f0a1d5e-6c1b-5b7e-9a55-53414c555301")
_NAMESPACE_BYTES = _RESOURCE_NAMESPACE.bytes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_LONE_HEADS = frozenset(
    {
        "Account",
        "Appointment",
        "ChargeItem",
        "Condition",
        "DocumentReference",
        "Immunization",
        "MedicationAdministration",
        "MedicationDispense",
        "MedicationRequest",
        "Patient",
        "ServiceRequest",
    }
)


def _itself(reference: _Json) -> _Json:
    return reference


# Types of head and item → element of the head that refers to the item, and what it puts around the reference
_LINKS: dict[tuple[str, str], tuple[str, Callable[[_Json], _Json]]] = {
    ("Account", "Coverage"): ("coverage", lambda reference: {"coverage": reference}),
    ("Appointment", "Condition"): ("reasonReference", _itself),
    ("Appointment", "Media"): ("supportingInformation", _itself),
    ("Appointment", "Observation"): ("supportingInformation", _itself),
    ("ChargeItem", "Condition"): ("supportingInformation", _itself),
    ("ChargeItem", "Coverage"): ("supportingInformation", _itself),
    ("ChargeItem", "Procedure"): ("service", _itself),
    ("Condition", "Media"): ("evidence", lambda reference: {"detail": [reference]}),
    ("Condition", "Observation"): ("evidence", lambda reference: {"detail": [reference]}),
    ("DiagnosticReport", "Media"): ("media", lambda reference: {"link": reference}),
    ("DiagnosticReport", "Observation"): ("result", _itself),
    ("Encounter", "Condition"): ("diagnosis", lambda reference: {"condition": reference}),
    ("MedicationAdministration", "Media"): ("supportingInformation", _itself),
    ("MedicationAdministration", "Observation"): ("supportingInformation", _itself),
    ("MedicationDispense", "Media"): ("supportingInformation", _itself),
    ("MedicationDispense", "Observation"): ("supportingInformation", _itself),
    ("MedicationRequest", "Condition"): ("reasonReference", _itself),
    ("MedicationRequest", "Media"): ("supportingInformation", _itself),
    ("MedicationRequest", "Observation"): ("supportingInformation", _itself),
    ("ServiceRequest", "Condition"): ("reasonReference", _itself),
    ("ServiceRequest", "Media"): ("supportingInfo", _itself),
    ("ServiceRequest", "Observation"): ("supportingInfo", _itself),
}
# Types whose items refer to the head, because FHIR gives the head no element for them
_BACK_LINKS = {
    ("Condition", "Goal"): "addresses",
    ("Immunization", "Media"): "partOf",
    ("Immunization", "Observation"): "partOf",
}
