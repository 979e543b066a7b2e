"""Messages to groups for the tests of this folder, and what must hold for every group whatever it is.

Each record is valid FHIR R4 (fhirkit), keeps inside the required bindings, hides no word from labelling, and says the
same when it is mapped again.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import fhirkit
import msgspec

from oracle.hl7.message import parse
from oracle.normalise import SourceProfile, normalise
from salus.core.record import NormalisedGroup, compose

SOURCE = SourceProfile("示例医院", "H1")
ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
PID = "PID|1||P1^^^H1^MR||陳億東||19790512|M||||||||||A1^^^H1"
PV1 = "PV1|1|I|心内科^01床^1^H1||||00023^赵医生||||||||||||V1^^^H1^VN"

# Required bindings of FHIR R4 (4.0.1) by element path
BINDINGS = {
    "Account.status": "active inactive entered-in-error on-hold unknown",
    "Appointment.status": (
        "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist"
    ),
    "Appointment.participant.status": "accepted declined tentative needs-action",
    "ChargeItem.status": "planned billable not-billable aborted billed entered-in-error unknown",
    "Condition.clinicalStatus": "active recurrence relapse inactive remission resolved",
    "Condition.verificationStatus": "unconfirmed provisional differential confirmed refuted entered-in-error",
    "Coverage.status": "active cancelled draft entered-in-error",
    "Goal.lifecycleStatus": ("proposed planned accepted active on-hold completed cancelled entered-in-error rejected"),
    "Immunization.status": "completed entered-in-error not-done",
    "MedicationAdministration.status": "in-progress not-done on-hold completed entered-in-error stopped unknown",
    "MedicationDispense.status": (
        "preparation in-progress cancelled on-hold completed entered-in-error stopped declined unknown"
    ),
    "MedicationRequest.intent": ("proposal plan order original-order reflex-order filler-order instance-order option"),
    "MedicationRequest.priority": "routine urgent asap stat",
    "MedicationRequest.status": "active on-hold cancelled completed entered-in-error stopped draft unknown",
    "Observation.status": ("registered preliminary final amended corrected cancelled entered-in-error unknown"),
    "Procedure.status": ("preparation in-progress not-done on-hold stopped completed entered-in-error unknown"),
    "ServiceRequest.intent": (
        "proposal plan directive order original-order reflex-order filler-order instance-order option"
    ),
    "ServiceRequest.priority": "routine urgent asap stat",
    "ServiceRequest.status": "draft active on-hold revoked completed entered-in-error unknown",
    "Specimen.status": "available unavailable unsatisfactory entered-in-error",
    "Timing.repeat.periodUnit": "s min h d wk mo a",
}
ALLOWED = {path: frozenset(codes.split()) for path, codes in BINDINGS.items()}
# Elements whose words are the names of people, institutions and numbers, which labelling doesn't read
_NAMES = frozenset(
    {"subject", "patient", "encounter", "context", "identifier", "performer", "requester", "enterer", "asserter"}
    | {"owner", "custodian", "requisition", "groupIdentifier"}
    | {"account", "authorizingPrescription", "request", "basedOn"}
)
_PEOPLE = ("Practitioner", "Patient", "RelatedPerson")
_WORDS = frozenset({"text", "display", "comment", "valueString", "description", "onsetString"})


def groups(kind: str, *segments: str, source: SourceProfile = SOURCE) -> list[NormalisedGroup]:
    """Groups of a message of these segments, checked."""
    header = f"MSH|^~\\&|HIS|H1|SALUS|H1|20260102090000||{kind}|42|P|2.5.1"
    text = "\r".join((header, *segments))
    found = normalise(parse(text), source)
    assert found == normalise(parse(text), source)
    for group in found:
        check(group)
    return found


def one(kind: str, *segments: str) -> NormalisedGroup:
    """The only group of a message."""
    (group,) = groups(kind, *segments)
    return group


def check(group: NormalisedGroup) -> None:
    """What must hold for every group."""
    content = compose(group.record_key, group.head, group.items)
    assert fhirkit.validate(ENCODER.encode(content).decode()) == []
    assert len(group.kind) <= 16
    for resource in (group.head, *(item.resource for item in group.items)):
        for path, code in coded(resource["resourceType"], resource):
            assert code in ALLOWED.get(path, {code}), (path, code)
    assert unheard(group.head, group.codes, group.texts) == []
    for item in group.items:
        if item.resource["resourceType"] in ("Observation", "Media"):  # results have tests of their own
            continue
        assert unheard(item.resource, item.codes, item.texts) == [], item.key
    assert len({item.key for item in group.items}) == len(group.items)


def coded(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every code of a resource with the path of its element; a CodeableConcept gives the code of its first coding."""
    for name, inner in value.items():
        for each in inner if isinstance(inner, list) else [inner]:
            if isinstance(each, dict) and "coding" in each:
                yield f"{path}.{name}", each["coding"][0]["code"]
            elif isinstance(each, dict):
                yield from coded("Timing" if name.lower().endswith("timing") else f"{path}.{name}", each)
            elif isinstance(each, str):
                yield f"{path}.{name}", each


def unheard(resource: Any, codes: Any, texts: Any) -> list[str]:
    """Words a reader of the resource would see and labelling wouldn't."""
    heard = "\n".join((*texts, *(code.display for code in codes)))
    return [word for word in _words(resource) if word not in heard]


def day(year: int, month: int, day_of_month: int) -> int:
    """A civil day as records count them."""
    return (date(year, month, day_of_month) - date(1970, 1, 1)).days


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, dict) and value.get("type") not in _PEOPLE and value.get("resourceType") not in _PEOPLE:
        for name, inner in value.items():
            if name in _NAMES or (name == "type" and inner == {"text": "prescription number"}):
                continue
            if name in _WORDS and isinstance(inner, str):
                yield inner
            else:
                yield from _words(inner)
