"""DFT and BAR: charges and accounts."""

from decimal import Decimal

import pytest

from oracle.label import label
from oracle.normalise import NormaliseError
from salus.core.labels import Category
from salus.core.record import DraftStatus, compose
from tests.unit.oracle.normalise.written import PID, PV1, day, groups, one

FT1 = "FT1|1|T1|BATCH7|20260102|20260103090000|CG|CT01^CT平扫^L||| 1|350.00&CNY|350.00&RMB|RAD^放射科^L"
IN1 = (
    "IN1|1|CZ01^城镇职工医保^L|3301^^^YB|杭州市医保局||||||||20250101|20261231||1^职工^L|陳億東|SEL"
    + "|" * 19
    + "YB0001"
)
EVN = "EVN|P05|20260102100000"


def test_charge__transaction__says_what_how_much_and_when() -> None:
    group = one("DFT^P03", PID, PV1, FT1)
    head = group.head
    assert (group.kind, group.record_key, group.said) == ("charge", "charge|H1||T1", "CG")
    assert (head["status"], head["code"]["text"]) == ("billable", "CT平扫")
    assert head["priceOverride"] == {"value": Decimal("350.00"), "currency": "CNY"}
    assert str(head["priceOverride"]["value"]) == "350.00"
    assert head["quantity"] == {"value": Decimal(1)}
    assert head["costCenter"]["display"] == "放射科"
    assert head["account"][0]["identifier"]["value"] == "A1"
    assert head["context"]["identifier"]["value"] == "V1"
    assert head["enteredDate"] == "2026-01-03T09:00:00+08:00"
    assert {one["url"].rsplit(":", 1)[-1] for one in head["extension"]} == {"transaction-type", "unit-price"}
    assert (group.first_day, group.unmapped) == (day(2026, 1, 2), ("FT1-3",))


def test_charge__category__is_billing() -> None:
    (draft,) = label(one("DFT^P03", PID, FT1))
    assert draft.labels.categories == Category.CLAIM
    assert draft.content["resourceType"] == "ChargeItem"


@pytest.mark.parametrize(
    ("sent", "status"),
    [("CG", "billable"), ("CD", "billable"), ("PY", "not-billable"), ("", "unknown"), ("Q", "unknown")],
)
def test_charge__transaction_type__decides_its_status(sent: str, status: str) -> None:
    assert one("DFT^P03", PID, FT1.replace("|CG|", f"|{sent}|")).head["status"] == status


def test_charge__of_a_sensitive_service__is_level_five() -> None:
    (draft,) = label(one("DFT^P03", PID, FT1.replace("CT平扫", "HIV抗体检测")))
    assert draft.labels.level == 5


def test_charge__reason__is_heard_as_a_diagnosis() -> None:
    (draft,) = label(one("DFT^P03", PID, FT1 + "||||||B20.x00^免疫缺陷^L"))
    assert draft.labels.level == 5


def test_charge__procedure_code__joins_its_own_code() -> None:
    head = one("DFT^P03", PID, FT1 + "|" * 12 + "88.01^腹部CT^I9C").head
    assert [coding["code"] for coding in head["code"]["coding"]] == ["CT01", "88.01"]


def test_charge__p03__diagnoses_and_coverage_at_the_end_belong_to_all() -> None:
    found = groups(
        "DFT^P03",
        PID,
        FT1,
        "PR1|1||88.01^腹部CT^I9C||20260102",
        FT1.replace("|T1|", "|T2|"),
        "DG1|1||I10.x00^高血压^ICD-10",
        IN1,
    )
    assert [[item.resource["resourceType"] for item in group.items] for group in found] == [
        ["Procedure", "Condition", "Coverage"],
        ["Condition", "Coverage"],
    ]
    charge, *others = (entry["resource"] for entry in compose("k", found[0].head, found[0].items)["entry"])
    assert charge["service"] == [{"reference": f"urn:uuid:{others[0]['id']}"}]
    assert len(charge["supportingInformation"]) == 2
    (draft,) = label(found[0])
    assert draft.labels.categories == Category.CLAIM | Category.PROC | Category.PROBLEM


def test_charge__p11__diagnoses_belong_to_their_own_transaction() -> None:
    dg1 = "DG1|1||I10.x00^高血压^ICD-10"
    found = groups("DFT^P11", PID, FT1, dg1, FT1.replace("|T1|", "|T2|"))
    assert [len(group.items) for group in found] == [1, 0]


def test_charge__ordered_service__is_named_beside_a_procedure() -> None:
    group = one("DFT^P03", PID, FT1 + "|" * 10 + "R7^LIS", "PR1|1||88.01^腹部CT^I9C")
    services = compose("k", group.head, group.items)["entry"][0]["resource"]["service"]
    assert services[0]["identifier"] == {"system": "urn:id:LIS", "value": "R7"}
    assert len(services) == 2
    assert len(group.head["service"]) == 1


def test_charge__currency_that_is_none__is_left_away() -> None:
    assert one("DFT^P03", PID, FT1.replace("350.00&CNY", "350.00&¥")).head["priceOverride"] == {
        "value": Decimal("350.00")
    }


@pytest.mark.parametrize(
    ("kind", "segments", "place"),
    [
        ("DFT^P03", (PID,), "MSH"),
        ("DFT^P03", (PID, "FT1|1||||CG|CT01"), "FT1-2"),
        ("DFT^P03", (FT1,), "MSH"),
        ("BAR^P01", ("PID|1||P1^^^H1^MR",), "PID-18"),
        ("BAR^P01", (PV1,), "MSH"),
    ],
)
def test_finance__unusable__is_refused_with_its_place(kind: str, segments: tuple[str, ...], place: str) -> None:
    with pytest.raises(NormaliseError) as caught:
        groups(kind, *segments)
    assert str(caught.value.location) == place


def test_charge__thousands_of_charges_and_diagnoses__are_refused_not_multiplied() -> None:
    charges = [f"FT1|1|T{number}||20260102||CG|A^b^L" for number in range(200)]
    diagnoses = [f"DG1|1||D{number}^x^L" for number in range(200)]
    with pytest.raises(NormaliseError) as caught:
        groups("DFT^P03", PID, *charges, *diagnoses)
    assert str(caught.value.location) == "DG1"


# --- accounts


def test_account__opened__has_number_period_and_coverage() -> None:
    group = one("BAR^P01", EVN, PID, PV1 + "|" * 25 + "20260101080000", IN1)
    head = group.head
    assert (group.kind, group.record_key, head["status"]) == ("account", "account|H1|A1", "active")
    assert head["servicePeriod"] == {"start": "2026-01-01T08:00:00+08:00"}
    account, coverage = (entry["resource"] for entry in compose(group.record_key, head, group.items)["entry"])
    assert account["coverage"] == [{"coverage": {"reference": f"urn:uuid:{coverage['id']}"}}]
    assert coverage["payor"] == [
        {
            "type": "Organization",
            "identifier": {"system": "urn:id:YB", "value": "3301"},
            "display": "杭州市医保局",
        }
    ]
    assert coverage["identifier"] == [{"system": "urn:id:YB", "value": "YB0001"}]
    assert coverage["period"] == {"start": "2025-01-01", "end": "2026-12-31"}
    assert (coverage["type"]["text"], coverage["subscriber"]["type"]) == ("职工", "Patient")
    assert label(group)[0].labels.categories == Category.CLAIM
    assert group.also == ("encounter|H1|V1", "account|H1|A1")


@pytest.mark.parametrize(
    ("event", "status"), [("P01", "active"), ("P05", "active"), ("P06", "inactive"), ("P12", "active")]
)
def test_account__event__decides_its_status(event: str, status: str) -> None:
    assert one(f"BAR^{event}", EVN, PID).head["status"] == status


def test_account__diagnoses_procedures_and_results__are_its_items() -> None:
    group = one(
        "BAR^P12",
        EVN,
        PID,
        "DG1|1||B20.x00^HIV病^ICD-10",
        "PR1|1||47.01^阑尾切除术^I9C||20260102083000||40",
        "OBX|1|ST|1^备注^L||无",
    )
    assert [item.resource["resourceType"] for item in group.items] == ["Condition", "Procedure", "Observation"]
    assert group.items[1].resource["performedPeriod"]["end"] == "2026-01-02T09:10:00+08:00"
    whole, alone = label(group)
    assert (whole.labels.level, alone.labels.level) == (4, 5)
    assert "HIV" not in str(whole.content)


def test_account__withdrawn_diagnosis_and_procedure__say_so() -> None:
    group = one("BAR^P12", EVN, PID, "DG1|1||I10^高血压^I10" + "|" * 18 + "D", "PR1|1||47.01^切除^L" + "|" * 17 + "D")
    assert {item.status for item in group.items} == {DraftStatus.ENTERED_IN_ERROR}
    assert group.items[1].resource["status"] == "entered-in-error"


def test_account__no_number__is_known_by_its_visit() -> None:
    group = one("BAR^P01", EVN, "PID|1||P1^^^H1^MR||陳", PV1)
    assert group.record_key == "account-by-visit|H1|V1"


def test_account__guarantor_and_notes__are_kept_and_heard() -> None:
    group = one("BAR^P01", EVN, PID, "GT1|1|G7|陳父||||||||FTH^父亲^HL70063", "NTE|1||工伤")
    assert group.head["guarantor"][0]["party"]["display"] == "陳父 (父亲)"
    assert group.head["description"] == "工伤"


def test_account__coverage_of_somebody_else__names_them() -> None:
    item = one("BAR^P01", EVN, PID, IN1.replace("陳億東|SEL", "王建国|FTH^父亲^HL70063")).items[0]
    assert item.resource["subscriber"] == {"type": "RelatedPerson", "display": "王建国"}
    assert item.resource["relationship"]["text"] == "父亲"


def test_account__several_coverages__are_several_items_and_empty_ones_none() -> None:
    group = one(
        "BAR^P01", EVN, PID, IN1, IN1.replace("CZ01^城镇职工医保", "SB02^商业补充险").replace("3301", "9900"), "IN1|3"
    )
    assert [item.resource["class"][0]["value"] for item in group.items] == ["CZ01", "SB02"]
