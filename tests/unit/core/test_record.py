from uuid import UUID, uuid5

import pytest

from salus.core.labels import Category, Confidentiality, Labels
from salus.core.record import Item, RecordDraft, compose, resource_id

NAMESPACE = UUID("4f0a1d5e-6c1b-5b7e-9a55-53414c555301")
LABELS = Labels(Category.LAB, 4, Confidentiality.N)
REPORT = {"resourceType": "DiagnosticReport", "status": "final"}


def _item(key: str, kind: str = "Observation") -> Item:
    return Item(key, {"resourceType": kind, "id": resource_id("r", key)}, (), (), 0, 0)


@pytest.mark.parametrize("part", ["head", "item|56888-1|", "東億"])
def test_resource_id__any_part__is_a_version_5_uuid(part: str) -> None:
    assert resource_id("report|H1", part) == str(uuid5(NAMESPACE, f"report|H1#{part}"))


def test_compose__report__refers_to_exactly_its_items() -> None:
    items = [_item("a"), _item("b", "Media")]
    head, *rest = (entry["resource"] for entry in compose("r", REPORT, items)["entry"])
    assert head["result"] == [{"reference": f"urn:uuid:{items[0].resource['id']}"}]
    assert head["media"] == [{"link": {"reference": f"urn:uuid:{items[1].resource['id']}"}}]
    assert rest == [item.resource for item in items]


def test_compose__head_given__is_not_changed() -> None:
    compose("r", REPORT, [_item("a")])
    assert REPORT == {"resourceType": "DiagnosticReport", "status": "final"}


def test_compose__patient_or_document_alone__is_no_bundle() -> None:
    assert compose("p", {"resourceType": "Patient"}, [])["resourceType"] == "Patient"
    assert compose("e", {"resourceType": "Encounter"}, [])["resourceType"] == "Bundle"


def test_compose__another_record_key__gives_the_head_another_id() -> None:
    assert compose("p", {"resourceType": "Patient"}, [])["id"] != compose("q", {"resourceType": "Patient"}, [])["id"]


@pytest.mark.parametrize(
    ("record_key", "subject_key", "first", "last"), [("", "s", 1, 1), ("r", "", 1, 1), ("r", "s", 2, 1)]
)
def test_draft__without_keys_or_with_turned_days__raises(
    record_key: str, subject_key: str, first: int, last: int
) -> None:
    with pytest.raises(ValueError, match=r"key|after"):
        RecordDraft(record_key, subject_key, "report", {}, LABELS, first, last)
