"""PV1 and PV2 to an Encounter: people, places, how the patient came and left."""

from decimal import Decimal

import pytest

from oracle.label import label
from salus.core.labels import Topic
from salus.core.record import DraftStatus, NormalisedGroup
from tests.unit.oracle.normalise.made import inside, last, segment, visit

PL = "心内科^12^3&2.16.1&ISO^总院&2.16.2&ISO^active^^门诊楼^5^靠窗^L7&H&2.16.3&ISO^HIS&2.16.4&ISO"


def test_participants__each_field__has_its_type_and_a_contained_person() -> None:
    found = visit({7: "1^甲", 8: "2^乙", 9: "3^丙", 17: "4^丁", 52: "6^己"}, {13: "5^戊"}).head
    types = [one["type"][0]["coding"][0]["code"] for one in found["participant"]]
    assert types == ["ATND", "REF", "CON", "ADM", "REF", "PART"]
    assert [one["individual"]["display"] for one in found["participant"]] == list("甲乙丙丁戊己")
    assert len(inside(found, "Practitioner")) == 6


def test_participants__same_person_twice__is_contained_once() -> None:
    found = visit({7: "1^甲", 8: "1^甲"}).head
    assert len(found["participant"]) == 2
    assert len(inside(found, "Practitioner")) == 1


def test_places__each_field__has_its_status() -> None:
    found = visit({3: "一^1", 6: "二^2", 11: "三^3", 42: "四^4", 43: "五^5"}, {1: "六^6"}).head
    assert [(one["location"]["display"], one["status"]) for one in found["location"]] == [
        ("一 1", "active"),
        ("二 2", "completed"),
        ("三 3", "active"),
        ("四 4", "reserved"),
        ("五 5", "completed"),
        ("六 6", "planned"),
    ]
    assert [len(one.get("extension", [])) for one in found["location"]] == [0, 0, 1, 0, 1, 0]


def test_places__before_admission__is_planned() -> None:
    assert visit({2: "P", 3: "一^1"}).head["location"][0]["status"] == "planned"


def test_place__all_its_levels__are_chained_from_small_to_large() -> None:
    found = visit({3: PL}).head
    by_reference = {f"#{one['id']}": one for one in inside(found, "Location")}
    kinds, reference = [], found["location"][0]["location"]["reference"]
    while reference:
        one = by_reference[reference]
        kinds.append(one.get("physicalType", {}).get("coding", [{}])[0].get("code", "poc"))
        reference = one.get("partOf", {}).get("reference")
    assert kinds == ["bd", "ro", "lvl", "poc", "bu", "si"]


def test_place__what_the_whole_says__goes_to_the_smallest() -> None:
    found = visit({3: PL}).head
    (bed,) = [one for one in inside(found, "Location") if "description" in one]
    assert (bed["status"], bed["description"]) == ("active", "靠窗")
    assert [one["value"] for one in bed["identifier"]] == ["3", "urn:oid:2.16.1", "L7"]
    (owner,) = inside(found, "Organization")
    assert bed["identifier"][-1]["assigner"]["reference"] == f"#{owner['id']}"


def test_place__unknown_status__is_left_out() -> None:
    assert all("status" not in one for one in inside(visit({3: "一^1^2^^脏"}).head, "Location"))


@pytest.mark.parametrize("sent", ["", "^^", '""', "^^^^active"])
def test_place__nothing_named__is_no_location(sent: str) -> None:
    assert "location" not in visit({3: sent}).head


def test_hospitalization__all_of_it__is_kept() -> None:
    fields = {5: "PRE1^^^H1^VN", 13: "R", 14: "7^急诊转入", 15: "A1~A2", 16: "VIP", 36: "01^治愈", 38: "低盐"}
    stay = visit(fields | {37: "RH&康复医院&L^20260109"}).head["hospitalization"]
    assert stay["preAdmissionIdentifier"]["value"] == "PRE1"
    assert stay["reAdmission"]["coding"][0]["code"] == "R"
    assert stay["admitSource"]["text"] == "急诊转入"
    assert [one["coding"][0]["code"] for one in stay["specialArrangement"]] == ["A1", "A2"]
    assert stay["specialCourtesy"][0]["coding"][0]["code"] == "VIP"
    assert stay["dischargeDisposition"]["text"] == "治愈"
    assert stay["destination"]["display"] == "康复医院"
    assert stay["dietPreference"][0]["coding"][0]["code"] == "低盐"


def test_visit_numbers__alternates__follow_the_visits_own() -> None:
    numbers = visit({19: "V1^5^M10^H1^VN", 50: "V2^^^H1^ACSN~V1"}).head["identifier"]
    assert [one["value"] for one in numbers] == ["V1", "V2"]
    assert [one["valueString"] for one in numbers[0]["extension"]] == ["5", "M10"]


def test_episode__number_and_title__is_contained() -> None:
    found = visit({53: "肿瘤疗程", 54: "E1^^^H1"}).head
    (episode,) = inside(found, "EpisodeOfCare")
    assert (episode["status"], episode["identifier"][0]["value"]) == ("active", "E1")
    assert found["episodeOfCare"] == [{"reference": "#episode", "type": "EpisodeOfCare", "display": "肿瘤疗程"}]


def test_pv2__all_mapped_fields__are_elements() -> None:
    fields = {3: "R1^胸痛", 8: "20260101080000", 9: "20260110", 10: "5", 11: "12", 12: "<随访> \\T\\ 复查"}
    found = visit(pv2=fields | {22: "Y", 25: "3^紧急", 38: "A^救护车"})
    assert found.head["reasonCode"][0]["text"] == "胸痛"
    assert found.head["length"]["value"] == Decimal(12)
    assert found.head["text"]["div"].endswith(">&lt;随访&gt; &amp; 复查</div>")
    assert found.head["priority"]["text"] == "紧急"
    assert found.head["meta"]["security"][0]["code"] == "Y"
    assert [one["url"].rpartition("/")[2] for one in found.head["extension"]] == [
        "extension-Encounter.plannedStartDate",
        "extension-Encounter.plannedEndDate",
        "encounter-modeOfArrival",
    ]
    assert found.unmapped == ("PV2-10",)


@pytest.mark.parametrize("pv2", [{}, {8: "x", 9: "y", 11: "many"}, dict.fromkeys((1, 3, 9, 12, 25), '""')])
def test_pv2__nothing_usable__adds_nothing(pv2: dict[int, str]) -> None:
    assert visit(pv2=pv2).head == visit().head


def test_pv2__visit_to_be_protected__is_what_the_source_says() -> None:
    assert "0136:PV2-22" in visit(pv2={22: "Y"}).source_labels
    assert "0136:PV2-22" not in visit(pv2={22: "N"}).source_labels


def test_discharge__episode_and_visit__are_finished() -> None:
    pv1 = segment("PV1", {2: "I", 19: "V1", 45: "20260109170000", 54: "E1"})
    found = last("ADT^A03", "EVN|A03|20260109", pv1).head
    assert (found["status"], inside(found, "EpisodeOfCare")[0]["status"]) == ("finished", "finished")


# --- diagnoses


def test_diagnosis__all_mapped_fields__are_elements() -> None:
    fields = {3: "I10^高血压^I10", 5: "20260101", 6: "A", 16: "1^赵", 19: "20260102", 20: "D1^HIS"}
    (item,) = _visit_with(fields).items
    found = item.resource
    assert (found["onsetDateTime"], found["recordedDate"]) == ("2026-01-01", "2026-01-02")
    assert found["identifier"][0]["value"] == "D1"
    assert found["asserter"]["display"] == inside(found, "Practitioner")[0]["name"][0]["text"] == "赵"


def test_diagnosis__deleted__is_withdrawn() -> None:
    (item,) = _visit_with({3: "I10^高血压^I10", 21: "D"}).items
    assert item.status is DraftStatus.ENTERED_IN_ERROR
    assert item.resource["verificationStatus"]["coding"][0]["code"] == "entered-in-error"


@pytest.mark.parametrize("more", [{5: "soon"}, {16: "^^"}, {19: '""'}, {20: "^HIS"}, {21: "U"}])
def test_diagnosis__field_that_says_nothing__adds_nothing(more: dict[int, str]) -> None:
    plain = {3: "I10^高血压^I10"}
    assert _visit_with(plain | more).items[0].resource == _visit_with(plain).items[0].resource


def _visit_with(dg1: dict[int, str]) -> NormalisedGroup:
    return last("ADT^A08", segment("PV1", {2: "I", 19: "V1"}), segment("DG1", {1: "1"} | dg1))


@pytest.mark.parametrize(("sent", "code"), [("x \n y", "x y"), (" i ", "IMP"), ("\t", "U")])
def test_class__blanks_in_a_code__are_single(sent: str, code: str) -> None:
    assert visit({2: sent}).head["class"]["code"] == code


def test_class__obstetrics__is_heard() -> None:
    assert label(visit({2: "B"}))[0].labels.topics & Topic.PREGNANT


def test_pv2__protection_with_blanks__is_a_code() -> None:
    assert visit(pv2={22: "a \n b"}).head["meta"]["security"][0]["code"] == "a b"


# --- measurements


def test_measurements__of_an_admission__are_items_of_the_visit() -> None:
    height = segment("OBX", {1: "1", 2: "NM", 3: "8302-2^身高^LN", 5: "172.50", 6: "cm", 11: "F"})
    group = last("ADT^A01", "EVN|A01|20260101", segment("PV1", {2: "I", 19: "V1"}), height, segment("DG1", {3: "OBX"}))
    diagnosis, item = group.items
    assert (item.key, str(item.resource["valueQuantity"]["value"])) == ("item|OBX|8302-2|", "172.50")
    assert item.resource["encounter"]["identifier"]["value"] == "V1"
    assert diagnosis.key != item.key
    assert item.first_day == group.first_day


def test_measurements__same_code_twice__have_keys_of_their_own() -> None:
    weight = segment("OBX", {1: "1", 2: "NM", 3: "W^体重^L", 5: "70", 11: "F"})
    items = last("ADT^A01", "EVN|A01|20260101", segment("PV1", {2: "I", 19: "V1"}), weight, weight).items
    assert [item.key for item in items] == ["item|OBX|W|", "item|OBX|W||#2"]


def test_measurements__of_a_person_alone__are_left_out_by_name() -> None:
    group = last("ADT^A31", segment("OBX", {2: "NM", 3: "W^体重^L", 5: "70"}))
    assert group.unmapped == ("OBX",)


def test_measurement__sensitive_one__leaves_the_visit() -> None:
    hiv = segment("OBX", {1: "1", 2: "ST", 3: "HIV^HIV抗体^L", 5: "阳性", 11: "F"})
    drafts = label(last("ADT^A01", "EVN|A01|20260101", segment("PV1", {2: "I", 19: "V1"}), hiv))
    assert [draft.labels.level for draft in drafts] == [4, 5]
    assert "HIV" not in str(drafts[0].content)
