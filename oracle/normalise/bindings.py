"""Required bindings of FHIR R4: which codes an element may hold, for every element the mapping can fill.

Validators of structure don't check them. A required binding of a CodeableConcept asks for a coding of one system, with
one of its codes.
Source: FHIR R4 (4.0.1), the definitions of the resources and data types named here.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

Json = dict[str, Any]


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_GENDER = _codes("male female other unknown")
_REQUEST_STATUS = _codes("draft active on-hold revoked completed entered-in-error unknown")
_REQUEST_INTENT = _codes("proposal plan directive order original-order reflex-order filler-order instance-order option")
_REQUEST_PRIORITY = _codes("routine urgent asap stat")
_EVENT_STATUS = _codes("preparation in-progress not-done on-hold stopped completed entered-in-error unknown")
_FINANCIAL_STATUS = _codes("active cancelled draft entered-in-error")
_TIME_UNIT = _codes("s min h d wk mo a")

# Elements of type code, by resource or data type and path
CODES = MappingProxyType(
    {
        "Account.status": _codes("active inactive entered-in-error on-hold unknown"),
        "Address.type": _codes("postal physical both"),
        "Address.use": _codes("home work temp old billing"),
        "AllergyIntolerance.category": _codes("food medication environment biologic"),
        "AllergyIntolerance.criticality": _codes("low high unable-to-assess"),
        "AllergyIntolerance.reaction.severity": _codes("mild moderate severe"),
        "AllergyIntolerance.type": _codes("allergy intolerance"),
        "Appointment.participant.required": _codes("required optional information-only"),
        "Appointment.participant.status": _codes("accepted declined tentative needs-action"),
        "Appointment.status": _codes(
            "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist"
        ),
        "Bundle.type": _codes(
            "document message transaction transaction-response batch batch-response history searchset collection"
        ),
        "ChargeItem.status": _codes("planned billable not-billable aborted billed entered-in-error unknown"),
        "ContactPoint.system": _codes("phone fax pager email url sms other"),
        "ContactPoint.use": _codes("home work temp old mobile"),
        "Coverage.status": _FINANCIAL_STATUS,
        "Device.status": _codes("active inactive entered-in-error unknown"),
        "DiagnosticReport.status": _codes(
            "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown"
        ),
        "DocumentReference.docStatus": _codes("preliminary final amended entered-in-error"),
        "DocumentReference.relatesTo.code": _codes("replaces transforms signs appends"),
        "DocumentReference.status": _codes("current superseded entered-in-error"),
        "Encounter.location.status": _codes("planned active reserved completed"),
        "Encounter.status": _codes(
            "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
        ),
        "EpisodeOfCare.status": _codes("planned waitlist active onhold finished cancelled entered-in-error"),
        "Goal.lifecycleStatus": _codes(
            "proposed planned accepted active on-hold completed cancelled entered-in-error rejected"
        ),
        "HumanName.use": _codes("usual official temp nickname anonymous old maiden"),
        "Identifier.use": _codes("usual official temp secondary old"),
        "Immunization.status": _codes("completed entered-in-error not-done"),
        "Location.mode": _codes("instance kind"),
        "Location.status": _codes("active suspended inactive"),
        "Media.status": _EVENT_STATUS,
        "Medication.status": _codes("active inactive entered-in-error"),
        "MedicationAdministration.status": _codes(
            "in-progress not-done on-hold completed entered-in-error stopped unknown"
        ),
        "MedicationDispense.status": _codes(
            "preparation in-progress cancelled on-hold completed entered-in-error stopped declined unknown"
        ),
        "MedicationRequest.intent": _REQUEST_INTENT - {"directive"},
        "MedicationRequest.priority": _REQUEST_PRIORITY,
        "MedicationRequest.status": _codes("active on-hold cancelled completed entered-in-error stopped draft unknown"),
        "Narrative.status": _codes("generated extensions additional empty"),
        "Observation.status": _codes(
            "registered preliminary final amended corrected cancelled entered-in-error unknown"
        ),
        "Patient.contact.gender": _GENDER,
        "Patient.gender": _GENDER,
        "Patient.link.type": _codes("replaced-by replaces refer seealso"),
        "Practitioner.gender": _GENDER,
        "Procedure.status": _EVENT_STATUS,
        "Quantity.comparator": _codes("< <= >= >"),
        "RelatedPerson.gender": _GENDER,
        "ServiceRequest.intent": _REQUEST_INTENT,
        "ServiceRequest.priority": _REQUEST_PRIORITY,
        "ServiceRequest.status": _REQUEST_STATUS,
        "Specimen.status": _codes("available unavailable unsatisfactory entered-in-error"),
        "Timing.repeat.dayOfWeek": _codes("mon tue wed thu fri sat sun"),
        "Timing.repeat.durationUnit": _TIME_UNIT,
        "Timing.repeat.periodUnit": _TIME_UNIT,
        "Timing.repeat.when": _codes(
            "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE C CM CD CV "
            "AC ACM ACD ACV PC PCM PCD PCV"
        ),
    }
)

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
# Elements of type CodeableConcept: system and codes
CONCEPTS = MappingProxyType(
    {
        "AllergyIntolerance.clinicalStatus": (
            _TERMINOLOGY + "allergyintolerance-clinical",
            _codes("active inactive resolved"),
        ),
        "AllergyIntolerance.verificationStatus": (
            _TERMINOLOGY + "allergyintolerance-verification",
            _codes("unconfirmed confirmed refuted entered-in-error"),
        ),
        "Condition.clinicalStatus": (
            _TERMINOLOGY + "condition-clinical",
            _codes("active recurrence relapse inactive remission resolved"),
        ),
        "Condition.verificationStatus": (
            _TERMINOLOGY + "condition-ver-status",
            _codes("unconfirmed provisional differential confirmed refuted entered-in-error"),
        ),
    }
)

# Elements that hold a data type with a binding, whatever the resource
_HOLDERS = MappingProxyType(
    {
        "accessionIdentifier": "Identifier",
        "address": "Address",
        "denominator": "Quantity",
        "doseQuantity": "Quantity",
        "groupIdentifier": "Identifier",
        "high": "Quantity",
        "identifier": "Identifier",
        "length": "Quantity",
        "low": "Quantity",
        "masterIdentifier": "Identifier",
        "name": "HumanName",
        "numerator": "Quantity",
        "occurrenceTiming": "Timing",
        "preAdmissionIdentifier": "Identifier",
        "quantity": "Quantity",
        "requisition": "Identifier",
        "telecom": "ContactPoint",
        "timing": "Timing",
        "valueAddress": "Address",
        "valueContactPoint": "ContactPoint",
        "valueHumanName": "HumanName",
        "valueIdentifier": "Identifier",
        "valueQuantity": "Quantity",
    }
)


def violations(resource: Json) -> list[str]:
    """Elements of a resource, and of those inside it, whose code is outside its required binding: "path: code"."""
    return list(_in_resource(resource))


def _in_resource(resource: Json) -> Iterator[str]:
    return _in(resource, str(resource["resourceType"]))


def _in(holder: Json, path: str) -> Iterator[str]:
    for name, value in holder.items():
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, dict):
                yield from _in_part(name, one, f"{path}.{name}")
            elif (allowed := CODES.get(f"{path}.{name}")) is not None and one not in allowed:
                yield f"{path}.{name}: {one}"


def _in_part(name: str, part: Json, path: str) -> Iterator[str]:
    if "resourceType" in part:
        yield from _in_resource(part)
        return
    bound = CONCEPTS.get(path)
    if bound is not None:
        codings = [(one.get("system"), one.get("code")) for one in part.get("coding", [])]
        if not any(system == bound[0] and code in bound[1] for system, code in codings):
            yield f"{path}: {codings}"
    if name == "text" and "div" in part:
        yield from _in(part, "Narrative")
    yield from _in(part, _HOLDERS.get(name, path))
