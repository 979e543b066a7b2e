"""Messages to groups: content, keys, days, status and what is refused. All output must be valid FHIR R4."""

from base64 import b64decode, b64encode
from datetime import date
from decimal import Decimal
from typing import Any

import fhirkit
import msgspec
import pytest

from oracle.hl7.message import parse
from oracle.intake.receive import SUPPORTED_EVENTS
from oracle.normalise import NormaliseError, SourceProfile, normalise
from salus.core.record import DraftStatus, NormalisedGroup, compose

SOURCE = SourceProfile("示例医院", "H1")
ENCODER = msgspec.json.Encoder(decimal_format="number", order="sorted")
PID = (
    "PID|1||P1^^^H1^MR~110105197905120000^^^^NNCHN||陳億東^^^^^^L^I||19790512|M|||东风路1号^^北京市^^100000^CHN^H"
    "||139^PRS^CP"
)
PV1 = "PV1|1|I|心内科^01床^1^H1||||00023^赵医生||||||||||||V1^^^H1^VN" + "|" * 25 + "20260101080000"
OBR = "OBR|1|S1^HIS|R1^LIS|24323-8^生化全套^LN|||20260101080000|||||||||||||||20260101100000||CH|F"


def _groups(kind: str, *segments: str, source: SourceProfile = SOURCE) -> list[NormalisedGroup]:
    header = f"MSH|^~\\&|HIS|H1|SALUS|H1|20260102090000||{kind}|42|P|2.5.1"
    groups = normalise(parse("\r".join((header, *segments))), source)
    for group in groups:
        content = ENCODER.encode(compose(group.record_key, group.head, group.items)).decode()
        assert fhirkit.validate(content) == []
    return groups


def _report(*segments: str, pid: str = PID, obr: str = OBR) -> NormalisedGroup:
    (group,) = _groups("ORU^R01", pid, obr, *segments)
    return group


def _observation(obx: str) -> dict[str, Any]:
    return _report(obx).items[0].resource


def contained(group: NormalisedGroup, kind: str) -> list[dict[str, Any]]:
    """Contained resources of a type in a group's head."""
    return [one for one in group.head.get("contained", []) if one["resourceType"] == kind]


def _day(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - date(1970, 1, 1)).days


# --- ADT


def test_adt__admission__gives_demographics_and_encounter_with_stable_keys() -> None:
    person, visit = _groups("ADT^A01", "EVN|A01|20260101080500", PID, PV1)
    assert (person.kind, person.record_key) == ("demographics", "demographics|H1|P1")
    assert (visit.kind, visit.record_key) == ("encounter", "encounter|H1|V1")
    assert person.subject_key == visit.subject_key == "H1|P1"
    assert person.first_day == person.last_day == _day(2026, 1, 1)


def test_adt__patient__has_whole_chinese_name_and_all_numbers() -> None:
    patient = _groups("ADT^A01", "EVN|A01|20260101080500", PID, PV1)[0].head
    assert patient["name"][0]["text"] == "陳億東"
    assert "family" not in patient["name"][0]
    assert (patient["gender"], patient["birthDate"]) == ("male", "1979-05-12")
    assert [one["system"] for one in patient["identifier"]] == ["urn:id:H1", "urn:oid:2.16.156.10011.1.3"]
    assert patient["telecom"] == [{"system": "phone", "value": "139", "use": "mobile"}]


def test_adt__western_name__is_family_given_and_text() -> None:
    pid = "PID|1||P1^^^H1^MR||Doe^Jane^Q^Jr^Dr^^L||1979|F"
    name = _groups("ADT^A28", "EVN|A28|20260101", pid)[0].head["name"][0]
    assert (name["family"], name["given"], name["text"]) == ("Doe", ["Jane", "Q"], "Dr Jane Q Doe Jr")


def test_adt__encounter__names_the_patient_by_number_only() -> None:
    visit = _groups("ADT^A01", "EVN|A01|20260101080500", PID, PV1)[1]
    assert visit.head["subject"] == {"type": "Patient", "identifier": {"system": "urn:id:H1", "value": "P1"}}
    assert "陳億東" not in str(visit.head)


@pytest.mark.parametrize(
    ("event", "pv1", "status"),
    [
        ("A01", PV1, "in-progress"),
        ("A04", PV1, "arrived"),
        ("A03", PV1 + "|20260109170000", "finished"),
        ("A08", PV1, "in-progress"),
        ("A08", PV1 + "|20260109170000", "finished"),
        ("A08", PV1.replace("|I|", "|P|"), "planned"),
        ("A11", PV1, "cancelled"),
        ("A13", PV1, "in-progress"),
    ],
)
def test_adt__event__decides_encounter_status(event: str, pv1: str, status: str) -> None:
    assert _groups(f"ADT^{event}", f"EVN|{event}|20260101", PID, pv1)[1].head["status"] == status


def test_adt__discharge__days_run_from_admission_to_discharge() -> None:
    visit = _groups("ADT^A03", "EVN|A03|20260109", PID, PV1 + "|20260109170000")[1]
    assert (visit.first_day, visit.last_day) == (_day(2026, 1, 1), _day(2026, 1, 9))
    assert visit.head["period"] == {"start": "2026-01-01T08:00:00+08:00", "end": "2026-01-09T17:00:00+08:00"}


@pytest.mark.parametrize(
    ("sent", "code"), [("I", "IMP"), ("O", "AMB"), ("E", "EMER"), ("P", "PRENC"), ("B", "B"), ("Q", "Q"), ("", "U")]
)
def test_adt__patient_class__becomes_encounter_class(sent: str, code: str) -> None:
    visit = _groups("ADT^A01", "EVN|A01|20260101", PID, PV1.replace("|I|", f"|{sent}|"))[1]
    assert visit.head["class"]["code"] == code


@pytest.mark.parametrize(
    ("sent", "gender"),
    [("1", "male"), ("2", "female"), ("F", "female"), ("女", "female"), ("9", "unknown"), ("Z", "unknown")],
)
def test_adt__sex__by_hl7_or_chinese_code(sent: str, gender: str) -> None:
    group = _groups("ADT^A28", "EVN|A28|20260101", f"PID|1||P1^^^H1^MR||王伟||1979|{sent}")[0]
    assert group.head["gender"] == gender
    assert ("PID-8" in group.unmapped) is (sent == "Z")


def test_adt__diagnoses_and_allergies__are_items() -> None:
    visit = _groups(
        "ADT^A01",
        "EVN|A01|20260101",
        PID,
        PV1,
        "DG1|1||I10.x00x002^高血压病^ICD-10||20260101|A",
        "DG1|2||B20.x00x001^HIV病^ICD-10||20260101|A",
        "AL1|1|DA|00123^青霉素^L|SV|皮疹|2019",
    )[1]
    assert [item.key for item in visit.items] == [
        "item|DG1|I10.x00x002",
        "item|DG1|B20.x00x001",
        "item|AL1|00123",
    ]
    assert visit.items[0].codes[0].system == "http://hl7.org/fhir/sid/icd-10"
    assert visit.items[2].resource["criticality"] == "high"


def test_adt__ethnic_group__is_an_item_not_in_the_patient() -> None:
    pid = PID + "||||||||" + "|HA^汉族"
    person = _groups("ADT^A28", "EVN|A28|20260101", pid)[0]
    assert "汉族" not in str(person.head)
    assert person.items[0].key == "item|identity"


@pytest.mark.parametrize(
    ("pid", "key"),
    [
        ("PID|1||9^^^OTHER^MR~P1^^^H1^PI||x", "H1|P1"),
        ("PID|1||110105^^^^NNCHN~P1^^^^LocalID||x", "H1|P1"),
        ("PID|1||P1||x", "H1|P1"),
        ("PID|1||P1^^^LIS&1.2.3&ISO||x", "LIS|P1"),
        ("PID|1||110105^^^^IdentifyNO||x", "H1|110105"),
        ("PID|1||A\\F\\B^^^H1^MR||x", "H1|A%7CB"),
    ],
)
def test_subject__several_numbers__own_number_wins(pid: str, key: str) -> None:
    assert _groups("ADT^A28", "EVN|A28|20260101", pid)[0].subject_key == key


def test_adt__no_visit_number__admission_time_names_the_visit() -> None:
    bare = PV1.replace("V1^^^H1^VN", "")
    assert _groups("ADT^A01", "EVN|A01|20260101", PID, bare)[1].record_key == (
        "encounter|H1|P1@2026-01-01T08:00:00+08:00"
    )


def test_adt__unknown_segments_and_fields__are_named() -> None:
    person, visit = _groups("ADT^A01", "EVN|A01|20260101", PID + "|||||||C1^^L", PV1, "IN1|1|y")
    assert set(person.unmapped) == set(visit.unmapped) == {"IN1", "PID-20"}


# --- ORU


def test_oru__report__has_key_status_days_and_results() -> None:
    group = _report("OBX|1|NM|2345-7^葡萄糖^LN||5.40|mmol/L^^UCUM|3.9-6.1|N|||F|||20260101093000")
    assert group.record_key == "report|H1|LIS|R1|24323-8"
    assert (group.head["status"], group.section) == ("final", "CH")
    assert (group.first_day, group.last_day) == (_day(2026, 1, 1),) * 2
    content = compose(group.record_key, group.head, group.items)
    report, result = (entry["resource"] for entry in content["entry"])
    assert report["result"] == [{"reference": f"urn:uuid:{result['id']}"}]


def test_oru__same_message_twice__gives_the_same_bytes() -> None:
    obx = "OBX|1|NM|2345-7^葡萄糖^LN||5.40|mmol/L|3.9-6.1|N|||F"
    first, second = _report(obx), _report(obx)
    assert ENCODER.encode(first.head) == ENCODER.encode(second.head)
    assert first == second


def test_oru__later_version_of_a_result__keeps_its_ids() -> None:
    first = _report("OBX|1|NM|2345-7^葡萄糖^LN||5.40|mmol/L|||||P")
    second = _report("OBX|7|NM|2345-7^葡萄糖^LN||5.60|mmol/L|||||C")
    assert first.items[0].resource["id"] == second.items[0].resource["id"]


def test_oru__decimals__stay_as_written() -> None:
    for sent in ("5.40", "0.10", "100", "-3.0", "12345678901234567890.12345"):
        value = _observation(f"OBX|1|NM|a^b^L||{sent}|g|||||F")["valueQuantity"]["value"]
        assert value == Decimal(sent)
        assert ENCODER.encode(value).decode() == sent


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        ("NM", "+5.40", {"valueQuantity": {"value": Decimal("5.40"), "unit": "g"}}),
        ("NM", "<0.05", {"valueQuantity": {"value": Decimal("0.05"), "comparator": "<", "unit": "g"}}),
        ("NM", "≥100", {"valueQuantity": {"value": Decimal(100), "comparator": ">=", "unit": "g"}}),
        ("NM", "阴性", {"valueString": "阴性"}),
        ("NM", "1e5", {"valueString": "1e5"}),
        ("NM", "１２", {"valueString": "１２"}),
        ("NM", "NaN", {"valueString": "NaN"}),
        ("SN", ">^10", {"valueQuantity": {"value": Decimal(10), "comparator": ">", "unit": "g"}}),
        (
            "SN",
            "^1^-^5",
            {"valueRange": {"low": {"value": Decimal(1), "unit": "g"}, "high": {"value": Decimal(5), "unit": "g"}}},
        ),
        (
            "SN",
            "^1^:^128",
            {
                "valueRatio": {
                    "numerator": {"value": Decimal(1), "unit": "g"},
                    "denominator": {"value": Decimal(128), "unit": "g"},
                }
            },
        ),
        ("SN", "^2^+", {"valueString": "^2^+"}),
        ("ST", "a^b & c", {"valueString": "a^b & c"}),
        ("", "无类型", {"valueString": "无类型"}),
        ("TX", "第一行~第二行", {"valueString": "第一行\n第二行"}),
        ("FT", "a\\.br\\b", {"valueString": "a\nb"}),
        ("DT", "20260101", {"valueDateTime": "2026-01-01"}),
        ("TS", "not a date", {"valueString": "not a date"}),
        ("TM", "0830", {"valueTime": "08:30:00"}),
        ("TM", "2530", {"valueString": "2530"}),
        ("XAD", "街^^市", {"valueString": "街^^市"}),
    ],
)
def test_obx__each_value_type__keeps_the_value(kind: str, sent: str, expected: dict[str, Any]) -> None:
    resource = _observation(f"OBX|1|{kind}|a^b^L||{sent}|g|||||F")
    assert {name: value for name, value in resource.items() if name.startswith("value")} == expected


def test_obx__coded_value__has_both_codings_and_text() -> None:
    value = _observation("OBX|1|CWE|a^b^L||260385009^阴性^SCT^N^neg^L||||||F")["valueCodeableConcept"]
    assert [one["code"] for one in value["coding"]] == ["260385009", "N"]
    assert value["text"] == "阴性"


def test_obx__repeated_numbers__are_components() -> None:
    resource = _observation("OBX|1|NM|a^b^L||1~2|g|||||F")
    assert [one["valueQuantity"]["value"] for one in resource["component"]] == [1, 2]


def test_obx__document_inside__is_media_with_the_bytes() -> None:
    data = b64encode(b"%PDF-1.7").decode()
    group = _report(f"OBX|1|ED|a^报告^L||^application^PDF^Base64^{data}||||||F")
    media = group.items[0].resource
    assert media["content"] == {"contentType": "application/pdf", "data": data, "title": "报告"}
    head = compose(group.record_key, group.head, group.items)["entry"][0]["resource"]
    assert head["media"][0]["link"]["reference"].endswith(media["id"])


@pytest.mark.parametrize("sent", ["JVBERiW0=", "AAAA====", "A", "QQ"])
def test_obx__base64_of_the_wrong_length__is_kept_as_text(sent: str) -> None:
    media = _report(f"OBX|1|ED|X^x^LN||^application^pdf^Base64^{sent}||||||F").items[0].resource
    assert b64decode(media["content"]["data"]) == sent.encode()


@pytest.mark.parametrize("codec", ["utf-8", "gb18030"])
def test_obx__text_inside_base64__is_labelled_by_its_words(codec: str) -> None:
    sent = b64encode("艾滋病抗体阳性".encode(codec)).decode()
    group = _report(f"OBX|1|ED|X^x^LN||^text^plain^Base64^{sent}||||||F")
    assert any("艾滋病" in text for item in group.items for text in item.texts)


def test_obx__broken_base64__is_kept_as_sent() -> None:
    media = _report("OBX|1|ED|a^报告^L||^application^PDF^Base64^%%%||||||F").items[0].resource
    assert b64decode(media["content"]["data"]) == b"%%%"


@pytest.mark.parametrize(
    ("sent", "status", "draft"),
    [
        ("F", "final", DraftStatus.CURRENT),
        ("P", "preliminary", DraftStatus.CURRENT),
        ("C", "corrected", DraftStatus.CORRECTED),
        ("D", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
        ("W", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
        ("X", "cancelled", DraftStatus.CURRENT),
        ("?", "unknown", DraftStatus.CURRENT),
    ],
)
def test_obx__status__becomes_observation_and_draft_status(sent: str, status: str, draft: DraftStatus) -> None:
    item = _report(f"OBX|1|NM|a^b^L||1|g|||||{sent}").items[0]
    assert (item.resource["status"], item.status) == (status, draft)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("130-175", 130, 175),
        ("3.9--6.1", Decimal("3.9"), Decimal("6.1")),
        ("<5", None, 5),
        (">=3", 3, None),
        ("阴性", None, None),
    ],
)
def test_obx__reference_range__has_text_and_numbers(text: str, low: Any, high: Any) -> None:
    (found,) = _observation(f"OBX|1|NM|a^b^L||1|g|{text}||||F")["referenceRange"]
    assert found["text"] == text
    assert found.get("low", {}).get("value") == low
    assert found.get("high", {}).get("value") == high


@pytest.mark.parametrize(("sent", "code"), [("H", "H"), ("↑", "H"), ("HH", "HH"), ("阳性", "POS"), ("n", "N")])
def test_obx__flag__becomes_interpretation(sent: str, code: str) -> None:
    resource = _observation(f"OBX|1|NM|a^b^L||1|g||{sent}|||F")
    assert resource["interpretation"][0]["coding"][0]["code"] == code


def test_oru__notes__belong_to_what_they_follow() -> None:
    group = _report("NTE|1||报告备注", "OBX|1|NM|a^b^L||1|g|||||F", "NTE|1||结果备注\\.br\\第二行")
    assert group.head["extension"][0]["valueAnnotation"]["text"] == "报告备注"
    assert group.items[0].resource["note"] == [{"text": "结果备注\n第二行"}]


def test_oru__two_obr__are_two_groups_and_repeated_ones_stay_apart() -> None:
    groups = _groups("ORU^R01", PID, OBR, "OBX|1|NM|a^b^L||1||||||F", OBR, "OBX|1|NM|a^b^L||2||||||F")
    assert [one.record_key for one in groups] == ["report|H1|LIS|R1|24323-8", "report|H1|LIS|R1|24323-8|#2"]


def test_oru__same_code_twice__keys_differ_by_sub_id_or_place() -> None:
    group = _report(*(f"OBX|{n}|NM|a^b^L|{sub}|{n}|g|||||F" for n, sub in enumerate(("1", "2", "2"), 1)))
    assert [item.key for item in group.items] == ["item|a|1", "item|a|2", "item|a|2|#2"]
    assert len({item.resource["id"] for item in group.items}) == 3


def test_oru__two_patients__each_report_has_its_own() -> None:
    other = PID.replace("P1^", "P2^")
    groups = _groups("ORU^R01", PID, OBR, "OBX|1|NM|a^b^L||1||||||F", other, OBR.replace("R1^", "R2^"))
    assert [one.subject_key for one in groups] == ["H1|P1", "H1|P2"]


def test_oru__filler_in_orc__wins_and_placer_is_last_resort() -> None:
    assert _groups("ORU^R01", PID, "ORC|RE|S9|R9^LIS", OBR)[0].record_key == "report|H1|LIS|R9|24323-8"
    bare = OBR.replace("R1^LIS", "")
    assert _report(obr=bare).record_key == "report-by-placer|H1|HIS|S1|24323-8"


def test_oru__result_days__come_from_the_result() -> None:
    group = _report("OBX|1|NM|a^b^L||1|g|||||F|||20260103")
    assert group.items[0].first_day == _day(2026, 1, 3)
    assert group.first_day == _day(2026, 1, 1)


def test_oru__nothing_dated__is_undated() -> None:
    group = _report("OBX|1|NM|a^b^L||1|g|||||F", obr="OBR|1||R1^LIS|a^b^L")
    assert (group.first_day, group.items[0].first_day) == (0, 0)


def test_oul__same_mapping_as_oru() -> None:
    (group,) = _groups("OUL^R24", PID, OBR, "OBX|1|NM|a^b^L||1|g|||||F", "SPM|1|||119297000^静脉血^SCT")
    assert group.head["specimen"] == [{"reference": "#specimen-1", "type": "Specimen", "display": "静脉血"}]
    assert contained(group, "Specimen")[0]["type"]["coding"][0]["code"] == "119297000"


# --- MDM

TXA = "TXA|1|DS^出院小结|TX|20260105163000|00023^赵医生|20260105170000||||||D1^EMR|||||AU||AV"


def test_mdm__text__is_one_utf8_attachment() -> None:
    (group,) = _groups(
        "MDM^T02", "EVN|T02|20260105", PID, PV1, TXA, "OBX|1|TX|a^小结^L||主诉：胸闷", "OBX|2|TX|a^小结^L||诊断：無"
    )
    attachment = group.head["content"][0]["attachment"]
    assert b64decode(attachment["data"]).decode() == "主诉：胸闷\n诊断：無"
    assert group.record_key == "document|H1|EMR|D1"
    assert (group.first_day, group.section, group.visit_class) == (_day(2026, 1, 5), "DS", "I")
    assert (group.head["status"], group.head["docStatus"]) == ("current", "final")


@pytest.mark.parametrize(
    ("event", "availability", "status", "draft"),
    [
        ("T02", "AV", "current", DraftStatus.CURRENT),
        ("T10", "AV", "current", DraftStatus.CORRECTED),
        ("T02", "OB", "superseded", DraftStatus.CURRENT),
        ("T02", "CA", "entered-in-error", DraftStatus.ENTERED_IN_ERROR),
    ],
)
def test_mdm__availability__decides_status(event: str, availability: str, status: str, draft: DraftStatus) -> None:
    (group,) = _groups(f"MDM^{event}", PID, TXA.replace("|AV", f"|{availability}"), "OBX|1|TX|a||x")
    assert (group.head["status"], group.status) == (status, draft)


def test_mdm__no_document_number__key_is_of_the_content() -> None:
    bare = TXA.replace("D1^EMR", "")
    first, again, other = (_groups("MDM^T02", PID, bare, f"OBX|1|TX|a||{text}")[0] for text in ("x", "x", "y"))
    assert first.record_key == again.record_key != other.record_key
    assert "TXA-12" in first.unmapped


# --- refusals


@pytest.mark.parametrize(
    ("kind", "segments", "place"),
    [
        ("ADT^A01", (PV1,), "MSH"),
        ("ADT^A01", (PID,), "MSH"),
        ("ADT^A01", ("PID|1||||x", PV1), "PID-3"),
        ("ADT^A01", ('PID|1||""||x', PV1), "PID-3"),
        ("ADT^A03", (PID, "PV1|1|I"), "PV1-19"),
        ("ORU^R01", (PID,), "MSH"),
        ("ORU^R01", (PID, "OBX|1|NM|a||1", OBR), "OBX"),
        ("ORU^R01", (OBR,), "MSH"),
        ("ORU^R01", (PID, "OBR|1|||a^b^L"), "OBR-3"),
        ("ORU^R01", (PID, OBR.replace("|CH|F", "|CH|Y")), "OBR-25"),
        ("MDM^T02", (PID, "OBX|1|TX|a||x"), "MSH"),
        ("MDM^T02", (PID, TXA), "TXA"),
        ("QRY^A19", (PID,), "MSH-9"),
    ],
)
def test_normalise__unusable_message__raises_with_its_place(kind: str, segments: tuple[str, ...], place: str) -> None:
    with pytest.raises(NormaliseError) as caught:
        _groups(kind, *segments)
    assert str(caught.value.location) == place


def test_errors__message__never_repeats_content() -> None:
    with pytest.raises(NormaliseError) as caught:
        _groups("ORU^R01", PID, "OBX|1|TX|a||SECRET")
    assert "SECRET" not in str(caught.value)
    assert "陳億東" not in str(caught.value)


@pytest.mark.parametrize("code", sorted(SUPPORTED_EVENTS))
def test_intake__each_supported_type__has_a_mapping(code: str) -> None:
    with pytest.raises(NormaliseError) as caught:
        _groups(f"{code}^X")
    assert "no mapping" not in str(caught.value)
