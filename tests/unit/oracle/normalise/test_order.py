"""ORM, OML, OMG: one record for each order, its versions, its specimens, answers and diagnoses."""

import pytest

from oracle.label import label
from oracle.normalise import NormaliseError, order_tables
from oracle.normalise.bindings import CODES, CONCEPTS
from salus.core.labels import Category, Topic
from salus.core.record import DraftStatus, compose
from tests.unit.oracle.normalise.written import PID, PV1, day, groups, one

ORC = "ORC|NW|S1^HIS|||||^QD^^20260103080000^^S||20260102083000|||00023^赵医生^^^^^^^H1"
OBR = "OBR|1|S1^HIS||24323-8^生化全套^LN||||||||||||||||||||CH"


def test_order__new__is_an_active_request_of_its_service() -> None:
    group = one("ORM^O01", PID, PV1, ORC, OBR)
    assert (group.kind, group.record_key, group.subject_key) == ("order", "order|H1|HIS|S1", "H1|P1")
    head = group.head
    assert (head["status"], head["intent"], head["priority"]) == ("active", "order", "stat")
    assert head["code"]["text"] == "生化全套"
    assert head["authoredOn"] == "2026-01-02T08:30:00+08:00"
    assert head["requester"]["display"] == "赵医生"
    assert head["encounter"]["identifier"]["value"] == "V1"
    assert head["occurrenceTiming"]["repeat"]["frequency"] == 1
    assert (group.first_day, group.section, group.visit_class, group.said) == (day(2026, 1, 2), "CH", "I", "NW")
    assert group.also == ("encounter|H1|V1", "account|H1|A1")


def test_order__placer_number__stays_the_key_when_the_filler_gives_its_own() -> None:
    first = one("ORM^O01", PID, ORC, OBR)
    later = one("ORM^O01", PID, "ORC|SC|S1^HIS|R7^LIS||CM", OBR)
    assert later.record_key == first.record_key
    assert [number["value"] for number in later.head["identifier"]] == ["S1", "R7"]
    assert later.head["status"] == "completed"


def test_order__only_a_filler_number__is_the_last_resort() -> None:
    assert one("ORM^O01", PID, "ORC|SC||R7^LIS||IP", "OBR|1||R7^LIS|a^b^L").record_key == "order-by-filler|H1|LIS|R7"


def test_order__several_in_a_message__are_several_records() -> None:
    found = groups(
        "ORM^O01",
        PID,
        ORC,
        OBR,
        "NTE|1||空腹抽血",
        "ORC|NW|S2^HIS",
        "OBR|2|S2^HIS||CT01^头颅CT平扫^L",
        "OBR|3|S3^HIS||B1^血培养^L",
    )
    assert [group.record_key for group in found] == ["order|H1|HIS|S1", "order|H1|HIS|S2", "order|H1|HIS|S3"]
    assert [group.head["code"]["text"] for group in found] == ["生化全套", "头颅CT平扫", "血培养"]
    assert found[0].head["note"] == [{"text": "空腹抽血"}]
    assert [label(group)[0].labels.categories for group in found] == [Category.LAB, Category.IMGREP, Category.MICRO]


def test_order__of_a_sensitive_test__is_level_five() -> None:
    (draft,) = label(one("ORM^O01", PID, "ORC|NW|S1", "OBR|1|S1||HIV01^人类免疫缺陷病毒抗体^L"))
    assert (draft.labels.level, draft.labels.topics) == (5, Topic.HIV)


def test_order__reason_in_words__is_heard_but_gives_no_category() -> None:
    group = one("ORM^O01", PID, ORC, OBR + "|||||||^CT复查后^L~B20.x00^艾滋病^L")
    assert group.head["reasonCode"][1]["text"] == "艾滋病"
    (draft,) = label(group)
    assert (draft.labels.categories, draft.labels.topics) == (Category.LAB, Topic.HIV)


@pytest.mark.parametrize(
    ("orc", "status", "draft"),
    [
        ("ORC|NW|S1", "active", DraftStatus.CURRENT),
        ("ORC|XO|S1", "active", DraftStatus.CURRENT),
        ("ORC|CA|S1", "revoked", DraftStatus.CURRENT),
        ("ORC|OC|S1", "revoked", DraftStatus.CURRENT),
        ("ORC|DC|S1", "revoked", DraftStatus.CURRENT),
        ("ORC|HD|S1", "on-hold", DraftStatus.CURRENT),
        ("ORC|RL|S1", "active", DraftStatus.CURRENT),
        ("ORC|SC|S1|||CM", "completed", DraftStatus.CURRENT),
        ("ORC|SC|S1|||CA", "revoked", DraftStatus.CURRENT),
        ("ORC|NW|S1|||HD", "on-hold", DraftStatus.CURRENT),
        ("ORC|SC|S1|||ER", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
        ("ORC|??|S1", "unknown", DraftStatus.CURRENT),
        ("ORC|RE|S1", "unknown", DraftStatus.CURRENT),
        ("ORC||S1|||??", "unknown", DraftStatus.CURRENT),
    ],
)
def test_order__control_and_status__decide_the_version(orc: str, status: str, draft: DraftStatus) -> None:
    group = one("ORM^O01", PID, orc, "OBR|1|S1||a^b^L")
    assert (group.head["status"], group.status) == (status, draft)


def test_order__results_are_final__it_is_completed() -> None:
    assert one("ORM^O01", PID, "ORC|RE|S1", "OBR|1|S1||a^b^L|||||||||||||||||||||F").head["status"] == "completed"
    assert one("ORM^O01", PID, "ORC|CA|S1", "OBR|1|S1||a^b^L|||||||||||||||||||||F").head["status"] == "revoked"


def test_order__cancelled_without_its_detail__is_a_version_all_the_same() -> None:
    group = one("ORM^O01", PID, "ORC|CA|S1^HIS||||||||||||||NOSHOW^患者未到^L")
    assert group.record_key == "order|H1|HIS|S1"
    assert "code" not in group.head
    assert group.head["extension"][0]["valueCodeableConcept"]["text"] == "患者未到"


def test_order__when_placed__is_told_by_a_new_order_only() -> None:
    later = one("ORM^O01", PID, "ORC|XO|S1|||||||20260104100000", "OBR|1|S1||a^b^L||20260103080000")
    assert "authoredOn" not in later.head
    assert later.head["occurrenceDateTime"] == "2026-01-03T08:00:00+08:00"
    assert (later.first_day, later.said_at) == (day(2026, 1, 3), 1767492000 * 1_000_000)


def test_order__answers_and_diagnoses__are_its_items() -> None:
    group = one(
        "OML^O21",
        PID,
        ORC,
        OBR,
        "DG1|1||I10.x00^高血压病^ICD-10||20251230",
        "OBX|1|NM|29463-7^体重^LN||70.50|kg^^UCUM|||||F",
        "NTE|1||自述",
        "SPM|1|SP1&HIS||119297000^静脉血^SCT|||VP^静脉穿刺^HL70488||||||||||20260103081500",
    )
    assert [item.key for item in group.items] == ["item|DG1|I10.x00", "item|29463-7|"]
    request, condition, weight = (
        entry["resource"] for entry in compose(group.record_key, group.head, group.items)["entry"]
    )
    assert request["reasonReference"] == [{"reference": f"urn:uuid:{condition['id']}"}]
    assert request["supportingInfo"] == [{"reference": f"urn:uuid:{weight['id']}"}]
    assert weight["note"] == [{"text": "自述"}]
    assert condition["code"]["coding"][0]["system"] == "http://hl7.org/fhir/sid/icd-10"
    (specimen,) = request["contained"]
    assert specimen["collection"]["collectedDateTime"] == "2026-01-03T08:15:00+08:00"
    assert request["specimen"][0]["reference"] == f"#{specimen['id']}"


def test_order__sensitive_diagnosis__leaves_into_a_record_of_its_own() -> None:
    group = one("OML^O21", PID, ORC, OBR, "DG1|1||B20.x00^HIV病^ICD-10", "DG1|2||I10.x00^高血压^ICD-10")
    whole, alone = label(group)
    assert (whole.labels.level, alone.labels.level) == (4, 5)
    assert "HIV" not in str(whole.content)
    assert whole.labels.categories == Category.LAB | Category.PROBLEM


def test_order__old_specimen_field__is_contained() -> None:
    group = one("ORM^O01", PID, ORC, "OBR|1|S1||B1^血培养^L|||||||||||BLD&血液&HL70070^^^LA&左臂")
    assert group.head["contained"][0]["type"]["text"] == "血液"


def test_order__specimen_before_its_orders__belongs_to_each_until_the_next() -> None:
    found = groups(
        "OML^O33",
        PID,
        "SPM|1|SP1||119297000^静脉血^SCT",
        "OBX|1|NM|1^标本量^L||5|mL|||||F",
        "ORC|NW|S1",
        "OBR|1|S1||a^甲^L",
        "ORC|NW|S2",
        "OBR|2|S2||b^乙^L",
        "SPM|2|SP2||122575003^尿液^SCT",
        "ORC|NW|S3",
        "OBR|3|S3||c^丙^L",
    )
    assert [group.head["specimen"][0]["display"] for group in found] == ["静脉血", "静脉血", "尿液"]
    assert [len(group.items) for group in found] == [1, 1, 0]


def test_order__prior_results_sent_along__are_left_out_by_name() -> None:
    found = groups("OML^O21", PID, ORC, OBR, PID, "ORC|PR|S0", "OBR|1|S0||old^旧^L", "OBX|1|NM|x^y^L||1||||||F")
    assert [group.record_key for group in found] == ["order|H1|HIS|S1"]
    assert {"ORC", "OBR", "OBX"} <= set(found[0].unmapped)


def test_order__drug_in_a_general_order__is_a_prescription() -> None:
    drug, service = groups(
        "ORM^O01", PID, "ORC|NW|D1", "RXO|A1^阿司匹林肠溶片^L|100||mg", "ORC|NW|S1", "OBR|1|S1||a^b^L"
    )
    assert (drug.kind, service.kind) == ("prescription", "order")


def test_order__numbers_used_twice__don_t_swallow_each_other() -> None:
    found = groups("ORM^O01", PID, "ORC|NW|S1", "OBR|1|S1||a^甲^L", "ORC|NW|S1", "OBR|2|S1||b^乙^L")
    assert len({group.record_key for group in found}) == 2


def test_order__number_with_a_separator__can_t_forge_another_key() -> None:
    plain = one("ORM^O01", PID, "ORC|NW|S1^HIS", "OBR|1|||a^b^L").record_key
    forged = one("ORM^O01", PID, "ORC|NW|HIS\\F\\S1", "OBR|1|||a^b^L").record_key
    assert forged != plain


def test_order__other_priorities__by_table_and_word() -> None:
    assert one("ORM^O01", PID, "ORC|NW|S1", "OBR|1|S1||a^b^L|急").head["priority"] == "stat"
    assert one("OMG^O19", PID, "ORC|NW|S1", "TQ1|1||||||||R", "OBR|1|S1||a^b^L").head["priority"] == "routine"
    assert "priority" not in one("ORM^O01", PID, "ORC|NW|S1", "OBR|1|S1||a^b^L|Q").head


def test_order__confidentiality_of_the_order__raises_its_level() -> None:
    group = one("ORM^O01", PID, ORC + "|" * 16 + "PSY", OBR)
    assert group.source_labels == ("0177:PSY",)
    assert label(group)[0].labels.topics == Topic.MH


def test_order__explicit_null__clears_its_element() -> None:
    group = one("ORM^O01", PID, 'ORC|XO|S1^HIS||||||||||""', 'OBR|1|S1^HIS||a^b^L||""' + "|" * 25 + '""')
    assert set(group.cleared) == {"requester", "occurrenceDateTime", "reasonCode"}


def test_order__segments_and_fields_without_a_place__are_named_and_z_segments_kept() -> None:
    group = one("ORM^O01", PID, "AL1|1|DA|00123^青霉素^L", "ZP1|医保类型|职工", ORC + "|病房1", OBR, "ZO1|备注")
    assert set(group.unmapped) == {"AL1", "ORC-13"}
    kept = [extension["valueString"] for extension in group.head["extension"]]
    assert kept == ["ZP1|医保类型|职工", "ZO1|备注"]
    assert any("医保类型" in text for text in group.texts)


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        ((PID,), "MSH"),
        ((PID, "ORC|NW", "OBR|1|||a^b^L"), "ORC-2"),
        ((PID, "OBR|1|||a^b^L"), "OBR-2"),
        (("ORC|NW|S1", "OBR|1|S1||a^b^L"), "MSH"),
        (("PID|1||||王", "ORC|NW|S1", "OBR|1|S1||a^b^L"), "PID-3"),
        ((PID, "ORC|PR|S0", "OBR|1|S0||a^b^L"), "MSH"),
    ],
)
def test_order__unusable__is_refused_with_its_place(segments: tuple[str, ...], place: str) -> None:
    with pytest.raises(NormaliseError) as caught:
        groups("ORM^O01", *segments)
    assert str(caught.value.location) == place


def test_order__results_of_one_specimen_for_thousands_of_orders__are_refused_not_multiplied() -> None:
    results = [f"OBX|{number}|NM|{number}^a^L||1||||||F" for number in range(300)]
    wanted = [segment for number in range(300) for segment in (f"ORC|NW|S{number}", f"OBR|1|S{number}||a^b^L")]
    with pytest.raises(NormaliseError) as caught:
        groups("OML^O33", PID, "SPM|1|SP1||a^b^L", *results, *wanted)
    assert str(caught.value.location) == "SPM"


TABLES = {
    "ServiceRequest.status": order_tables.ORDER_CONTROL,
    "ServiceRequest.priority": order_tables.PRIORITY,
    "MedicationRequest.status": order_tables.PRESCRIPTION_STATUS,
    "MedicationDispense.status": order_tables.DISPENSE_STATUS,
    "MedicationAdministration.status": order_tables.ADMINISTRATION_STATUS,
    "Immunization.status": order_tables.VACCINATION_STATUS,
    "Appointment.status": order_tables.APPOINTMENT_STATUS | order_tables.APPOINTMENT_EVENT,
    "Appointment.participant.status": order_tables.PARTICIPATION,
    "ChargeItem.status": order_tables.CHARGE_STATUS,
    "Account.status": order_tables.ACCOUNT_STATUS,
    "Goal.lifecycleStatus": order_tables.GOAL_LIFE_CYCLE,
}


@pytest.mark.parametrize("name", TABLES)
def test_order_tables__every_target__is_inside_its_required_binding(name: str) -> None:
    assert set(TABLES[name].values()) <= CODES[name]


def test_order_tables__problems__are_inside_their_required_bindings() -> None:
    assert set(order_tables.PROBLEM_CONFIRMATION.values()) <= CONCEPTS["Condition.verificationStatus"][1]
    assert set(order_tables.PROBLEM_LIFE_CYCLE.values()) <= CONCEPTS["Condition.clinicalStatus"][1]


def test_order_tables__every_status_of_an_order__has_one_for_drugs() -> None:
    requests = CODES["ServiceRequest.status"] - {"draft"}
    assert set(order_tables.PRESCRIPTION_STATUS) == set(order_tables.DISPENSE_STATUS) == requests
