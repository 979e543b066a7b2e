"""Reports with what was asked for, its specimens, and who made the results."""

from typing import Any

import pytest

from oracle.normalise import NormaliseError
from salus.core.record import NormalisedGroup
from tests.unit.oracle.normalise.made import inside, last, segment

OBR = {3: "R1^LIS", 4: "24323-8^生化^LN", 7: "20260101080000", 24: "CH", 25: "F"}


def _report(obr: dict[int, str], *more: str, orc: dict[int, str] | None = None) -> NormalisedGroup:
    before = [segment("ORC", orc)] if orc is not None else []
    return last("ORU^R01", *before, segment("OBR", OBR | obr), *more)


def _request(obr: dict[int, str], orc: dict[int, str] | None = None) -> dict[str, Any]:
    (found,) = inside(_report(obr, orc=orc).head, "ServiceRequest")
    return found


def _specimens(obr: dict[int, str], *more: str) -> list[dict[str, Any]]:
    return inside(_report(obr, *more).head, "Specimen")


# --- the request


def test_request__plain_result__has_code_patient_and_numbers_of_the_report() -> None:
    group = _report({2: "S1^HIS"})
    (found,) = inside(group.head, "ServiceRequest")
    assert found["code"] == group.head["code"]
    assert found["identifier"] == group.head["identifier"]
    assert (found["status"], found["intent"]) == ("unknown", "order")
    assert group.head["basedOn"] == [{"reference": "#order", "type": "ServiceRequest"}]


def test_request__all_mapped_fields__are_elements() -> None:
    obr = {5: "S", 6: "20260101070000", 11: "G", 16: "1^赵", 31: "R1^胸痛^L~^发热", 46: "^加急说明", 53: "A9^^^H1"}
    found = _request(obr, {1: "NW", 4: "G1^HIS", 5: "CM", 9: "20260101060000", 12: "2^钱"})
    assert (found["status"], found["intent"], found["priority"]) == ("completed", "reflex-order", "stat")
    assert found["occurrenceDateTime"] == "2026-01-01T07:00:00+08:00"
    assert found["authoredOn"] == "2026-01-01T06:00:00+08:00"
    assert found["requester"]["display"] == "钱"
    assert [one["text"] for one in found["reasonCode"]] == ["胸痛", "发热"]
    assert found["orderDetail"] == [{"text": "加急说明"}]
    assert found["requisition"]["value"] == "G1"
    assert found["identifier"][-1]["value"] == "A9"


def test_request__ordering_facility__is_a_role_of_person_and_organization() -> None:
    group = _report({16: "1^赵"}, orc={21: "社区医院", 22: "一号^^北京", 23: "^WPN^PH^^86^10^5"})
    (role,) = inside(group.head, "PractitionerRole")
    (facility,) = inside(group.head, "Organization")
    assert (role["practitioner"]["display"], role["organization"]["display"]) == ("赵", "社区医院")
    assert facility["telecom"][0]["value"] == "+86 10 5"
    assert "社区医院" in group.texts


@pytest.mark.parametrize("obr", [{5: "?"}, {6: "soon"}, {16: "^^"}, {31: '""'}, {53: "^^^H1"}])
def test_request__field_that_says_nothing__adds_nothing(obr: dict[int, str]) -> None:
    assert _request(obr) == _request({})


def test_request__reason__is_a_code_but_not_the_name_of_the_report() -> None:
    codes = _report({31: "B20^艾滋病^I10"}).codes
    assert [(code.code, code.display) for code in codes] == [("24323-8", "生化"), ("B20", "")]


# --- specimens


def test_specimen__laboratory_result_with_a_time__was_taken_then() -> None:
    (found,) = _specimens({8: "20260101081000"})
    assert found["collection"] == {
        "collectedPeriod": {"start": "2026-01-01T08:00:00+08:00", "end": "2026-01-01T08:10:00+08:00"}
    }


def test_specimen__picture__has_none() -> None:
    assert _specimens({24: "RAD"}) == []


def test_specimen__old_field__gives_source_additive_and_site() -> None:
    source = "BLD&静脉血&HL70070^EDTA&抗凝&HL70371^急取^LA&左臂&HL70163^^F&冷冻"
    (found,) = _specimens({9: "5^mL&&UCUM", 10: "3^孙", 14: "20260101090000", 15: source, 39: "1^溶血~重抽"})
    assert found["type"]["text"] == "静脉血"
    assert found["container"][0]["additiveCodeableConcept"]["text"] == "抗凝"
    assert found["collection"]["bodySite"]["coding"][0]["system"].endswith("v2-0163")
    assert found["collection"]["collector"]["display"] == "孙"
    assert found["collection"]["quantity"]["code"] == "mL"
    assert found["condition"][0]["text"] == "冷冻"
    assert [one["text"] for one in found["note"]] == ["急取", "1, 溶血", "重抽"]


def test_specimen__spm__is_whole() -> None:
    fields = {
        2: "P1&LIS^F1&LIS",
        4: "BLD^静脉血^HL70487",
        6: "EDTA",
        7: "VP^静脉穿刺",
        8: "LA^左臂",
        12: "2.0^mL&&UCUM",
    }
    spm = segment(
        "SPM", fields | {14: "说明", 17: "20260101&20260102", 18: "20260103", 20: "N", 24: "HEM", 27: "TUBE", 30: "AC1"}
    )
    (found,) = _specimens({}, spm)
    assert [one["value"] for one in found["identifier"]] == ["P1", "F1"]
    assert found["accessionIdentifier"]["value"] == "AC1"
    assert (found["status"], found["receivedTime"]) == ("unavailable", "2026-01-03")
    assert str(found["collection"]["quantity"]["value"]) == "2.0"
    assert found["collection"]["method"]["text"] == "静脉穿刺"
    assert found["container"][0]["type"]["coding"][0]["code"] == "TUBE"


def test_specimen__several__are_numbered_and_all_referred_to() -> None:
    group = _report({39: "溶血"}, "SPM|1|||A^血", "SPM|2|||B^尿", "SPM|3")
    assert [one["id"] for one in inside(group.head, "Specimen")] == ["specimen-1", "specimen-2", "specimen-3"]
    assert [one["display"] for one in group.head["specimen"]] == ["溶血", "血", "尿"]


def test_specimen__sensitive_source__is_heard() -> None:
    assert "精液" in _report({}, "SPM|1|||SMN^精液").texts


# --- makers of results


def _result(fields: dict[int, str]) -> dict[str, Any]:
    obx = {1: "1", 2: "NM", 3: "a^b^L", 5: "1", 11: "F"} | fields
    return _report({}, segment("OBX", obx)).items[0].resource


def test_makers__person_producer_and_laboratory__perform() -> None:
    found = _result({15: "Q1^检验中心", 16: "1^赵", 23: "生化室", 24: "一号^^北京"})
    assert [one["display"] for one in found["performer"]] == ["赵", "检验中心", "生化室"]
    assert [one["resourceType"] for one in found["contained"]] == ["Practitioner", "Organization", "Organization"]


def test_makers__medical_director__is_a_role() -> None:
    found = _result({23: "生化室", 25: "9^吴"})
    (role,) = inside(found, "PractitionerRole")
    assert role["code"][0]["coding"][0]["code"] == "MDIR"
    assert found["performer"] == [{"reference": f"#{role['id']}", "type": "PractitionerRole", "display": "吴"}]


def test_makers__method_site_device_time_and_specimen__are_elements() -> None:
    found = _result({10: "S", 17: "^免疫法", 18: "DEV1", 19: "20260101090000", 20: "^左臂", 21: "X1^LIS", 33: "P1^F1"})
    assert (found["method"]["text"], found["bodySite"]["text"]) == ("免疫法", "左臂")
    assert inside(found, "Device")[0]["identifier"] == [{"system": "urn:id:H1", "value": "DEV1"}]
    assert found["identifier"][0]["value"] == "X1"
    assert found["specimen"]["identifier"]["value"] == "P1"
    assert [one["url"].rpartition("/")[2] for one in found["extension"]] == [
        "observation-nature-of-abnormal-test",
        "observation-analysis-date-time",
    ]


@pytest.mark.parametrize("fields", [{15: "^^L"}, {16: "^^"}, {18: "^LIS"}, {19: "soon"}, {23: "^L"}, {33: "^"}])
def test_makers__fields_that_say_nothing__add_nothing(fields: dict[int, str]) -> None:
    assert _result(fields) == _result({})


def test_notes__author_and_time__go_with_the_note() -> None:
    nte = segment("NTE", {1: "1", 3: "复查", 5: "5^郑", 6: "20260102"})
    found = _report({}, "OBX|1|NM|a^b^L||1||||||F", nte).items[0].resource
    (author,) = inside(found, "Practitioner")
    (note,) = found["note"]
    assert (note["text"], note["time"]) == ("复查", "2026-01-02")
    assert note["authorReference"]["reference"] == f"#{author['id']}"


def test_people__interpreter_and_technicians__have_roles() -> None:
    head = _report({32: "1&赵&医生", 34: "2&钱&技师~3&孙&技师", 35: "4&李&员"}).head
    assert head["resultsInterpreter"][0]["display"] == "赵医生"
    functions = [
        one["extension"][0]["valueCodeableConcept"]["coding"][0]["code"]
        for one in head["performer"]
        if "extension" in one
    ]
    assert functions == ["SPRF", "SPRF", "TRANS"]


@pytest.mark.parametrize(
    ("sent", "url"), [("http://pacs/a b", "http://pacs/a%20b"), ("a\n b", "a%20b"), ("", None), ("^x", None)]
)
def test_pointer__blanks_or_nothing__is_a_url_or_none(sent: str, url: str | None) -> None:
    found = _report({}, segment("OBX", {2: "RP", 3: "a^图^L", 5: sent, 11: "F"})).items[0].resource
    assert found["content"].get("url") == url


def test_document__pointer_to_nothing__is_no_content() -> None:
    with pytest.raises(NormaliseError):
        last("MDM^T02", segment("TXA", {2: "DS", 12: "D1"}), segment("OBX", {2: "RP", 3: "a", 5: "^x", 11: "F"}))
