"""What is counted of one message, by rules of docs/quality.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.hl7.message import parse
from oracle.intake.receive import receive
from oracle.normalise import SourceProfile, normalise
from oracle.quality import tell
from oracle.quality.required import REQUIRED, RESULT
from oracle.quality.standard import is_citizen_number
from salus.core.quality import Told

PROFILE = SourceProfile("Hospital B", "HB")
MSH = "MSH|^~\\&|LIS|HB|SALUS|HB|20261101090000||{event}|C1|P|2.5.1||||||UNICODE UTF-8"
PID = (
    "PID|1||P1^^^HB^MR~11010519491231002X^^^^NNCHN||王^小明^^^^^L||19491231|M|||东風路1号^^示例市^示例省^100000^CHN^H"
    "||13900000001^PRS^CP"
)
OBR = "OBR|1|S1|L1|24323-8^生化^LN|||20261101083000|||||||||||||||20261101084500||LAB|F"
OBX = "OBX|1|NM|2345-7^葡萄糖^LN||5.40|mmol/L^mmol/L^UCUM|3.9-6.1|N|||F|||20261101083000"


def told(event: str, *segments: str) -> Told:
    raw = "\r".join((MSH.format(event=event), *segments, "")).encode()
    message = parse(receive(raw).text)
    return tell(message, normalise(message, PROFILE))


def counts(event: str, *segments: str) -> dict[str, int]:
    return dict(told(event, *segments).counts)


def result(*segments: str) -> dict[str, int]:
    return counts("ORU^R01^ORU_R01", *segments)


def test_tell__report_with_all_elements__lacks_nothing() -> None:
    found = result(PID, OBR, OBX)
    assert found["required.report"] == found["present.report"] == len(REQUIRED["report"])
    assert found["required.result"] == found["present.result"] == len(RESULT)
    assert not [measure for measure in found if measure.startswith("missing.")]


@pytest.mark.parametrize(
    ("obr", "obx", "lacks"),
    [
        (OBR.replace("20261101084500", ""), OBX, "missing.report.issued"),
        (OBR.replace("20261101083000", ""), OBX, "missing.report.taken"),
        (OBR.replace("24323-8^生化^LN", "^生化"), OBX, "missing.report.code"),
        (OBR, OBX.replace("mmol/L^mmol/L^UCUM", ""), "missing.result.unit"),
        (OBR, OBX.replace("3.9-6.1", ""), "missing.result.range"),
        (OBR, OBX.replace("5.40", ""), "missing.result.value"),
        (OBR, OBX.replace("2345-7^葡萄糖^LN", "^葡萄糖"), "missing.result.code"),
    ],
)
def test_tell__report_without_an_element__names_it(obr: str, obx: str, lacks: str) -> None:
    found = result(PID, obr, obx)
    assert found[lacks] == 1
    assert sum(count for measure, count in found.items() if measure.startswith("missing.")) == 1


def test_tell__result_that_is_a_word__needs_no_unit_and_no_range() -> None:
    found = result(PID, OBR, "OBX|1|ST|883-9^ABO血型^LN||A型||||||F")
    assert found["required.result"] == found["present.result"] == 2


def test_tell__report_entered_in_error__needs_nothing() -> None:
    found = result(PID, OBR[:-1] + "W", OBX)
    assert "required.report" not in found


def test_tell__codes__known_when_the_system_is_published() -> None:
    found = result(
        PID, OBR, OBX, OBX.replace("2345-7^葡萄糖^LN", "GLU^葡萄糖^99LAB"), OBX.replace("^LN", "").replace("1|", "3|")
    )
    assert found["codes"] == 4
    assert found["codes.known"] == 2


def test_tell__units__known_when_ucum_or_written_so() -> None:
    sent = ("mmol/L^mmol/L^UCUM", "mmol/L", "毫摩尔每升", "")
    found = result(PID, OBR, *(OBX.replace("mmol/L^mmol/L^UCUM", unit) for unit in sent))
    assert (found["units"], found["units.known"]) == (3, 2)


@pytest.mark.parametrize(
    ("kind", "value", "known"),
    [
        ("NM", "5.40", 1),
        ("NM", "<0.5", 1),
        ("NM", "1.2~3.4", 1),
        ("NM", "六点二", 0),
        ("NM", "1.2~高", 0),
        ("nm", "阴性", 0),
        ("SN", ">=^120", 1),
        ("SN", "^很多", 0),
        ("DT", "20261101", 1),
        ("DTM", "昨天", 0),
        ("TM", "0830", 1),
        ("TM", "早上", 0),
    ],
)
def test_tell__value_of_a_type_with_a_form__is_known_when_it_has_it(kind: str, value: str, known: int) -> None:
    found = result(PID, OBR, OBX.replace("|NM|", f"|{kind}|").replace("5.40", value))
    assert (found["values"], found.get("values.known", 0)) == (1, known)


@pytest.mark.parametrize(
    ("kind", "value"), [("NM", ""), ("NM", '""'), ("ST", "六点二"), ("CE", "1^阴性^99"), ("", "x")]
)
def test_tell__no_value_or_a_type_any_text_has__is_not_asked(kind: str, value: str) -> None:
    assert "values" not in result(PID, OBR, OBX.replace("|NM|", f"|{kind}|").replace("5.40", value))


@pytest.mark.parametrize(("status", "known"), [("F", 1), ("c", 1), ("X", 1), ("X9", 0), ("完成", 0)])
def test_tell__status_of_a_result__is_known_when_table_0085_has_it(status: str, known: int) -> None:
    found = result(PID, OBR, OBX.replace("|N|||F|", f"|N|||{status}|"))
    assert (found["statuses"], found.get("statuses.known", 0)) == (1, known)


def test_tell__result_without_a_status__is_not_asked_for_one() -> None:
    assert "statuses" not in result(PID, OBR, OBX.replace("|N|||F|", "|N||||"))


def test_tell__demographics__in_range_by_table_date_and_check_character() -> None:
    good = counts("ADT^A28^ADT_A05", "EVN|A28|20261101", PID)
    assert (good["demographics"], good["demographics.known"]) == (3, 3)
    bad = PID.replace("11010519491231002X", "110105194912310021").replace("|19491231|M|", "|17000101|X|")
    found = counts("ADT^A28^ADT_A05", "EVN|A28|20261101", bad)
    assert (found["demographics"], found.get("demographics.known", 0)) == (3, 0)
    assert found["missing.demographics.sex"] == 1


def test_tell__visit_that_is_over__needs_an_end_and_a_diagnosis() -> None:
    pv1 = "PV1|1|I|心内科||||00023^赵|||||||||||V1|V1|||||||||||||||||||||||||20261101080000"
    evn = "EVN|A03|20261105"
    found = counts("ADT^A03^ADT_A03", evn, PID, pv1)
    assert found["missing.encounter.end"] == found["missing.encounter.diagnosis"] == 1
    whole = counts("ADT^A03^ADT_A03", evn, PID, pv1 + "|20261105100000", "DG1|1||I10^高血压病^I10")
    assert whole["required.encounter"] == whole["present.encounter"] == len(REQUIRED["encounter"])


def test_tell__times__are_the_header_and_the_latest_report() -> None:
    found = told("ORU^R01^ORU_R01", PID, OBR, OBX, OBR.replace("L1", "L2").replace("084500", "085000"), OBX)
    assert found.sent_at == 1793494800
    assert found.issued_at == 1793494800 - 600


def test_tell__times_without_an_hour__are_unknown() -> None:
    assert told("ORU^R01^ORU_R01", PID, OBR.replace("20261101084500", "20261101"), OBX).issued_at == 0


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        ("11010519491231002X", True),
        ("11010519491231002x", True),
        ("110105194912310021", False),
        ("11010519491331002X", False),
        ("110105491231002", False),
        ("1101051949123100２X", False),
        ("", False),
    ],
)
def test_citizen_number__check_character_and_date__decide(number: str, holds: bool) -> None:
    assert is_citizen_number(number) is holds


def test_required__kinds_and_elements__are_named_in_the_docs() -> None:
    text = (Path(__file__).parents[4] / "docs" / "quality.md").read_text()
    for kind, elements in (*REQUIRED.items(), ("result", ())):
        assert f"`{kind}`" in text
        for element in elements:
            assert f"`{element.name}`" in text, (kind, element.name)
    assert all(f"`{name}`" in text for name in RESULT)
