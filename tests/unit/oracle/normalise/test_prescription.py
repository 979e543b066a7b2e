"""RDE, OMP, RDS, RAS: what was prescribed, handed out and given."""

from decimal import Decimal

import pytest

from oracle.label import label
from oracle.normalise import NormaliseError
from salus.core.labels import Category
from salus.core.record import DraftStatus, NormalisedGroup
from tests.unit.oracle.normalise.written import PID, PV1, day, groups, one

ORC = "ORC|NW|D1^HIS|||||||20260102083000|||00023^赵医生^^^^^^^H1"
RXE = "RXE|^BID^^20260102^20260109|A02BC01^奥美拉唑肠溶胶囊^L|20.00||mg|CAP^胶囊^L|^饭前服用|||14|粒|0"
RXR = "RXR|PO^口服^HL70162"
DISPENSE = "RXD|1|A1^阿司匹林肠溶片^L|20260102100000|28|片||RX77||^每日一次|00099^钱药师|N"
GIVEN = "RXA|0|1|20260102090000|20260102093000|A1^头孢曲松钠^L|2.0|g^^UCUM||^静滴完毕|00101^孙护士||||||||||CP"


def prescribed(*segments: str) -> NormalisedGroup:
    return one("RDE^O11", PID, PV1, *segments)


def test_prescription__encoded_order__has_drug_dose_route_and_timing() -> None:
    group = prescribed(ORC, RXE, RXR)
    head = group.head
    assert (group.kind, group.record_key) == ("prescription", "prescription|H1|HIS|D1")
    assert (head["status"], head["intent"]) == ("active", "order")
    assert head["medicationCodeableConcept"]["text"] == "奥美拉唑肠溶胶囊"
    (told,) = head["dosageInstruction"]
    assert told["doseAndRate"] == [{"doseQuantity": {"value": Decimal("20.00"), "unit": "mg"}}]
    assert str(told["doseAndRate"][0]["doseQuantity"]["value"]) == "20.00"
    assert told["route"]["text"] == "口服"
    assert told["additionalInstruction"] == [{"text": "饭前服用"}]
    assert told["timing"]["repeat"] == {
        "frequency": 2,
        "period": 1,
        "periodUnit": "d",
        "boundsPeriod": {"start": "2026-01-02", "end": "2026-01-09"},
    }
    assert head["dispenseRequest"]["quantity"] == {"value": Decimal(14), "unit": "粒"}
    assert head["dispenseRequest"]["numberOfRepeatsAllowed"] == 0
    assert head["extension"][0]["valueCodeableConcept"]["text"] == "胶囊"
    assert group.first_day == day(2026, 1, 2)


def test_prescription__category__is_prescription_and_results_keep_their_own() -> None:
    group = prescribed(ORC, RXE, "OBX|1|NM|29463-7^体重^LN||70|kg|||||F", "OBX|2|NM|2160-0^肌酐^LN||88|umol/L|||||F")
    (draft,) = label(group)
    assert draft.labels.categories == Category.MEDORD | Category.VITAL | Category.LAB


def test_prescription__by_atc_of_a_sensitive_drug__is_level_five() -> None:
    (draft,) = label(prescribed(ORC, RXE.replace("A02BC01^奥美拉唑肠溶胶囊^L", "J05AR10^洛匹那韦利托那韦片^ATC")))
    assert draft.labels.level == 5


def test_prescription__indication__is_heard_as_a_diagnosis() -> None:
    (draft,) = label(prescribed(ORC, "RXE||A1^药^L" + "|" * 25 + "F32.9^抑郁发作^L"))
    assert draft.labels.level == 5


@pytest.mark.parametrize(
    ("pattern", "repeat"),
    [
        ("QD", (1, 1, "d")),
        ("tid", (3, 1, "d")),
        ("QOD", (1, 2, "d")),
        ("Q8H", (1, 8, "h")),
        ("Q30M", (1, 30, "min")),
        ("Q2W", (1, 2, "wk")),
        ("5ID", (5, 1, "d")),
        ("BIW", (2, 1, "wk")),
        ("QN", (1, 1, "d")),
        ("PRNQ6H", (1, 6, "h")),
    ],
)
def test_prescription__pattern__becomes_frequency_and_period(pattern: str, repeat: tuple[int, int, str]) -> None:
    (told,) = prescribed(ORC, f"TQ1|1||{pattern}", "RXE||A1^药^L").head["dosageInstruction"]
    found = told["timing"]["repeat"]
    assert (found["frequency"], found["period"], found["periodUnit"]) == repeat
    assert told.get("asNeededBoolean") is (True if pattern.startswith("PRN") else None)


@pytest.mark.parametrize("pattern", ["每日三次", "Q0H", "0ID", "IMM"])
def test_prescription__unknown_pattern__is_kept_in_words(pattern: str) -> None:
    (told,) = prescribed(ORC, f"TQ1|1||{pattern}", "RXE||A1^药^L").head["dosageInstruction"]
    assert told["timing"] == {"code": {"text": pattern}}


def test_prescription__least_and_most__is_a_range_and_equal_ones_a_dose() -> None:
    span = prescribed(ORC, "RXE||A1^药^L|5|10|mg").head["dosageInstruction"][0]["doseAndRate"][0]
    assert (span["doseRange"]["low"]["value"], span["doseRange"]["high"]["value"]) == (5, 10)
    assert "doseQuantity" in prescribed(ORC, "RXE||A1^药^L|5|5|mg").head["dosageInstruction"][0]["doseAndRate"][0]


def test_prescription__end_before_start__is_left_out_by_name() -> None:
    group = prescribed(ORC, "TQ1|1||BID||||20260110|20260101", "RXE||A1^药^L")
    assert "end" not in group.head["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
    assert "TQ1-8" in group.unmapped


def test_prescription__asked_and_encoded__the_encoded_counts_and_the_other_is_named() -> None:
    group = prescribed(ORC, "RXO|G1^通用名药^L|1||片", "RXE||A1^商品名药^L|500||mg")
    assert group.head["medicationCodeableConcept"]["text"] == "商品名药"
    assert {"RXO-1", "RXO-2", "RXO-4"} <= set(group.unmapped)
    assert one("OMP^O09", PID, ORC, "RXO|G1^通用名药^L|1||片").head["intent"] == "original-order"


def test_prescription__compound__names_its_parts() -> None:
    group = prescribed(ORC, "RXE||C1^复方合剂^L", "RXC|B|W1^注射用水^L|100|mL", "RXC|A|K1^氯化钾^L|10|mL")
    parts = [extension["extension"] for extension in group.head["extension"]]
    assert [part[0]["valueCodeableConcept"]["text"] for part in parts] == ["注射用水", "氯化钾"]
    assert "氯化钾" in group.texts


@pytest.mark.parametrize(
    ("orc", "status", "draft"),
    [
        ("ORC|NW|D1", "active", DraftStatus.CURRENT),
        ("ORC|XO|D1", "active", DraftStatus.CURRENT),
        ("ORC|CA|D1", "cancelled", DraftStatus.CURRENT),
        ("ORC|DC|D1", "stopped", DraftStatus.CURRENT),
        ("ORC|SC|D1|||DC", "stopped", DraftStatus.CURRENT),
        ("ORC|HD|D1", "on-hold", DraftStatus.CURRENT),
        ("ORC|SC|D1|||CM", "completed", DraftStatus.CURRENT),
        ("ORC|SC|D1|||ER", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
    ],
)
def test_prescription__control_and_status__decide_the_version(orc: str, status: str, draft: DraftStatus) -> None:
    group = prescribed(orc, "RXE||A1^药^L")
    assert (group.head["status"], group.status) == (status, draft)


def test_prescription__prescription_number__names_it_when_the_order_has_none() -> None:
    group = prescribed("ORC|NW", "RXE||A1^药^L" + "|" * 13 + "RX77")
    assert group.record_key == "prescription-by-number|H1|RX77"
    assert group.head["identifier"] == [
        {"system": "urn:id:H1", "value": "RX77", "type": {"text": "prescription number"}}
    ]


def test_prescription__stopped_without_its_drug__says_so() -> None:
    group = prescribed("ORC|DC|D1^HIS")
    assert (group.record_key, group.head["status"]) == ("prescription|H1|HIS|D1", "stopped")


def test_prescription__several__are_several_records() -> None:
    found = groups("RDE^O11", PID, ORC, RXE, RXR, "ORC|NW|D2^HIS", "RXE||B1^二甲双胍片^L", "NTE|1||随餐")
    assert [group.record_key for group in found] == ["prescription|H1|HIS|D1", "prescription|H1|HIS|D2"]
    assert "dosageInstruction" not in found[1].head
    assert found[1].head["note"] == [{"text": "随餐"}]


@pytest.mark.parametrize(
    ("kind", "segments", "place"),
    [
        ("RDE^O11", (PID, "ORC|NW", "RXE||A1^药^L"), "ORC-2"),
        ("RDE^O11", (PID,), "MSH"),
        ("RDE^O11", ("ORC|NW|D1", "RXE||A1^药^L"), "MSH"),
        ("RDS^O13", (PID, "ORC|RE|D1"), "ORC"),
        ("RDS^O13", (PID, "ORC|RE", "RXD|1|A1^药^L"), "ORC-2"),
        ("RAS^O17", (PID, "ORC|RE|D1", "RXA|0|1||A1"), "RXA-3"),
        ("RAS^O17", (PID, "ORC|RE", GIVEN), "ORC-2"),
        ("RAS^O17", (PID, "ORC|RE|D1"), "ORC"),
    ],
)
def test_pharmacy__unusable__is_refused_with_its_place(kind: str, segments: tuple[str, ...], place: str) -> None:
    with pytest.raises(NormaliseError) as caught:
        groups(kind, *segments)
    assert str(caught.value.location) == place


# --- handed out


def test_dispense__of_an_order__says_what_how_much_and_by_whom() -> None:
    group = one("RDS^O13", PID, "ORC|RE|D1^HIS", DISPENSE, RXR)
    head = group.head
    assert (group.kind, head["status"]) == ("dispense", "completed")
    assert group.record_key == "dispense|H1|HIS|D1|1|2026-01-02T10:00:00+08:00"
    assert head["quantity"] == {"value": Decimal(28), "unit": "片"}
    assert head["authorizingPrescription"][0]["identifier"] == {"system": "urn:id:HIS", "value": "D1"}
    assert head["performer"] == [
        {
            "actor": {
                "type": "Practitioner",
                "identifier": {"system": "urn:id:H1", "value": "00099"},
                "display": "钱药师",
            }
        }
    ]
    assert head["substitution"]["wasSubstituted"] is False
    assert label(group)[0].labels.categories == Category.MEDDISP
    assert group.first_day == day(2026, 1, 2)


def test_dispense__twice_for_one_order__are_two_records() -> None:
    found = groups("RDS^O13", PID, "ORC|RE|D1", DISPENSE, "ORC|RE|D1", DISPENSE.replace("RXD|1", "RXD|2"))
    assert len({group.record_key for group in found}) == 2


@pytest.mark.parametrize(
    ("orc", "status"),
    [
        ("ORC|CA|D1", "cancelled"),
        ("ORC|DC|D1", "stopped"),
        ("ORC|HD|D1", "on-hold"),
        ("ORC|RE|D1|||ER", "entered-in-error"),
    ],
)
def test_dispense__control__decides_its_status(orc: str, status: str) -> None:
    assert one("RDS^O13", PID, orc, DISPENSE).head["status"] == status


# --- given


def test_administration__several_of_one_order__share_its_number() -> None:
    second = GIVEN.replace("|0|1|20260102090000|20260102093000", "|0|2|20260102210000|")
    found = groups("RAS^O17", PID, PV1, "ORC|RE|D1^HIS", GIVEN, "RXR|IV^静脉滴注", second)
    assert [group.record_key for group in found] == [
        "administration|H1|HIS|D1|1|2026-01-02T09:00:00+08:00",
        "administration|H1|HIS|D1|2|2026-01-02T21:00:00+08:00",
    ]
    first = found[0].head
    assert first["effectivePeriod"]["end"] == "2026-01-02T09:30:00+08:00"
    assert first["dosage"]["dose"] == {
        "value": Decimal("2.0"),
        "unit": "g",
        "system": "http://unitsofmeasure.org",
        "code": "g",
    }
    assert first["dosage"]["route"]["text"] == "静脉滴注"
    assert first["request"]["identifier"]["value"] == "D1"
    assert label(found[0])[0].labels.categories == Category.MEDDISP


@pytest.mark.parametrize(
    ("end", "status", "draft"),
    [
        ("CP|A", "completed", DraftStatus.CURRENT),
        ("RE|A", "not-done", DraftStatus.CURRENT),
        ("PA|A", "stopped", DraftStatus.CURRENT),
        ("CP|D", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
        ("CP|U", "completed", DraftStatus.CORRECTED),
        ("??|A", "unknown", DraftStatus.CURRENT),
    ],
)
def test_administration__completion_and_action__decide_the_version(end: str, status: str, draft: DraftStatus) -> None:
    group = one("RAS^O17", PID, "ORC|RE|D1", GIVEN.removesuffix("CP") + end)
    assert (group.head["status"], group.status) == (status, draft)


def test_administration__unknown_amount__has_no_dose_and_names_its_route() -> None:
    group = one("RAS^O17", PID, "ORC|RE|D1", GIVEN.replace("|2.0|g^^UCUM", "|999|"), "RXR|IV^静脉滴注")
    assert "dosage" not in group.head
    assert "RXR" in group.unmapped


def test_administration__what_was_ordered__is_left_out_by_name() -> None:
    group = one("RAS^O17", PID, "ORC|RE|D1", "RXE||A1^药^L", GIVEN)
    assert "RXE" in group.unmapped
