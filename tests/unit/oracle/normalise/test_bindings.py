"""Required bindings of FHIR R4: the tables stay inside them, and a code outside is noticed wherever it stands."""

from typing import Any

import pytest

from oracle.normalise import tables
from oracle.normalise.bindings import CODES, violations

TABLES = {
    "Patient.gender": tables.GENDER,
    "HumanName.use": tables.NAME_USE,
    "Address.use": tables.ADDRESS_USE,
    "Address.type": tables.ADDRESS_TYPE,
    "ContactPoint.system": tables.TELECOM_SYSTEM,
    "ContactPoint.use": tables.TELECOM_USE,
    "Encounter.status": tables.EVENT_STATUS,
    "Observation.status": tables.OBSERVATION_STATUS,
    "DiagnosticReport.status": tables.REPORT_STATUS,
    "DocumentReference.status": tables.DOCUMENT_AVAILABILITY,
    "DocumentReference.docStatus": tables.DOCUMENT_COMPLETION,
    "AllergyIntolerance.category": tables.ALLERGY_CATEGORY,
    "AllergyIntolerance.criticality": tables.ALLERGY_CRITICALITY,
    "ServiceRequest.status": tables.ORDER_STATUS,
    "ServiceRequest.priority": tables.REQUEST_PRIORITY,
    "Specimen.status": tables.SPECIMEN_STATUS,
}


@pytest.mark.parametrize("name", TABLES)
def test_tables__every_target__is_inside_its_required_binding(name: str) -> None:
    assert set(TABLES[name].values()) <= CODES[name]


def test_tables__status_by_class__is_inside_its_required_binding() -> None:
    assert set(tables.CLASS_STATUS.values()) <= CODES["Encounter.status"]


GOOD: dict[str, Any] = {
    "resourceType": "Patient",
    "gender": "male",
    "name": [{"use": "official", "text": "张伟"}],
    "contact": [{"gender": "female", "telecom": [{"system": "phone", "value": "1", "use": "home"}]}],
    "text": {"status": "generated", "div": "<div/>"},
    "contained": [{"resourceType": "Location", "mode": "instance", "status": "active"}],
}


def test_violations__codes_inside__are_none() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"gender": "M"}, "Patient.gender: M"),
        ({"name": [{"use": "L"}]}, "HumanName.use: L"),
        ({"contact": [{"gender": "f"}]}, "Patient.contact.gender: f"),
        ({"contact": [{"telecom": [{"system": "mobile"}]}]}, "ContactPoint.system: mobile"),
        ({"text": {"status": "made", "div": "<div/>"}}, "Narrative.status: made"),
        ({"contained": [{"resourceType": "Location", "mode": "real"}]}, "Location.mode: real"),
        ({"address": [{"use": "H"}]}, "Address.use: H"),
        ({"identifier": [{"use": "MR", "value": "1"}]}, "Identifier.use: MR"),
    ],
)
def test_violations__a_code_outside__is_named_with_its_place(change: dict[str, Any], found: str) -> None:
    assert violations(GOOD | change) == [found]


@pytest.mark.parametrize(
    ("coding", "count"),
    [
        ([{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}], 0),
        ([{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "on"}], 1),
        ([{"system": "urn:id:L", "code": "active"}], 1),
        ([], 1),
    ],
)
def test_violations__concept__needs_a_coding_of_its_system(coding: list[dict[str, str]], count: int) -> None:
    allergy = {"resourceType": "AllergyIntolerance", "clinicalStatus": {"coding": coding}}
    assert len(violations(allergy)) == count


def test_violations__bundle__looks_into_every_entry() -> None:
    observation = {"resourceType": "Observation", "status": "F", "valueQuantity": {"comparator": "=", "value": 1}}
    found = violations({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": observation}]})
    assert found == ["Observation.status: F", "Quantity.comparator: ="]
