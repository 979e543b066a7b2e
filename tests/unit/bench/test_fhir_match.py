"""The scorer of the mapping: what counts as right, and what isn't asked."""

from decimal import Decimal
from typing import Any

import pytest

from bench.fhir_expected import asked, leaves
from bench.fhir_match import match
from bench.fhir_pairs import readings

LOCAL = {"url": "https://reportstream.cdc.gov/fhir/x", "valueString": "y"}
PATIENT: dict[str, Any] = {"resourceType": "Patient"}


def _right(expected: dict[str, Any], own: dict[str, Any]) -> tuple[int, int]:
    (outcome,) = match({"a": expected}, {"1": own}).outcomes
    return outcome.right, outcome.asked


@pytest.mark.parametrize(
    ("expected", "own", "right"),
    [
        ({"given": ["A", "B"]}, {"given": ["B", "A"]}, 2),
        ({"given": ["A", "A"]}, {"given": ["A"]}, 1),
        ({"value": Decimal("5.40")}, {"value": Decimal("5.40")}, 1),
        ({"value": 5}, {"value": "5"}, 0),
        ({"active": True}, {"active": 1}, 0),
        ({"issued": "2023-08-15T03:04:05Z"}, {"issued": "2023-08-15T11:04:05+08:00"}, 1),
        ({"issued": "2023-08-15T03:04:05Z"}, {"issued": "2023-08-15"}, 0),
        ({"system": "http://unitsofmeasure.org/"}, {"system": "http://unitsofmeasure.org"}, 1),
        ({"value": "2.16.1"}, {"value": "urn:oid:2.16.1"}, 1),
        ({"x": [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]}, {"x": [{"a": "3", "b": "4"}, {"a": "1", "b": "9"}]}, 3),
    ],
)
def test_match__one_resource__counts_what_is_the_same(expected: Any, own: Any, right: int) -> None:
    assert _right(PATIENT | expected, PATIENT | own)[0] == right


def test_match__other_type__is_no_partner() -> None:
    assert _right(PATIENT | {"id": "1"}, {"resourceType": "Person", "id": "1"}) == (0, 1)


def test_match__identifiers__go_before_other_elements() -> None:
    expected = {"a": {"resourceType": "Practitioner", "identifier": [{"value": "7"}], "name": [{"family": "X"}]}}
    ours = {
        "1": {"resourceType": "Practitioner", "name": [{"family": "X"}]},
        "2": {"resourceType": "Practitioner", "identifier": [{"value": "7"}]},
    }
    assert match(expected, ours).ours == {"2": 1}


def test_match__reference__is_right_when_it_points_at_the_match() -> None:
    people = {key: {"resourceType": "Practitioner", "name": [{"family": key}]} for key in ("P", "Q")}
    report = {"resourceType": "DiagnosticReport", "resultsInterpreter": [{"reference": "P"}]}
    ours = {f"#{key}": value for key, value in people.items()}
    for target, right in (("#P", 1), ("#Q", 0), ("#R", 0)):
        own = ours | {"1": report | {"resultsInterpreter": [{"reference": target}]}}
        outcomes = match(people | {"a": report}, own).outcomes
        assert outcomes[-1].right == right


def test_match__patient_by_number__points_at_the_patient() -> None:
    expected = {"p": PATIENT | {"gender": "male"}, "r": {"resourceType": "Encounter", "subject": {"reference": "p"}}}
    ours = {"1": {"resourceType": "Encounter", "subject": {"type": "Patient", "identifier": {"value": "9"}}}}
    assert [one.right for one in match(expected, ours).outcomes] == [0, 1]


def test_asked__local_extensions_ids_and_message_resources__are_counted_away() -> None:
    found = asked(
        {
            "m": {"resourceType": "MessageHeader", "id": "1"},
            "p": {"resourceType": "Patient", "id": "2", "gender": "male", "extension": [LOCAL]},
        }
    )
    assert found.resources == {"p": {"resourceType": "Patient", "gender": "male"}}
    assert found.excluded == {"MessageHeader": 1, "generated": 1, "extension of the router": 2}


def test_asked__reached_only_through_what_isnt_asked__goes_too() -> None:
    hidden = LOCAL | {"valueReference": {"reference": "o"}}
    found = asked(
        {
            "p": {"resourceType": "Patient", "gender": "male", "extension": [hidden]},
            "o": {"resourceType": "Organization", "name": "x"},
            "s": {"resourceType": "Specimen", "extension": [LOCAL]},
            "d": {"resourceType": "DiagnosticReport", "status": "final", "specimen": [{"reference": "s"}]},
        }
    )
    assert set(found.resources) == {"p", "d"}
    assert sum(map(leaves, found.resources.values())) == 2


def test_readings__sample_of_one_field__is_completed_and_read_twice() -> None:
    report, visit = readings("MSH|^~\\&|||||2023||ORU^R01|1||2.5.1\rPID|1\rPV1|1|O\rOBR|1|||T\rOBX|1|NM|a||1")
    assert b"PID|1||ADDED-BY-SCORER^^^ADDED-BY-SCORER^MR" in report
    assert b"OBR|1||ADDED-BY-SCORER|T" in report
    assert b"ADT^A08" in visit
    assert b"OBR" not in visit


@pytest.mark.parametrize("text", ["", "MSH|^~\\&|||||2023||ORU^R01|1||2.5.1"])
def test_readings__nobody__is_nothing_to_read(text: str) -> None:
    assert readings(text) == []
